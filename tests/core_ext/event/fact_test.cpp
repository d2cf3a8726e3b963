// Facts between processes and into the engine's numbers: packing loses nothing and takes nothing
// else; numbers that do not fit are no message; our ids are read and nobody else's.
#include "gateway_core/event/fact.hpp"

#include <string>

#include "check.hpp"
#include "event/sample.hpp"
#include "gateway_core/event/message.hpp"
#include "gateway_core/event/own_ids.hpp"

using namespace gateway;         // NOLINT
using namespace gateway::event;  // NOLINT

namespace {

Fact fill() {
  Reader reader = sample::reader(sample::flat());
  Fact fact;
  std::uint8_t outcome = 0;
  CHECK(reader.read(sample::kFill, fact, outcome) == Fault::kNone);
  return fact;
}

std::string packed(Fact& fact) {
  char bytes[kPackedMax];
  return {bytes, pack(fact, bytes)};
}

}  // namespace

TEST(a_packed_fact_comes_out_as_it_was) {
  Fact fact = fill();
  const std::string bytes = packed(fact);
  Fact again;
  CHECK(unpack(bytes, again));
  CHECK_EQUAL(packed(again), bytes);
  CHECK_EQUAL(again.fee.view(), std::string_view("-0.02000004"));
}

TEST(bytes_that_pack_did_not_make_are_no_fact) {
  Fact fact = fill();
  const std::string bytes = packed(fact);
  Fact out;
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(!unpack(bytes.substr(0, size), out));
  CHECK(!unpack(bytes + "x", out));
  CHECK(!unpack(std::string(kPackedMax + 1, 'x'), out));
  for (const auto& [at, value] :
       {std::pair{0, 9}, {0, 0}, {1, 0}, {1, 3}, {2, 3}, {3, 3}, {4, 1}}) {
    std::string bad = bytes;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    CHECK(!unpack(bad, out));
  }
  Fact wrong = fill();
  (void)wrong.quantity.assign("1e3");
  CHECK(!unpack(packed(wrong), out));
  wrong = fill();
  (void)wrong.symbol.assign("BTC\nUSDT");
  CHECK(!unpack(packed(wrong), out));
  wrong = fill();
  wrong.kind = FactKind::kAccepted;  // of no order
  CHECK(!unpack(packed(wrong), out));
}

TEST(a_fill_becomes_the_engines_numbers_exactly) {
  const Fact fact = fill();
  const FactIds ids{.order_id = 9,
                    .account = 2,
                    .instrument = 3,
                    .fee_currency = 4,
                    .price_scale = 1,
                    .quantity_scale = 3};
  FillMessage message{};
  CHECK(write(fact, ids, message));
  CHECK_EQUAL(message.fill.price, 5'000'010);
  CHECK_EQUAL(static_cast<int>(message.fill.price_scale), 2);
  CHECK_EQUAL(message.fill.quantity, 1);
  CHECK(message.fill.fee.e18 == -Int128{20'000'040'000'000'000});
  CHECK_EQUAL(message.fill.trade_id.view(), std::string_view("77"));
  CHECK_EQUAL(static_cast<int>(message.header.entries), 3);
  FillMessage coarse{};
  CHECK(!write(fact,
               {.order_id = 9,
                .account = 2,
                .instrument = 3,
                .fee_currency = 4,
                .price_scale = 1,
                .quantity_scale = 2},
               coarse));
}

TEST(short_numbers_are_read_as_all_others_are) {
  for (const char* text : {"0", "-0", "1", "-1.5", "0.000", "50000.10", "123456789012345678",
                           "12345678901234567.8", "-0.02000004", "00.10", ".5", "5.", "-", "",
                           "1.2.3", "1e5", "+1", "999999999999999999", "0.000000000000000001"}) {
    for (const int scale : {0, 1, 2, 8, 18}) {
      const ParsedDecimal parsed = parse_decimal(text, scale);
      Int128 value = 0;
      const bool is_read = in_message::read_short(text, scale, value);
      CHECK(!is_read || (parsed.fault == DecimalFault::kNone && parsed.mantissa == value));
      Int128 wide = 0;
      CHECK_EQUAL(in_message::read_wide(text, scale, wide), parsed.fault == DecimalFault::kNone);
    }
  }
}

TEST(our_ids_are_read_and_nobody_elses) {
  const OwnIds ids(1, "g", "0123456789abcdefghjkmnpqrstvwxyz", 3, 11);
  // gateway.venues.client_order_ids wrote these for instance 1.
  CHECK_EQUAL(ids.decode("g001000020000011"), (OrderId{1} << 51) | (OrderId{1} << 31) | 1);
  for (const char* text :
       {"", "g", "g001000020000012", "h001000020000011", "g00100002000001", "g0010000200000110",
        "g00100002000001u", "web_123456789012", "g002000020000011", "gzzzzzzzzzzzzzzz"}) {
    CHECK_EQUAL(ids.decode(text), OrderId{0});
  }
}
