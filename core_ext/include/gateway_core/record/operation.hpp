// The payload of what is done to the gateway rather than through it: configuration, plugins,
// logins, the clock. Audit alone: it changes no state, but the chain covers it. No secret ever lies
// here.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "gateway_core/types/text.hpp"

namespace gateway {

enum class Operation : std::uint32_t {
  kConfigurationLoaded = 1,    // at a start; subject = file, digest = SHA-256 of what is in force
  kConfigurationReloaded = 2,  // while running; detail = what was taken over
  kConfigurationRefused = 3,   // while running; the old one stays
  kPluginLoaded = 4,           // subject = name, detail = version, digest of its files
  kPluginUnloaded = 5,
  kPluginRefused = 6,  // reason = why
  kLoggedIn = 7,       // subject = key or session, detail = door and peer
  kLoginRefused = 8,   // the same; nobody's word is taken for who it was
  kLoggedOut = 9,
  kClockQuality = 10,    // subject = source, values = {error bound, estimated error, offset}, ns
  kControlCommand = 11,  // a command of a person that leaves no other record
  kMarginCalled = 12,    // by the actor, a venue; subject = account, instrument and leg
};
inline constexpr std::uint32_t kOperationMin = 1;
inline constexpr std::uint32_t kOperationMax = 12;

/// One operation. `values` are -1 where nothing is known; `unnoted` counts what was left out before
/// this one because it came faster than the journal should take it.
struct OperationNoted {
  std::uint32_t operation;  // Operation
  std::uint32_t unnoted;
  std::array<std::int64_t, 3> values;
  std::array<std::uint8_t, 32> digest;  // SHA-256, zeros = none
  Text<40> actor;                       // who, in words
  Text<88> subject;
  Text<64> detail;
  Text<64> reason;
};
static_assert(sizeof(OperationNoted) == 320 && std::is_trivially_copyable_v<OperationNoted> &&
              std::has_unique_object_representations_v<OperationNoted>);

/// The words of one operation, each cut to its field. `digest` has 32 bytes or none, which the
/// caller has checked; more are cut.
[[nodiscard]] inline OperationNoted operation_of(std::uint32_t operation, std::string_view actor,
                                                 std::string_view subject, std::string_view detail,
                                                 std::string_view reason,
                                                 std::span<const std::uint8_t> digest) noexcept {
  OperationNoted record{};
  record.operation = operation;
  std::copy_n(digest.data(), std::min(digest.size(), record.digest.size()), record.digest.data());
  record.actor.assign(actor);
  record.subject.assign(subject);
  record.detail.assign(detail);
  record.reason.assign(reason);
  return record;
}

}  // namespace gateway
