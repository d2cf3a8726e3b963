// A state that follows records: recovery, replay, observers and snapshots all drive one of these.
// State and apply only: it decides nothing and sends nothing.
#pragma once

#include <memory>
#include <string>

#include "gateway_core/journal/recovery.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway {

class Follower final : public journal::RecoveryVisitor {
 public:
  bool snapshot(const journal::StreamPoint& at, const std::uint8_t* payload,
                std::size_t bytes) override;
  void record(const RecordHeader& header, const std::uint8_t* record) override;

  /// Applies one record; false once a record contradicted the state, error() says which.
  bool apply(const RecordHeader& header, const std::uint8_t* record);
  [[nodiscard]] bool has_failed() const noexcept { return !error_.empty(); }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  /// Never null after the first record or snapshot.
  [[nodiscard]] State* state() noexcept { return state_.get(); }
  [[nodiscard]] const State* state() const noexcept { return state_.get(); }
  [[nodiscard]] Sequence sequence() const noexcept { return sequence_; }

  /// Gives the state away, remade for `capacity` when that differs. Null: it does not fit.
  [[nodiscard]] std::unique_ptr<State> release(const Capacity& capacity);

 private:
  [[nodiscard]] bool resize(const Capacity& capacity);

  std::unique_ptr<State> state_;
  Sequence sequence_ = 0;
  std::string error_;
};

}  // namespace gateway
