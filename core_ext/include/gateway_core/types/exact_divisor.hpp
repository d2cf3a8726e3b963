// "Is this a multiple of that?" without a division: one multiplication, one rotation, one
// comparison (Granlund and Montgomery 1994, section 9). Prepared once per divisor.
#pragma once

#include <bit>
#include <cstdint>

namespace gateway {

class ExactDivisor {
 public:
  ExactDivisor() = default;  // not a divisor yet: prepared tables are made of zeros
  /// `divisor` is above zero.
  explicit constexpr ExactDivisor(std::uint64_t divisor) noexcept
      : shift_(std::countr_zero(divisor)), largest_(~std::uint64_t{0} / divisor) {
    const std::uint64_t odd = divisor >> shift_;
    inverse_ = odd;  // right in its lowest three bits; each step doubles them
    for (int bits = 3; bits < 64; bits *= 2) inverse_ *= 2 - odd * inverse_;
  }

  [[nodiscard]] constexpr bool divides(std::uint64_t number) const noexcept {
    return std::rotr(number * inverse_, static_cast<int>(shift_)) <= largest_;
  }

 private:
  std::int64_t shift_;
  std::uint64_t inverse_;
  std::uint64_t largest_;
};

}  // namespace gateway
