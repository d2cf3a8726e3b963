// One pass over the fields, then what a single field cannot tell: what is missing, and what this
// gateway does not do.
#include <bitset>

#include "gateway_core/fix/field.hpp"
#include "gateway_core/fix/request.hpp"
#include "gateway_core/fix/request_fields.hpp"
#include "gateway_core/fix/timestamp.hpp"

namespace gateway::fix {
namespace {

constexpr std::int64_t kUserTagsFrom = 5000;
constexpr std::size_t kTagsRemembered = 10'240;  // beyond, twice is not noticed: user fields alone

/// The last tag of each version's own range.
[[nodiscard]] std::int64_t last_tag_of(Version version) noexcept {
  if (version == Version::k42) return 446;
  if (version == Version::k44) return 956;
  return version == Version::k40 ? 211 : kUserTagsFrom - 1;
}

struct KindRow {
  RequestKind kind = RequestKind::kNone;
  std::uint8_t bit = 0;
};

[[nodiscard]] KindRow kind_of(std::string_view type, Version version) noexcept {
  if (type.size() != 1 || version == Version::kUnknown) return {};
  switch (type[0]) {
    case 'D':
      return {RequestKind::kNewOrder, kD};
    case 'F':
      return {RequestKind::kCancel, kF};
    case 'G':
      return {RequestKind::kReplace, kG};
    case 'H':
      return {RequestKind::kStatus, kH};
    case 'q':
      if (version == Version::k44 || version == Version::k50) return {RequestKind::kMassCancel, kQ};
      return {};
    default:
      return {};
  }
}

/// Reads one message into a request.
class Decoder {
 public:
  Decoder(const RequestRules& rules, std::uint8_t message, Request& out) noexcept
      : rules_(rules), message_(message), out_(out) {}

  void read(const Field& field) noexcept {
    const FieldRow* const row = request_field(field.tag);
    if (row == nullptr || (row->messages & message_) == 0) return read_stranger(field, row);
    if (field.value.empty()) fail(kWithoutValue, field.tag);
    if (row->form != Form::kMember) check_twice(field.tag);
    if (row->part < part_) fail(kOutOfOrder, field.tag);
    part_ = std::max(part_, row->part);
    if (!field.value.empty()) read_value(*row, field);
  }

  void finish() noexcept {
    check_required();
    if (out_.fault.kind == FaultKind::kNone) check_conditions();
    if (out_.fault.kind == FaultKind::kNone) check_supported();
  }

 private:
  void fail(std::int16_t reason, std::int64_t tag) noexcept {
    RequestFault& fault = out_.fault;
    if (fault.kind == FaultKind::kSession && fault.reason <= reason) return;
    fault = {FaultKind::kSession, reason, tag};
  }

  void read_stranger(const Field& field, const FieldRow* row) noexcept {
    const bool is_user = field.tag >= kUserTagsFrom;
    if (field.tag <= 0 || (is_user && !rules_.allows_user_fields)) {
      return fail(kInvalidTag, field.tag);
    }
    if (!is_user) {
      const bool is_known = row != nullptr || field.tag <= last_tag_of(out_.version);
      return fail(is_known ? kNotInThisMessage : kInvalidTag, field.tag);
    }
    if (field.value.empty()) fail(kWithoutValue, field.tag);
    check_twice(field.tag);
    part_ = std::max(part_, Part::kBody);
  }

  void check_twice(std::int64_t tag) noexcept {
    const auto place = static_cast<std::size_t>(tag);
    if (place >= kTagsRemembered) return;
    if (seen_[place]) fail(kTwice, tag);
    seen_[place] = true;
  }

  void check(ValueFault fault, std::int64_t tag) noexcept {
    if (fault == ValueFault::kFormat) fail(kBadFormat, tag);
    if (fault == ValueFault::kRange) fail(kOutOfRange, tag);
  }

  void read_value(const FieldRow& row, const Field& field) noexcept {
    switch (row.form) {
      case Form::kText:
        out_.texts[row.slot] = field.value;
        break;
      case Form::kNumber:
        check(parse_number(field.value, out_.numbers[row.slot]), field.tag);
        break;
      case Form::kTime:
        if (!parse_timestamp(field.value, out_.times[row.slot])) fail(kBadFormat, field.tag);
        break;
      case Form::kLetter:
        read_letter(row, field);
        break;
      case Form::kCount:
        check(parse_count(field.value, out_.counts[row.slot]), field.tag);
        break;
      case Form::kInstructions:
        read_instructions(field);
        break;
      case Form::kDate:
        read_date(field);
        break;
      case Form::kGroup: {
        std::uint64_t entries = 0;
        check(parse_count(field.value, entries), field.tag);
        out_.has_groups = true;
        break;
      }
      default:
        break;
    }
  }

  void read_letter(const FieldRow& row, const Field& field) noexcept {
    const bool is_boolean = row.letters == "YN";
    if (field.value.size() != 1) return fail(kBadFormat, field.tag);
    if (row.letters.find(field.value[0]) == std::string_view::npos) {
      return fail(is_boolean ? kBadFormat : kOutOfRange, field.tag);
    }
    out_.letters[row.slot] = field.value[0];
  }

  void read_date(const Field& field) noexcept {
    std::int64_t days = 0;
    if (!parse_date(field.value, days)) return fail(kBadFormat, field.tag);
    static_cast<void>(
        parse_count(field.value, out_.counts[static_cast<std::size_t>(Count::kExpireDate)]));
  }

