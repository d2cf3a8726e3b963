// Says of a message that it is certainly good, so that nobody need look at its fields one by one:
// its values, its form, its peer and its time. What is not certain is left to the session layer,
// which alone says what is wrong. Must never pass a message that the session layer would refuse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway_core/fix/field.hpp"
#include "gateway_core/fix/framer.hpp"

namespace gateway::fix {

/// How the value of a field is written.
enum class ScreenForm : std::uint8_t {
  kText,
  kInteger,
  kCount,
  kDecimal,
  kCharacter,
  kFlag,
  kTime,
  kOdd
};

/// Where a field may stand in a message of one type. What groups hold is judged elsewhere.
enum class ScreenPlace : std::uint8_t { kNowhere, kHeader, kBody, kTrailer };

/// The flat part of a dictionary. Filled once, then read by any number of sessions.
class ScreenTable {
 public:
  static constexpr std::size_t kFieldsMax = 2048;
  static constexpr std::int64_t kTagMax = 65535;

  /// False: too many fields, or a tag that no table has room for. Empty `values` = any.
  [[nodiscard]] bool add_field(std::int64_t tag, ScreenForm form, std::vector<std::string> values);
  /// A type that is screened, with every field it may have outside of groups. Of a field that is
  /// not there, and of a type that is not there, nothing is certain.
  void add_message(std::string_view type);
  [[nodiscard]] bool add_member(std::string_view type, std::int64_t tag, ScreenPlace place,
                                bool is_required);

  struct FieldRule {
    ScreenForm form;
    std::vector<std::string> values;
  };
  struct MessageRule {
    std::vector<ScreenPlace> places;      // by the field's index
    std::vector<std::uint16_t> required;  // indexes
  };
  [[nodiscard]] const MessageRule* message(std::string_view type) const;
  /// Index of a field, 0 = none.
  [[nodiscard]] std::uint16_t index_of(std::int64_t tag) const noexcept {
    return tag > 0 && tag < static_cast<std::int64_t>(indexes_.size())
               ? indexes_[static_cast<std::size_t>(tag)]
               : std::uint16_t{0};
  }
  [[nodiscard]] const FieldRule& field(std::uint16_t index) const noexcept {
    return fields_[index];
  }

 private:
  std::vector<std::uint16_t> indexes_;  // by tag
  std::vector<FieldRule> fields_{1};
  std::unordered_map<std::string, MessageRule> messages_;
};

/// What a session expects of every message of its peer.
struct ScreenPeer {
  std::string begin_string;
  std::string sender;                       // 49 as the peer writes it
  std::string target;                       // 56
  std::int64_t time_difference_ns_max = 0;  // 0 = not checked
};

/// MsgSeqNum of a message that is certainly good and no possible duplicate; 0 = not certain.
[[nodiscard]] std::uint64_t screen(const ScreenTable& table, const ScreenPeer& peer,
                                   std::string_view message_type, std::string_view data,
                                   std::int64_t now_ns);

}  // namespace gateway::fix
