// Quotients and divisibility by a fixed number without a division: one multiplication with the
// inverse modulo 2^64, one rotation, one comparison (Granlund and Montgomery 1994, section 9).
#pragma once

#include <bit>
#include <cstdint>

namespace gateway {

class ExactDivisor {
 public:
  ExactDivisor() = default;  // not a divisor yet: prepared tables are made of zeros
  /// `divisor` is above zero.
  explicit constexpr ExactDivisor(std::uint64_t divisor) noexcept
      : shift_(std::countr_zero(divisor)), quotient_max_(~std::uint64_t{0} / divisor) {
    const std::uint64_t odd = divisor >> shift_;
    inverse_ = odd;  // right in its lowest three bits; each step doubles them
    for (int bits = 3; bits < 64; bits *= 2) inverse_ *= 2 - odd * inverse_;
  }

  /// Exact for multiples; above quotient_max() for everything else.
  [[nodiscard]] constexpr std::uint64_t quotient(std::uint64_t number) const noexcept {
    return std::rotr(number * inverse_, static_cast<int>(shift_));
  }
  [[nodiscard]] constexpr bool divides(std::uint64_t number) const noexcept {
    return quotient(number) <= quotient_max_;
  }
  [[nodiscard]] constexpr std::uint64_t quotient_max() const noexcept { return quotient_max_; }

 private:
  std::int64_t shift_;
  std::uint64_t inverse_;
  std::uint64_t quotient_max_;
};

}  // namespace gateway
