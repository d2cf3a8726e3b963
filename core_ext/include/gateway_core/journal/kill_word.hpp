// The kill word: one number in the head of the ring that the engine polls each turn. Raising it
// halts the firm and cancels everything, also while every other thread of the gateway is blocked.
#pragma once

#include <cstdint>
#include <string>

namespace gateway::journal {

/// Raises the kill word of the ring in `ring_directory` by one; returns its new value. 0 sets
/// `error`: no ring there, not a ring, or no permission. Works from any process of the same user.
[[nodiscard]] std::uint64_t raise_kill_word(const std::string& ring_directory, std::string& error);

}  // namespace gateway::journal
