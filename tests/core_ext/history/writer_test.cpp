// Rows of history are what the state says behind each record: over a desk that does everything at
// random every column has one length, and the last row of a key is that key's state.
#include "gateway_core/history/writer.hpp"

#include <map>
#include <string>
#include <utility>

#include "check.hpp"
#include "gateway_core/record/operation.hpp"
#include "state/random_desk.hpp"

using namespace desk;  // NOLINT

namespace {

template <typename Column>
std::size_t length(const Column& column) {
  if constexpr (requires { column.ends; }) {
    CHECK_EQUAL(static_cast<std::size_t>(column.ends.back()), column.bytes.size());
    return column.ends.size() - 1;
  } else {
    return column.size();
  }
}

#define COLUMN(type, name) CHECK_EQUAL(length(table.name), length(table.sequence));
void check_lengths(const history::OrderColumns& table) {
#include "gateway_core/history/orders.def"
}
void check_lengths(const history::FillColumns& table) {
#include "gateway_core/history/fills.def"
}
void check_lengths(const history::PositionColumns& table) {
#include "gateway_core/history/positions.def"
}
void check_lengths(const history::BalanceColumns& table) {
#include "gateway_core/history/balances.def"
}
void check_lengths(const history::FundingColumns& table) {
#include "gateway_core/history/funding.def"
}
void check_lengths(const history::RefusalColumns& table) {
#include "gateway_core/history/refusals.def"
}
#undef COLUMN

std::string text_of(const history::Texts& texts, std::size_t row) {
  const auto begin = static_cast<std::size_t>(texts.ends[row]);
  return {texts.bytes.data() + begin, static_cast<std::size_t>(texts.ends[row + 1]) - begin};
}

/// A desk at random for some steps, and the rows of it.
struct Past {
  Twin twin;
  history::Writer writer;
  std::uint64_t fills = 0;

  Past(std::uint64_t seed, int steps, std::size_t reserved) : twin(seed) {
    writer.reserve_orders(reserved);
    writer.begin(twin.replica);
    for (int step = 0; step < steps; ++step) {
      twin.take([&] { twin.step(); },
                [&](const RecordHeader& header, const std::uint8_t* record) {
                  writer.write(twin.replica, header, record);
                });
    }
  }
};

void check_positions(const Past& past) {
  const history::PositionColumns& rows = past.writer.positions;
  std::map<std::pair<AccountId, StrategyId>, std::size_t> last;
  for (std::size_t row = 0; row < rows.sequence.size(); ++row) {
    // The account's margin mode changes on the way; only the newest row of the newest book counts.
    last[{rows.account[row], rows.strategy[row]}] = row;
  }
  CHECK(last.size() > 2);
  for (const auto& [key, row] : last) {
    const std::uint32_t route = past.twin.replica.routes.find(
        RouteTable::key(key.first, rows.instrument[row], static_cast<Leg>(rows.leg[row]),
                        rows.margin_mode[row], key.second));
    CHECK(route != RouteTable::kNone);
    const Position& position = past.twin.replica.routes.position(route);
    CHECK_EQUAL(position.sequence, rows.sequence[row]);
    CHECK_EQUAL(position.book.quantity, rows.quantity[row]);
    CHECK(position.book.cost_e18 == rows.cost[row]);
    CHECK(position.book.realised_e18 == rows.realised[row]);
  }
}

void check_balances(const Past& past, const std::map<std::pair<AccountId, CurrencyId>, Int128>& at) {
  const history::BalanceColumns& rows = past.writer.balances;
  std::map<std::pair<AccountId, CurrencyId>, Int128> totals = at;
  for (std::size_t row = 0; row < rows.sequence.size(); ++row) {
    Int128& total = totals[{rows.account[row], rows.currency[row]}];
    total += rows.change[row];
    CHECK(total == rows.total[row]);
  }
  for (std::uint32_t i = 0; i < past.twin.replica.balances.count(); ++i) {
    const Balance& balance = past.twin.replica.balances.at(i);
    CHECK((totals[{balance.account, balance.currency}] == balance.total_e18));
  }
}

}  // namespace

TEST(rows_are_what_the_state_is_behind_their_record) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Past past(seed, 4'000, seed == 1 ? 0 : 1 << 12);
    check_lengths(past.writer.orders);
    check_lengths(past.writer.fills);
    check_lengths(past.writer.positions);
    check_lengths(past.writer.balances);
    check_lengths(past.writer.funding);
    check_lengths(past.writer.refusals);
    CHECK(past.writer.fills.sequence.size() > 300);
    CHECK(past.writer.refusals.sequence.size() > 20);
    CHECK(past.writer.rows() >= past.writer.orders.sequence.size());
    check_positions(past);
    check_balances(past, {});
  }
}

TEST(a_later_word_about_a_fill_is_a_row_like_the_fill_with_its_revision) {
  const Past past(7, 4'000, 1 << 12);
  const history::FillColumns& rows = past.writer.fills;
  std::map<std::string, std::size_t> first;
  std::size_t later = 0;
  for (std::size_t row = 0; row < rows.sequence.size(); ++row) {
    const std::string trade = text_of(rows.trade_id, row);
    if (rows.revision[row] == 0) {
      CHECK_EQUAL(rows.event[row], static_cast<std::uint16_t>(RecordKind::kOrderFilled));
      first.emplace(trade, row);
      continue;
    }
    ++later;
    CHECK(rows.event[row] == static_cast<std::uint16_t>(RecordKind::kFillBusted) ||
          rows.event[row] == static_cast<std::uint16_t>(RecordKind::kFillCorrected));
    CHECK(text_of(rows.venue_order_id, row).empty());
    const auto found = first.find(trade);
    if (found != first.end()) CHECK_EQUAL(rows.account[found->second], rows.account[row]);
  }
  CHECK(later > 20);
}

TEST(texts_stay_valid_whatever_a_venue_sends) {
  history::Texts texts;
  texts.push_back("plain");
  texts.push_back("");
  texts.push_back("gr\xC3\xBC\xC3\x9F");
  texts.push_back("cut \xC3");
  texts.push_back(std::string_view("a\0b\x7F", 4));
  texts.push_back("\xF0\x80\x80\x80 \xED\xA0\x80");
  CHECK_EQUAL(text_of(texts, 0), std::string("plain"));
  CHECK_EQUAL(text_of(texts, 1), std::string());
  CHECK_EQUAL(text_of(texts, 2), std::string("gr\xC3\xBC\xC3\x9F"));
  CHECK_EQUAL(text_of(texts, 3), std::string("cut ?"));
  CHECK_EQUAL(text_of(texts, 4), std::string("a?b?"));
  CHECK_EQUAL(text_of(texts, 5), std::string("???? ???"));
}

TEST(an_operation_is_cut_to_its_fields_and_reads_nothing_beyond_its_words) {
  const std::string longest(500, 'x');
  const std::vector<std::uint8_t> digest(32, 0xAB);
  const OperationNoted record = operation_of(9, longest, "key", longest, "", digest);
  CHECK_EQUAL(record.operation, 9u);
  CHECK_EQUAL(record.actor.view().size(), record.actor.kCapacity);
  CHECK_EQUAL(record.subject.view(), std::string_view("key"));
  CHECK_EQUAL(record.detail.view().size(), record.detail.kCapacity);
  CHECK(record.reason.empty());
  CHECK_EQUAL(record.digest[31], 0xAB);
  CHECK_EQUAL(operation_of(1, "", "", "", "", {}).digest[0], 0);
}