  void read_instructions(const Field& field) noexcept {
    out_.texts[static_cast<std::size_t>(Text::kInstructions)] = field.value;
    if (field.value.size() % 2 == 0) return fail(kBadFormat, field.tag);
    for (std::size_t i = 0; i < field.value.size(); ++i) {
      const char c = field.value[i];
      const bool is_letter =
          (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      if (i % 2 == 0 ? !is_letter : c != ' ') return fail(kBadFormat, field.tag);
      if (c == '6') out_.is_post_only = true;    // participate, do not initiate
      if (c == 'E') out_.is_reduce_only = true;  // do not increase
      // Not held, work, held: no promise that could be broken.
      const bool is_done = c == '6' || c == 'E' || c == '1' || c == '2' || c == '5' || c == ' ';
      if (!is_done) unsupported_ = field.tag;
    }
  }

  [[nodiscard]] bool has(std::int64_t tag) const noexcept {
    return seen_[static_cast<std::size_t>(tag)];
  }
  void need(std::int64_t tag) noexcept {
    if (!has(tag)) fail(kRequiredMissing, tag);
  }

  void check_required() noexcept {
    for (const std::int64_t tag : {34, 49, 52, 56, 11}) need(tag);
    const bool is_order = (message_ & kOrders) != 0;
    if (message_ != kQ) {
      need(55);
      need(54);
    }
    if (message_ != kH) need(60);
    if (is_order) need(40);
    if (is_order && out_.version <= Version::k42) need(21);
    if ((message_ & (kF | kG)) != 0) need(41);
    if (message_ == kQ) need(530);
  }

  void need_if(bool is_needed, std::int64_t tag) noexcept {
    if (!is_needed || has(tag) || out_.fault.kind != FaultKind::kNone) return;
    out_.fault = {FaultKind::kBusiness, kConditionallyMissing, tag};
  }

  void check_conditions() noexcept {
    if (message_ == kQ) {
      return need_if(out_.at(Letter::kMassCancelType) == '1', 55);
    }
    const bool is_order = (message_ & kOrders) != 0;
    need_if((is_order || (message_ == kF && out_.version <= Version::k42)) && !has(152), 38);
    if (!is_order) return;
    const char type = out_.at(Letter::kType);
    need_if(type == '2' || type == '4', 44);
    need_if(type == '3' || type == '4', 99);
    need_if(out_.at(Letter::kTimeInForce) == '6' && !has(432), 126);
  }

  void unsupported(std::int64_t tag) noexcept {
    if (out_.fault.kind != FaultKind::kNone) return;
    out_.fault = {FaultKind::kUnsupported, kUnsupportedCharacteristic, tag};
  }

  /// An instruction that would be passed over in silence is refused instead.
  void check_supported() noexcept {
    const char side = out_.at(Letter::kSide);
    if (side != 0 && side != '1' && side != '2') unsupported(54);
    if ((message_ & kOrders) == 0) return;
    const char type = out_.at(Letter::kType);
    if (type < '1' || type > '4') unsupported(40);
    const char time = out_.at(Letter::kTimeInForce);
    if (time != 0 && std::string_view("01346").find(time) == std::string_view::npos) {
      unsupported(59);
    }
    if (has(152)) unsupported(152);
    if (out_.at(Number::kMinimumQuantity).mantissa != 0) unsupported(110);
    if (has(168)) unsupported(168);
    if (unsupported_ != 0) unsupported(unsupported_);
  }

  const RequestRules& rules_;
  const std::uint8_t message_;
  Request& out_;
  Part part_ = Part::kHeader;
  std::int64_t unsupported_ = 0;
  std::bitset<kTagsRemembered> seen_;
};

}  // namespace

bool decode(std::string_view message, const RequestRules& rules, Request& out) noexcept {
  FieldCursor cursor(message);
  Field begin;
  Field length;
  Field type;
  if (!cursor.next(begin) || !cursor.next(length) || !cursor.next(type)) return false;
  if (begin.tag != 8 || length.tag != 9 || type.tag != 35) return false;
  out = Request{};
  out.version = version_of(begin.value);
  const KindRow kind = kind_of(type.value, out.version);
  if (kind.kind == RequestKind::kNone) return false;
  out.kind = kind.kind;
  Decoder decoder(rules, kind.bit, out);
  decoder.read(begin);
  decoder.read(length);
  decoder.read(type);
  Field field;
  while (cursor.next(field)) decoder.read(field);
  if (cursor.is_broken()) return false;
  decoder.finish();
  // A data field of another length than told: its own length field is what is wrong.
  if (cursor.length_fault() != 0 &&
      (out.fault.kind != FaultKind::kSession || out.fault.reason > kOutOfRange)) {
    out.fault = {FaultKind::kSession, kOutOfRange, cursor.length_fault()};
  }
  return true;
}

std::string_view sentence_of(const RequestFault& fault) noexcept {
  if (fault.kind == FaultKind::kNone) return "";
  if (fault.kind == FaultKind::kBusiness) return "Conditionally Required Field Missing";
  if (fault.kind == FaultKind::kUnsupported) return "Unsupported order characteristic";
  switch (fault.reason) {
    case kInvalidTag:
      return "Invalid tag number";
    case kRequiredMissing:
      return "Required tag missing";
    case kNotInThisMessage:
      return "Tag not defined for this message type";
    case kWithoutValue:
      return "Tag specified without a value";
    case kOutOfRange:
      return "Value is incorrect (out of range) for this tag";
    case kBadFormat:
      return "Incorrect data format for value";
    case kTwice:
      return "Tag appears more than once";
    default:
      return "Tag specified out of required order";
  }
}

}  // namespace gateway::fix
