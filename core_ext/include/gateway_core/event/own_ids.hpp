// Reads the client order ids that the gateway derives from its order ids (gateway.venues.
// client_order_ids writes them and is the rule). A text that is not ours is 0, never a guess.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/types/ids.hpp"

namespace gateway::event {

class OwnIds {
 public:
  /// `alphabet` has a letter for each digit, `head` and `tail` are the places of the instance and
  /// of the rest, and one more letter at the end is the check. Cold.
  OwnIds(OrderId instance, std::string marker, std::string alphabet, std::size_t head,
         std::size_t tail)
      : instance_(instance),
        marker_(std::move(marker)),
        alphabet_(std::move(alphabet)),
        head_(head),
        tail_(tail) {
    values_.fill(kNoLetter);
    for (std::size_t i = 0; i < alphabet_.size(); ++i) {
      values_[static_cast<unsigned char>(alphabet_[i])] = static_cast<std::uint8_t>(i);
    }
  }

  [[nodiscard]] OrderId decode(std::string_view text) const noexcept {
    if (text.size() != marker_.size() + head_ + tail_ + 1 || !text.starts_with(marker_)) return 0;
    const std::string_view body = text.substr(marker_.size());
    OrderId number[2] = {0, 0};  // instance, rest
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < head_ + tail_; ++at) {
      const std::uint8_t digit = values_[static_cast<unsigned char>(body[at])];
      if (digit == kNoLetter) return 0;
      OrderId& into = number[at < head_ ? 0 : 1];
      if (into >> (kInstanceShift + 1) != 0) return 0;  // before it could overflow
      into = into * alphabet_.size() + digit;
      sum += (at + 1) * digit;
    }
    const bool is_checked = body.back() == alphabet_[sum % alphabet_.size()];
    const bool is_ours = number[0] == instance_ && number[1] >> kInstanceShift == 0;
    return is_checked && is_ours ? instance_ << kInstanceShift | number[1] : 0;
  }

 private:
  static constexpr unsigned kInstanceShift = 51;
  static constexpr std::uint8_t kNoLetter = 255;

  OrderId instance_;
  std::string marker_;
  std::string alphabet_;
  std::size_t head_;
  std::size_t tail_;
  std::array<std::uint8_t, 256> values_{};
};

}  // namespace gateway::event
