// Following records with a state whose capacity comes from the records themselves.
#include "gateway_core/state/follower.hpp"

#include <vector>

namespace gateway {

bool Follower::snapshot(const journal::StreamPoint& at, const std::uint8_t* payload,
                        std::size_t bytes) {
  const auto capacity = State::capacity_of(payload, bytes);
  if (!capacity) return false;
  auto restored = std::make_unique<State>(*capacity);
  if (!restored->restore(payload, bytes)) return false;
  state_ = std::move(restored);
  sequence_ = at.sequence;
  return true;
}

void Follower::record(const RecordHeader& header, const std::uint8_t* record) {
  (void)apply(header, record);
}

bool Follower::resize(const Capacity& capacity) {
  if (state_ == nullptr) {
    state_ = std::make_unique<State>(capacity);
    return true;
  }
  if (state_->capacity == capacity) return true;
  std::vector<std::uint8_t> bytes;
  state_->serialize(bytes);
  auto remade = std::make_unique<State>(capacity);
  if (!remade->restore(bytes.data(), bytes.size())) return false;
  remade->last_time_ns = state_->last_time_ns;
  state_ = std::move(remade);
  return true;
}

bool Follower::apply(const RecordHeader& header, const std::uint8_t* record) {
  if (has_failed()) return false;
  bool is_good = true;
  if (header.type == static_cast<std::uint16_t>(RecordKind::kBoot)) {
    const Boot& boot = payload<Boot>(record);
    is_good = resize({boot.orders_max, boot.idempotency_max, boot.positions_max});
  }
  is_good = is_good && state_ != nullptr && state_->apply(header, record);
  if (!is_good) {
    error_ = "record " + std::to_string(header.sequence) + " of type " +
             std::to_string(header.type) + " contradicts the state before it";
    return false;
  }
  sequence_ = header.sequence;
  return true;
}

std::unique_ptr<State> Follower::release(const Capacity& capacity) {
  if (!resize(capacity)) return nullptr;
  return std::move(state_);
}

}  // namespace gateway
