// Reading an assumed limit: which field its name means, and its number in that field's scale.
#include "gateway_core/engine/limit_change.hpp"

#include "gateway_core/risk/exposure.hpp"
#include "gateway_core/risk/guards.hpp"
#include "gateway_core/risk/limits.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace gateway {
namespace {

constexpr int kQuantityScale = 8;
constexpr int kAmountScale = 4;
constexpr std::uint32_t kAnyCount = 0xFFFFFFFF;

struct AmountField {
  std::string_view name;
  std::int64_t LimitFields::*field;
  int scale;
};
constexpr AmountField kAmounts[] = {
    {"order_quantity_max", &LimitFields::order_quantity_max_e8, kQuantityScale},
    {"order_notional_max", &LimitFields::order_notional_max_e4, kAmountScale},
    {"position_long_max", &LimitFields::position_long_max_e8, kQuantityScale},
    {"position_short_max", &LimitFields::position_short_max_e8, kQuantityScale},
    {"gross_exposure_max", &LimitFields::gross_exposure_max_e4, kAmountScale},
    {"net_exposure_max", &LimitFields::net_exposure_max_e4, kAmountScale},
    {"credit_max", &LimitFields::credit_max_e4, kAmountScale},
};

struct CountField {
  std::string_view name;
  std::uint32_t LimitFields::*field;
};
constexpr CountField kCounts[] = {
    {"collar_bps", &LimitFields::collar_bps},
    {"reference_age_ms_max", &LimitFields::reference_age_ms_max},
    {"orders_per_second", &LimitFields::orders_per_second},
    {"order_burst", &LimitFields::order_burst},
    {"cancels_per_second", &LimitFields::cancels_per_second},
    {"cancel_burst", &LimitFields::cancel_burst},
    {"open_orders_side_max", &LimitFields::open_orders_side_max},
    {"duplicate_window_ms", &LimitFields::duplicate_window_ms},
};

struct GuardAmount {
  std::string_view name;
  std::int64_t GuardFields::*field;
};
struct GuardCount {
  std::string_view name;
  std::uint32_t GuardFields::*field;
  std::int64_t maximum;
};
#define COUNT(name, maximum, looser)
#define AMOUNT(name) {#name, &GuardFields::name##_e4},
constexpr GuardAmount kGuardAmounts[] = {
#include "gateway_core/risk/guard_fields.def"
};
#undef AMOUNT
#undef COUNT
#define AMOUNT(name)
#define COUNT(name, maximum, looser) {#name, &GuardFields::name, maximum},
constexpr GuardCount kGuardCounts[] = {
#include "gateway_core/risk/guard_fields.def"
};
#undef AMOUNT
#undef COUNT

/// Empty: the number is in `out`.
[[nodiscard]] std::string number(std::string_view text, int scale, std::int64_t maximum,
                                 std::int64_t& out) {
  const ParsedDecimal parsed = parse_decimal(text, scale);
  if (parsed.fault == DecimalFault::kPrecision) {
    return "PRECISION at most " + std::to_string(scale) + " decimals";
  }
  if (parsed.fault == DecimalFault::kSyntax) return "BAD_NUMBER plain decimal text";
  if (parsed.fault != DecimalFault::kNone || parsed.mantissa < 0 || parsed.mantissa > maximum) {
    return "RANGE 0 to what leaves the exact range room";
  }
  out = static_cast<std::int64_t>(parsed.mantissa);
  return {};
}

}  // namespace

std::string LimitChange::read(Level level, std::string_view name, std::string_view field,
                              std::string_view value) {
  level_ = level;
  name_ = name;
  for (const AmountField& each : kAmounts) {
    if (each.name != field) continue;
    amount_ = each.field;
    const bool is_quantity = each.scale == kQuantityScale;
    return number(value, each.scale, is_quantity ? kQuantityMax : kAmountMaxE4 - 1, value_);
  }
  for (const CountField& each : kCounts) {
    if (each.name != field) continue;
    count_ = each.field;
    return number(value, 0, kAnyCount, value_);
  }
  for (const GuardAmount& each : kGuardAmounts) {
    if (each.name != field) continue;
    guard_amount_ = each.field;
    value_ = kGuardOff;
    return value == "off" ? std::string() : number(value, kAmountScale, kAmountMaxE4 - 1, value_);
  }
  for (const GuardCount& each : kGuardCounts) {
    if (each.name != field) continue;
    guard_count_ = each.field;
    return number(value, 0, each.maximum, value_);
  }
  return "UNKNOWN_FIELD not a limit";
}

void LimitChange::put(LimitFields& limits, GuardFields& guards) const noexcept {
  if (amount_ != nullptr) limits.*amount_ = value_;
  if (count_ != nullptr) limits.*count_ = static_cast<std::uint32_t>(value_);
  if (guard_amount_ != nullptr) guards.*guard_amount_ = value_;
  if (guard_count_ != nullptr) guards.*guard_count_ = static_cast<std::uint32_t>(value_);
}

}  // namespace gateway
