// Orders that live and end together. Members of a group have consecutive order ids, so four bytes
// in each row are all there is to a linkage: no index and no second table. Pure; acts on nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gateway_core/types/ids.hpp"

namespace gateway {

/// Values are on disk: append only.
enum class LinkKind : std::uint8_t {
  kNone = 0,
  kOneCancelsOther = 1,  // the first execution of one, full or partial, cancels the others
  kOneUpdatesOther = 2,  // an execution of one takes its quantity off the others
  kBracket = 3,          // member 0 enters; the others leave what it has executed, and update
};
inline constexpr std::size_t kLinkKinds = 4;
inline constexpr std::size_t kLinkedMax = 8;

/// All zero = the order stands alone.
struct alignas(4) OrderLink {
  LinkKind kind = LinkKind::kNone;
  std::uint8_t place = 0;        // in the group; order_id - place is its head
  std::uint8_t count = 0;        // members
  std::uint8_t is_released = 0;  // 0 = waits here, the venue has never heard of it
  friend bool operator==(const OrderLink&, const OrderLink&) = default;

  [[nodiscard]] bool is_linked() const noexcept { return count != 0; }
  [[nodiscard]] bool is_waiting() const noexcept { return count != 0 && is_released == 0; }
  [[nodiscard]] bool is_entry() const noexcept { return kind == LinkKind::kBracket && place == 0; }
  [[nodiscard]] bool is_bracket_exit() const noexcept {
    return kind == LinkKind::kBracket && place != 0;
  }
};
static_assert(sizeof(OrderLink) == 4 && std::has_unique_object_representations_v<OrderLink>);

[[nodiscard]] constexpr OrderId link_head(OrderId id, OrderLink link) noexcept {
  return id - link.place;
}

}  // namespace gateway
