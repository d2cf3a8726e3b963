// An assumed limit: every name of limits.toml is known, each number is read in its field's scale,
// and nothing else of a row moves.
#include "gateway_core/engine/limit_change.hpp"

#include <cstring>

#include "check.hpp"

using namespace gateway;

namespace {

bool is_same(const LimitFields& a, const LimitFields& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}
bool is_same(const GuardFields& a, const GuardFields& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

TEST(a_limit_moves_its_field_alone) {
  LimitChange change;
  CHECK_EQUAL(change.read(Level::kStrategy, "alpha", "position_long_max", "2.5"), std::string());
  CHECK(change.is_of(Level::kStrategy, "alpha"));
  CHECK(!change.is_of(Level::kStrategy, "beta"));
  CHECK(!change.is_of(Level::kAccount, "alpha"));
  LimitFields limits{};
  GuardFields guards{};
  change.put(limits, guards);
  LimitFields wanted{};
  wanted.position_long_max_e8 = 250'000'000;
  CHECK(is_same(limits, wanted));
  CHECK(is_same(guards, GuardFields{}));
}

TEST(amounts_counts_and_guards_have_their_scales) {
  LimitFields limits{};
  GuardFields guards{};
  LimitChange change;
  CHECK_EQUAL(change.read(Level::kFirm, "", "credit_max", "0.0001"), std::string());
  change.put(limits, guards);
  CHECK_EQUAL(limits.credit_max_e4, 1);
  CHECK(change.is_of(Level::kFirm, "whatever"));
  LimitChange count;
  CHECK_EQUAL(count.read(Level::kFirm, "", "order_burst", "4294967295"), std::string());
  count.put(limits, guards);
  CHECK_EQUAL(limits.order_burst, 4294967295U);
  LimitChange guard;
  CHECK_EQUAL(guard.read(Level::kFirm, "", "loss_max", "7"), std::string());
  guard.put(limits, guards);
  CHECK_EQUAL(guards.loss_max_e4, 70'000);
  LimitChange off;
  CHECK_EQUAL(off.read(Level::kFirm, "", "loss_max", "off"), std::string());
  off.put(limits, guards);
  CHECK_EQUAL(guards.loss_max_e4, kGuardOff);
}

TEST(what_is_no_limit_is_said_with_its_code) {
  const auto code = [](const char* field, const char* value) {
    LimitChange change;
    const std::string found = change.read(Level::kVenue, "sim", field, value);
    return found.substr(0, found.find(' '));
  };
  CHECK_EQUAL(code("speed", "1"), std::string("UNKNOWN_FIELD"));
  CHECK_EQUAL(code("order_burst", "x"), std::string("BAD_NUMBER"));
  CHECK_EQUAL(code("order_burst", "1.5"), std::string("PRECISION"));
  CHECK_EQUAL(code("order_burst", "4294967296"), std::string("RANGE"));
  CHECK_EQUAL(code("credit_max", "0.00001"), std::string("PRECISION"));
  CHECK_EQUAL(code("self_trade_refused", "2"), std::string("RANGE"));
  CHECK_EQUAL(code("repeat_orders_max", "65537"), std::string("RANGE"));
}
