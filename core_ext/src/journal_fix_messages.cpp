// Walking back the chain of a FIX session's messages, record by record.
#include <algorithm>
#include <cstring>

#include "gateway_core/journal/fix_messages.hpp"
#include "gateway_core/journal/scan.hpp"

namespace gateway::journal {
namespace {

/// Whether the bytes are a record that nothing has touched since it was written.
bool is_whole(const std::uint8_t* record, std::uint64_t available) noexcept {
  if (available < sizeof(RecordHeader)) return false;
  RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  return is_possible_length(header.length, available) &&
         record_crc(record, header.length, header.previous_crc) == header.crc;
}

}  // namespace

FixMessages::~FixMessages() {
  if (file_ >= 0) storage_.close(file_);
}

std::vector<FixMessage> FixMessages::read(FixSessionId session, std::uint64_t newest,
                                          std::uint64_t first, std::uint64_t last) {
  std::vector<FixMessage> found;
  list_segments();
  std::uint64_t position = newest;
  while (position != 0 && read_record(session, position)) {
    if (sent().number < first) break;
    if (sent().number <= last) {
      const std::uint64_t previous = sent().previous_position;
      FixMessage message;
      if (!read_rest(session, message)) break;
      found.push_back(std::move(message));
      position = previous;
    } else {
      position = step_back(session, last);
    }
    // The chain leads back alone; a record that says otherwise is none of ours.
    if (position >= newest) break;
    newest = position;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::uint64_t FixMessages::step_back(FixSessionId session, std::uint64_t wanted) {
  const std::uint64_t previous = sent().previous_position;
  const std::uint64_t block = sent().block_position;
  const std::uint64_t block_begins = sent().number - sent().number % kFixBlock;
  // A whole block back when nothing of this one is asked for, or when even the newest message
  // before it is not below what is.
  if (block == 0) return previous;
  if (wanted < block_begins) return block;
  return read_record(session, block) && sent().number >= wanted ? block : previous;
}

std::vector<FixPage> FixMessages::pages(FixSessionId session, std::uint64_t newest,
                                        FixRange range) {
  std::vector<FixPage> found;
  list_segments();
  std::uint64_t wanted = range.last;
  std::uint64_t position = newest;
  while (position != 0 && read_record(session, position)) {
    const std::uint64_t number = sent().number;
    if (number < range.first) break;
    if (number <= wanted) {
      // The newest message of its page; pages above it have none.
      const std::uint64_t begin = number - number % range.numbers;
      const std::uint64_t first = std::max(begin, range.first);
      found.push_back({first, std::min(begin + range.numbers - 1, range.last), position});
      if (first == range.first) break;
      wanted = first - 1;
    }
    const std::uint64_t next = step_back(session, wanted);
    if (next >= position) break;
    position = next;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

bool FixMessages::read_rest(FixSessionId session, FixMessage& out) {
  const FixMessageSent head = sent();
  out.number = head.number;
  out.sent_ns = head.sent_ns;
  out.is_application = (head.flags & kFixApplication) != 0;
  out.bytes.reserve(head.total_bytes);
  std::uint64_t position = head.position;
  for (;;) {
    const std::uint32_t part = fix_part_bytes(head.total_bytes, sent().offset);
    const std::uint8_t* from = record_ + sizeof(RecordHeader) + sizeof(FixMessageSent);
    out.bytes.insert(out.bytes.end(), from, from + part);
    if (out.bytes.size() == head.total_bytes) return true;
    position += fix_record_bytes(part);
    if (!read_record(session, position) || sent().number != head.number ||
        sent().total_bytes != head.total_bytes || sent().offset != out.bytes.size()) {
      return false;
    }
  }
}

bool FixMessages::read_record(FixSessionId session, std::uint64_t position) {
  if (!copy_from_ring(position) && !copy_from_disk(position)) return false;
  RecordHeader header;
  std::memcpy(&header, record_, sizeof header);
  const FixMessageSent& found = sent();
  return header.type == static_cast<std::uint16_t>(RecordKind::kFixMessageSent) &&
         header.length >= sizeof header + sizeof found && found.session == session &&
         found.position == position && found.total_bytes <= kFixMessageBytesMax &&
         found.offset <= found.total_bytes &&
         header.length == fix_record_bytes(fix_part_bytes(found.total_bytes, found.offset));
}

bool FixMessages::copy_from_ring(std::uint64_t position) noexcept {
  const std::uint64_t published = ring_.published_position();
  if (position < ring_.lowest_position() || position >= published) return false;
  ring_.copy(record_, position, sizeof(RecordHeader));
  RecordHeader header;
  std::memcpy(&header, record_, sizeof header);
  if (!is_possible_length(header.length, published - position)) return false;
  ring_.copy(record_ + sizeof header, position + sizeof header,
             header.length - static_cast<std::uint32_t>(sizeof header));
  return position >= ring_.lowest_position() && is_whole(record_, header.length);
}

bool FixMessages::copy_from_disk(std::uint64_t position) {
  auto segment = segments_.upper_bound(position);
  if (segment == segments_.begin()) return false;
  --segment;
  if (!open_segment(segment->second)) return false;
  const std::int64_t got = platform::read_fully(storage_, file_, record_, sizeof record_,
                                                kPageBytes + position - segment->first);
  return got > 0 && is_whole(record_, static_cast<std::uint64_t>(got));
}

bool FixMessages::open_segment(std::uint32_t index) {
  if (file_ >= 0 && index_ == index) return true;
  if (file_ >= 0) storage_.close(file_);
  file_ = storage_.open(directory_ + "/" + segment_name(index), platform::OpenMode::kRead);
  index_ = index;
  return file_ >= 0;
}

void FixMessages::list_segments() {
  DirectoryListing listing;
  if (directory_.empty() || list_directory(storage_, directory_, listing) != 0) return;
  // Those that are gone since the last time are not to be looked for: the list is made again.
  const bool is_cut = !listing.segments.empty() && !segments_.empty() &&
                      segments_.begin()->second != listing.segments.front();
  if (is_cut) {
    segments_.clear();
    newest_index_ = 0;
  }
  for (const std::uint32_t index : listing.segments) {
    if (index <= newest_index_ || !open_segment(index)) continue;
    SegmentHeader header{};
    const std::int64_t got = platform::read_fully(storage_, file_, &header, sizeof header, 0);
    if (got != sizeof header || check_segment_header(header, index, 0) != HeaderCheck::kGood)
      continue;
    segments_[header.first_position] = index;
    newest_index_ = index;
  }
}

}  // namespace gateway::journal
