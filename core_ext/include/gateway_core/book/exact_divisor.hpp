// Quotients and divisibility by a fixed number without a division instruction. Knows no prices.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace gateway {

/// Divides multiples without a division instruction (multiplication with the inverse modulo 2^64 of
/// the odd part): the quotient of anything else is above every quotient of a multiple.
class ExactDivisor {
 public:
  explicit constexpr ExactDivisor(std::uint64_t divisor) noexcept
      : shift_(std::countr_zero(divisor)),
        quotient_max_(std::numeric_limits<std::uint64_t>::max() / divisor) {
    const std::uint64_t odd = divisor >> shift_;
    inverse_ = odd;  // Right in the low three bits; each Newton step doubles them.
    for (int i = 0; i < 5; ++i) inverse_ *= 2 - odd * inverse_;
  }
  /// Exact for multiples; above quotient_max() for everything else.
  [[nodiscard]] constexpr std::uint64_t quotient(std::uint64_t number) const noexcept {
    return std::rotr(number * inverse_, shift_);
  }
  [[nodiscard]] constexpr bool divides(std::uint64_t number) const noexcept {
    return quotient(number) <= quotient_max_;
  }
  [[nodiscard]] constexpr std::uint64_t quotient_max() const noexcept { return quotient_max_; }

 private:
  std::uint64_t inverse_ = 1;
  int shift_;
  std::uint64_t quotient_max_;
};

}  // namespace gateway
