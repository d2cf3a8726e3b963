// What runs downstream: following a journal from its files and booking it with every lot method on.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/ledger/ledger.hpp"

namespace gateway::bench {
namespace {

/// Of three records one is an order, one its acknowledgement and one the fill of all of it.
/// `is_deep`: the first half buys and the second half sells, so that lots pile up; else both sides
/// as they come.
void write_fills(const Place& place, std::uint64_t records, bool is_deep) {
  DeskOptions options = place.desk();
  options.open_orders_side_max = 100'000'000;
  Desk desk(options);
  NewOrderMessage message;
  while (desk.engine().writer().next_sequence() <= records) {
    for (int i = 0; i < 64; ++i) {
      desk.fill_order(message);
      if (is_deep) {
        message.side =
            desk.engine().writer().next_sequence() * 2 < records ? Side::kBuy : Side::kSell;
      }
      const Notice made = desk.engine().submit(message, desk.client().number);
      if (made.refusal != 0) throw std::runtime_error("bench: an order was refused");
      desk.tell(RecordKind::kOrderAccepted, made.order_id);
      desk.fill(made.order_id, message.side, message.price, message.quantity);
    }
    desk.drain();
    desk.wait_for_journal();
    desk.mark();
  }
  if (!desk.stop()) throw std::runtime_error("bench: the journal did not close");
}

struct Followed {
  std::uint64_t records = 0;
  std::uint64_t posted = 0;
  double seconds = 0;
};

Followed follow_once(const Place& place) {
  platform::PosixStorage storage;
  const std::int64_t begin = steady_ns();
  journal::Reader reader(storage, place.directory);
  ledger::Ledger books;
  Followed found;
  while (const RecordHeader* header = reader.next()) {
    books.apply(*header, reinterpret_cast<const std::uint8_t*>(header));
    ++found.records;
  }
  found.seconds = static_cast<double>(steady_ns() - begin) / 1e9;
  found.posted = books.posted();
  if (books.unbooked_count() != 0 || !books.accounts().is_balanced()) {
    throw std::runtime_error("bench: the books do not balance");
  }
  return found;
}

}  // namespace

Figures follow_and_book(const Place& place, std::uint64_t records, bool is_deep) {
  write_fills(place, records, is_deep);
  constexpr int kRounds = 7;
  std::vector<double> rates;
  Followed found;
  for (int round = 0; round < kRounds; ++round) {
    found = follow_once(place);
    rates.push_back(static_cast<double>(found.records) / found.seconds);
  }
  std::ranges::sort(rates);
  return {{"records", static_cast<double>(found.records)},
          {"posted", static_cast<double>(found.posted)},
          {"rounds", kRounds},
          {"per_second_min", rates.front()},
          {"per_second_median", rates[kRounds / 2]},
          {"per_second_max", rates.back()}};
}

}  // namespace gateway::bench
