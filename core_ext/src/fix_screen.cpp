// Which messages are certainly good. The rules: docs/reference/fix_session.md.
#include <algorithm>
#include <bitset>

#include "gateway_core/fix/number.hpp"
#include "gateway_core/fix/screen.hpp"
#include "gateway_core/fix/timestamp.hpp"

namespace gateway::fix {
namespace {

constexpr std::size_t kDigitsMax = 18;

[[nodiscard]] bool is_count(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kDigitsMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

[[nodiscard]] bool is_decimal(std::string_view text) noexcept {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  if (text.size() > 2 * kDigitsMax) return false;
  std::size_t digits = 0;
  std::size_t points = 0;
  for (const char c : text) {
    digits += c >= '0' && c <= '9' ? 1 : 0;
    points += c == '.' ? 1 : 0;
  }
  return digits > 0 && points <= 1 && digits + points == text.size();
}

[[nodiscard]] bool is_written_as(std::string_view value, ScreenForm form) noexcept {
  switch (form) {
    case ScreenForm::kText:
      return true;
    case ScreenForm::kInteger:
      return is_count(value.front() == '-' ? value.substr(1) : value);
    case ScreenForm::kCount:
      return is_count(value);
    case ScreenForm::kDecimal:
      return is_decimal(value);
    case ScreenForm::kCharacter:
      return value.size() == 1;
    case ScreenForm::kFlag:
      return value == "Y" || value == "N";
    case ScreenForm::kTime: {
      std::int64_t ns = 0;
      return parse_timestamp(value, ns);
    }
    case ScreenForm::kOdd:
      return false;
  }
  return false;
}

[[nodiscard]] bool is_good(const ScreenTable::FieldRule& rule, std::string_view value) noexcept {
  if (value.empty() || !is_written_as(value, rule.form)) return false;
  return rule.values.empty() ||
         std::find(rule.values.begin(), rule.values.end(), value) != rule.values.end();
}

/// The fields that say whose message it is, which and when.
class Identity {
 public:
  Identity(const ScreenPeer& peer, std::int64_t now_ns) noexcept : peer_(peer), now_ns_(now_ns) {}

  [[nodiscard]] bool takes(const Field& field) noexcept {
    switch (field.tag) {
      case 8:
        return field.value == peer_.begin_string;
      case 34:
        return parse_count(field.value, number_) == ValueFault::kNone;
      case 43:
        return field.value == "N";
      case 49:
        is_sender_ = field.value == peer_.sender;
        return is_sender_;
      case 56:
        is_target_ = field.value == peer_.target;
        return is_target_;
      case 52:
        return is_of_now(field.value);
      default:
        return true;
    }
  }
  [[nodiscard]] std::uint64_t number() const noexcept {
    return is_sender_ && is_target_ && is_timed_ ? number_ : 0;
  }

 private:
  [[nodiscard]] bool is_of_now(std::string_view text) noexcept {
    std::int64_t sent_ns = 0;
    if (!parse_timestamp(text, sent_ns)) return false;
    const std::int64_t difference = now_ns_ > sent_ns ? now_ns_ - sent_ns : sent_ns - now_ns_;
    const std::int64_t most = peer_.time_difference_ns_max;
    // A leap second may be read as either of two: a second from the limit is not certain.
    is_timed_ = most == 0 || difference < most - kNsPerSecond;
    return is_timed_;
  }

  const ScreenPeer& peer_;
  std::int64_t now_ns_;
  std::uint64_t number_ = 0;
  bool is_sender_ = false;
  bool is_target_ = false;
  bool is_timed_ = false;
};

}  // namespace

bool ScreenTable::add_field(std::int64_t tag, ScreenForm form, std::vector<std::string> values) {
  if (tag <= 0 || tag > kTagMax || fields_.size() >= kFieldsMax) return false;
  const auto place = static_cast<std::size_t>(tag);
  if (place >= indexes_.size()) indexes_.resize(place + 1);
  if (indexes_[place] != 0) return false;
  indexes_[place] = static_cast<std::uint16_t>(fields_.size());
  fields_.push_back({form, std::move(values)});
  return true;
}

void ScreenTable::add_message(std::string_view type) { messages_[std::string(type)]; }

bool ScreenTable::add_member(std::string_view type, std::int64_t tag, ScreenPlace place,
                             bool is_required) {
  const auto found = messages_.find(std::string(type));
  const std::uint16_t index = index_of(tag);
  if (found == messages_.end() || index == 0) return false;
  MessageRule& rule = found->second;
  if (rule.places.size() <= index) rule.places.resize(index + std::size_t{1});
  // A field of two parts is never certain.
  rule.places[index] = rule.places[index] == ScreenPlace::kNowhere ? place : ScreenPlace::kNowhere;
  if (is_required) rule.required.push_back(index);
  return true;
}

const ScreenTable::MessageRule* ScreenTable::message(std::string_view type) const {
  const auto found = messages_.find(std::string(type));
  return found == messages_.end() ? nullptr : &found->second;
}

std::uint64_t screen(const ScreenTable& table, const ScreenPeer& peer,
                     std::string_view message_type, std::string_view data, std::int64_t now_ns) {
  const ScreenTable::MessageRule* const rule = table.message(message_type);
  if (rule == nullptr) return 0;
  std::bitset<ScreenTable::kFieldsMax> seen;
  Identity identity(peer, now_ns);
  ScreenPlace part = ScreenPlace::kHeader;
  FieldCursor cursor(data);
  Field field;
  while (cursor.next(field)) {
    const std::uint16_t index = table.index_of(field.tag);
    if (index == 0 || index >= rule->places.size() || seen[index]) return 0;
    const ScreenPlace place = rule->places[index];
    if (place == ScreenPlace::kNowhere || place < part) return 0;
    part = place;
    seen.set(index);
    if (!is_good(table.field(index), field.value) || !identity.takes(field)) return 0;
  }
  if (cursor.is_broken() || cursor.length_fault() != 0) return 0;
  for (const std::uint16_t index : rule->required) {
    if (!seen[index]) return 0;
  }
  return identity.number();
}

}  // namespace gateway::fix
