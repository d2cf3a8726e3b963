// One limit that is assumed to be another: found by the names of limits.toml, read once, put into
// the rows that a journal holds. Cold code: for days that are decided again, never for live ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway_core/record/risk_records.hpp"
#include "gateway_core/types/side.hpp"

namespace gateway {

class LimitChange {
 public:
  /// Empty: it is read. Else CODE and rule, with a space between: UNKNOWN_FIELD, BAD_NUMBER, RANGE.
  [[nodiscard]] std::string read(Level level, std::string_view name, std::string_view field,
                                 std::string_view value);

  [[nodiscard]] bool is_of(Level level, std::string_view name) const noexcept {
    return level == level_ && (level == Level::kFirm || name == name_);
  }
  void put(LimitFields& limits, GuardFields& guards) const noexcept;

 private:
  Level level_ = Level::kFirm;
  std::string name_;
  std::int64_t LimitFields::*amount_ = nullptr;
  std::uint32_t LimitFields::*count_ = nullptr;
  std::int64_t GuardFields::*guard_amount_ = nullptr;
  std::uint32_t GuardFields::*guard_count_ = nullptr;
  std::int64_t value_ = 0;
};

}  // namespace gateway
