// What the records of FIX sessions change, and how their rows stand in the canonical state.
#include <cstring>

#include "gateway_core/state/fix_sessions.hpp"

namespace gateway {
namespace {

constexpr bool is_number(std::uint64_t number) noexcept {
  return number >= 1 && number <= kFixNumberMax;
}

/// A row as it is hashed and stored. Last in the payload, behind a count, so that one from before
/// sessions, or without any, ends in front of it.
struct FixSessionImage {
  FixSessionDefined definition;
  FixProgress progress;
  std::uint64_t sequence;
  std::uint64_t parts_bytes;
  std::uint64_t part_position;
};
static_assert(sizeof(FixSessionImage) == 200 &&
              std::has_unique_object_representations_v<FixSessionImage>);

bool is_sound(const FixSessionImage& image) noexcept {
  const FixProgress& at = image.progress;
  return image.definition.version == 1 && image.definition.created_ns >= 0 &&
         FixSessions::is_name(image.definition.name.view()) && is_number(at.next_outgoing) &&
         is_number(at.next_incoming) && at.created_ns >= 0 && at.last_number < at.next_outgoing &&
         (at.last_number == 0) == (at.last_position == 0) &&
         (at.block_position == 0 || at.block_position < at.last_position) &&
         image.parts_bytes < kFixMessageBytesMax && image.parts_bytes % kFixPartBytes == 0 &&
         (image.parts_bytes == 0) == (image.part_position == 0);
}

}  // namespace

bool FixProgress::allows(const FixNumbersSet& set) const noexcept {
  if (!is_number(set.next_outgoing) || !is_number(set.next_incoming) || set.created_ns < 0)
    return false;
  switch (static_cast<FixNumbersReason>(set.reason)) {
    case FixNumbersReason::kReset:
      return true;
    case FixNumbersReason::kOperator:
      return set.next_outgoing >= next_outgoing && set.next_incoming >= next_incoming &&
             set.created_ns == created_ns;
    case FixNumbersReason::kIncomingTaken:
      return set.next_outgoing == next_outgoing && set.next_incoming > next_incoming &&
             set.created_ns == created_ns;
  }
  return false;
}

void FixProgress::take(const FixNumbersSet& set) noexcept {
  next_outgoing = set.next_outgoing;
  next_incoming = set.next_incoming;
  created_ns = set.created_ns;
  if (static_cast<FixNumbersReason>(set.reason) == FixNumbersReason::kReset)
    last_number = last_position = block_position = 0;
}

void FixProgress::take_message(std::uint64_t position) noexcept {
  block_position = block_before(next_outgoing);
  last_number = next_outgoing++;
  last_position = position;
}

FixSessionId FixSessions::find(std::string_view name) const noexcept {
  for (FixSessionId id = 1; id <= count(); ++id) {
    if (at(id).definition.name.view() == name) return id;
  }
  return 0;
}

bool FixSessions::is_name(std::string_view name) noexcept {
  for (const char c : name) {
    if (c < ' ' || c > '~') return false;
  }
  const std::size_t colon = name.find(':');
  const std::size_t arrow = name.find("->");
  return name.size() <= FixSessionName::kCapacity && colon != 0 && colon < arrow &&
         arrow != std::string_view::npos && arrow > colon + 1 && arrow + 2 < name.size();
}

bool FixSessions::apply(const RecordHeader& header, const FixSessionDefined& defined) {
  const bool is_new = defined.id == count() + 1 && !is_full() && defined.version == 1 &&
                      defined.created_ns >= 0 && is_name(defined.name.view()) &&
                      find(defined.name.view()) == 0;
  if (!is_new) return false;
  auto row = std::make_unique<FixSessionRow>();
  row->definition = defined;
  row->progress.created_ns = defined.created_ns;
  row->sequence = header.sequence;
  rows_.push_back(std::move(row));
  return true;
}

bool FixSessions::apply(const RecordHeader& header, const FixNumbersSet& set) noexcept {
  if (!has(set.session)) return false;
  FixSessionRow& row = *rows_[set.session - 1];
  if (row.parts_bytes != 0 || !row.progress.allows(set)) return false;
  row.progress.take(set);
  row.sequence = header.sequence;
  return true;
}

bool FixSessions::apply(const RecordHeader& header, const FixMessageSent& sent) noexcept {
  if (!has(sent.session)) return false;
  FixSessionRow& row = *rows_[sent.session - 1];
  FixProgress& progress = row.progress;
  const bool follows = sent.number == progress.next_outgoing && sent.number < kFixNumberMax &&
                       sent.offset == row.parts_bytes && sent.total_bytes <= kFixMessageBytesMax &&
                       (sent.offset == 0 || sent.offset < sent.total_bytes) &&
                       sent.position > progress.last_position &&
                       sent.previous_position == progress.last_position &&
                       sent.block_position == progress.block_before(sent.number);
  if (!follows) return false;
  const std::uint32_t part = fix_part_bytes(sent.total_bytes, sent.offset);
  if (header.length != fix_record_bytes(part)) return false;
  row.sequence = header.sequence;
  if (sent.offset == 0) row.part_position = sent.position;
  row.parts_bytes += part;
  if (row.parts_bytes != sent.total_bytes) return true;
  // Whole: only now the number is used, as recovery keeps groups whole.
  progress.take_message(row.part_position);
  row.parts_bytes = row.part_position = 0;
  return true;
}

bool FixSessions::apply(const RecordHeader& header, const std::uint8_t* record) {
  const std::uint8_t* content = record + sizeof(RecordHeader);
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kFixSessionDefined:
      return header.length >= sizeof header + sizeof(FixSessionDefined) &&
             apply(header, *reinterpret_cast<const FixSessionDefined*>(content));
    case RecordKind::kFixNumbersSet:
      return header.length >= sizeof header + sizeof(FixNumbersSet) &&
             apply(header, *reinterpret_cast<const FixNumbersSet*>(content));
    case RecordKind::kFixMessageSent:
      return header.length >= sizeof header + sizeof(FixMessageSent) &&
             apply(header, *reinterpret_cast<const FixMessageSent*>(content));
    default:
      return false;
  }
}

void FixSessions::serialize(std::vector<std::uint8_t>& out) const {
  if (rows_.empty()) return;
  const auto put = [&out](const auto& value) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), from, from + sizeof value);
  };
  put(std::uint64_t{count()});
  for (const auto& row : rows_) {
    put(FixSessionImage{row->definition, row->progress, row->sequence, row->parts_bytes,
                        row->part_position});
  }
}

bool FixSessions::restore(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return true;
  std::uint64_t count = 0;
  if (bytes.size() < sizeof count) return false;
  std::memcpy(&count, bytes.data(), sizeof count);
  bytes = bytes.subspan(sizeof count);
  if (count == 0 || count > kFixSessionsMax || bytes.size() != count * sizeof(FixSessionImage))
    return false;
  for (std::uint64_t id = 1; id <= count; ++id, bytes = bytes.subspan(sizeof(FixSessionImage))) {
    FixSessionImage image;
    std::memcpy(&image, bytes.data(), sizeof image);
    if (image.definition.id != id || !is_sound(image) || find(image.definition.name.view()) != 0)
      return false;
    rows_.push_back(std::make_unique<FixSessionRow>(FixSessionRow{
        image.definition, image.progress, image.sequence, image.parts_bytes, image.part_position}));
  }
  return true;
}

}  // namespace gateway
