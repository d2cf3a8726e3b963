// The refusal table is checked once for the whole program: numbers rise and are never repeated.
#include "gateway_core/types/refusal.hpp"

namespace gateway {
namespace {

constexpr bool numbers_rise() {
  std::uint16_t last = 0;
  for (const auto& row : kRefusals) {
    const auto number = static_cast<std::uint16_t>(row.refusal);
    if (number <= last) return false;
    last = number;
  }
  return true;
}
static_assert(numbers_rise());

}  // namespace
}  // namespace gateway
