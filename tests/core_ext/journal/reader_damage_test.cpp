// Damage is never taken for an end: every byte of a journal flipped, pages zeroed, files cut or
// gone. And the other way round: what is being written, or what a crash has left, is no damage.
#include <cstring>
#include <functional>

#include "check.hpp"
#include "gateway_core/journal/reader.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

struct Outcome {
  Sequence seen = 0;
  ReaderState state = ReaderState::kFollowing;
  std::string error;
};

Outcome read_all(World& world, Sequence from = 1) {
  Reader reader(*world.disk, kDirectory, "", from);
  Outcome outcome;
  // Twice: what is found at an end must stand, and must not turn into something else.
  for (int i = 0; i < 2; ++i) {
    for (const RecordHeader* header = reader.next(); header != nullptr; header = reader.next()) {
      std::vector<std::uint8_t> expected(gateway::kRecordBytesMax);
      fill(expected.data(), header->length, static_cast<std::uint64_t>(header->time_ns));
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(header);
      CHECK(std::memcmp(bytes + 64, expected.data() + 64, header->length - 64) == 0);
      outcome.seen = header->sequence;
    }
  }
  outcome.state = reader.state();
  outcome.error = reader.error();
  return outcome;
}

constexpr Sequence kRecords = 40;

/// Several segments, and records in the last one.
void write_journal(World& world, bool is_clean) {
  CHECK(world.boot());
  for (std::uint64_t i = 0; i < kRecords / 2; ++i) {
    CHECK(world.append({64, 128}, 2 * i));
    world.drain();
  }
  if (is_clean) CHECK(world.superblock->mark_clean(world.writer->point(), 0, world.error));
}

std::vector<std::string> segments_of(World& world) {
  DirectoryListing listing;
  CHECK_EQUAL(list_directory(*world.disk, kDirectory, listing), 0);
  std::vector<std::string> paths;
  for (const std::uint32_t index : listing.segments) {
    paths.push_back(world.path(segment_name(index)));
  }
  return paths;
}

/// Behind its last record.
std::size_t end_of(const std::vector<std::uint8_t>& content) {
  std::size_t end = content.size();
  while (end > kPageBytes && content[end - 1] == 0) --end;
  return (end + 63) / 64 * 64;
}

bool names_place(const Outcome& outcome, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return outcome.state == ReaderState::kCorrupt && outcome.error.starts_with(name + ": offset ") &&
         outcome.error.find("sequence " + std::to_string(outcome.seen + 1)) != std::string::npos;
}

}  // namespace

TEST(a_flipped_byte_anywhere_is_named_and_never_an_end) {
  World world;
  write_journal(world, true);
  CHECK_EQUAL(read_all(world).seen, kRecords);
  const auto paths = segments_of(world);
  CHECK(paths.size() >= 3);
  for (const std::string& path : paths) {
    auto& content = world.disk->content(path);
    const std::size_t end = end_of(content);
    // All of the first bytes of a header page, some of its padding, and all of the records.
    for (std::size_t at = 0; at < end; at += at >= 64 && at < kPageBytes - 64 ? 61 : 1) {
      content[at] ^= 0x20;
      const Outcome outcome = read_all(world);
      if (!names_place(outcome, path)) {
        check::fail(__FILE__, __LINE__, path + " at " + std::to_string(at) + ": " + outcome.error);
      }
      CHECK(outcome.seen < kRecords);
      content[at] ^= 0x20;
    }
  }
  CHECK_EQUAL(read_all(world).seen, kRecords);
}

TEST(without_a_clean_stop_only_the_very_last_record_may_be_an_end) {
  World world;
  write_journal(world, false);
  const auto paths = segments_of(world);
  auto& content = world.disk->content(paths.back());
  const std::size_t end = end_of(content);
  std::size_t ends = 0;
  for (std::size_t at = kPageBytes; at < end; at += 5) {
    content[at] ^= 0x04;
    const Outcome outcome = read_all(world);
    // Its bytes are what a crash may leave as well: recovery cuts them and says so.
    const bool is_end = outcome.state == ReaderState::kFollowing;
    CHECK(is_end ? outcome.seen == kRecords - 1 : names_place(outcome, paths.back()));
    ends += is_end ? 1 : 0;
    content[at] ^= 0x04;
  }
  CHECK(ends > 0);
}

TEST(zeros_in_the_place_of_records_are_damage_when_something_follows) {
  for (const std::size_t bytes : {64U, 192U, 512U}) {
    World world;
    write_journal(world, false);
    for (const std::string& path : segments_of(world)) {
      auto& content = world.disk->content(path);
      if (end_of(content) < kPageBytes + bytes + 128) continue;  // nothing is behind it
      const std::vector<std::uint8_t> whole = content;
      std::memset(content.data() + kPageBytes, 0, bytes);
      const Outcome outcome = read_all(world);
      CHECK(names_place(outcome, path));
      CHECK(outcome.error.find("zeros") != std::string::npos);
      content = whole;
    }
  }
}

TEST(a_segment_that_is_cut_or_gone_is_named) {
  World world;
  write_journal(world, true);
  const auto paths = segments_of(world);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto& content = world.disk->content(paths[i]);
    const std::vector<std::uint8_t> whole = content;
    for (const std::size_t left : {std::size_t{0}, std::size_t{100}, std::size_t{kPageBytes},
                                   std::size_t{kPageBytes + 64}, end_of(whole) - 64}) {
      content.resize(left);
      const Outcome outcome = read_all(world);
      CHECK(names_place(outcome, paths[i]));
      CHECK(outcome.seen < kRecords);
      content = whole;
    }
    world.disk->erase(paths[i]);
    const Outcome outcome = read_all(world);
    CHECK(outcome.state == (i == 0 ? ReaderState::kMissing : ReaderState::kCorrupt));
    CHECK(!outcome.error.empty());
    world.disk->put(paths[i], whole);
  }
  CHECK_EQUAL(read_all(world).seen, kRecords);
}

TEST(a_sealed_segment_ends_where_its_seal_says) {
  World world;
  write_journal(world, false);
  for (int i = 0; i < 20; ++i) world.sealer->step();
  DirectoryListing listing;
  CHECK_EQUAL(list_directory(*world.disk, kDirectory, listing), 0);
  CHECK(!listing.seals.empty());
  // The newest sealed one becomes the last, and loses its last record.
  const std::uint32_t last = listing.seals.back();
  for (const std::uint32_t index : listing.segments) {
    if (index > last) world.disk->erase(world.path(segment_name(index)));
  }
  const Sequence whole = read_all(world).seen;
  CHECK(read_all(world).state == ReaderState::kFollowing);
  auto& content = world.disk->content(world.path(segment_name(last)));
  content.resize(end_of(content) - 64);
  const Outcome outcome = read_all(world);
  CHECK(outcome.seen < whole);
  CHECK(names_place(outcome, world.path(segment_name(last))));
  CHECK(outcome.error.find("seal") != std::string::npos);
}

TEST(a_record_that_is_being_written_is_no_damage_and_comes_when_it_is_whole) {
  World world;
  write_journal(world, false);
  const std::string path = segments_of(world).back();
  auto& content = world.disk->content(path);
  const std::size_t end = end_of(content);
  const std::vector<std::uint8_t> whole = content;
  std::uint32_t length = 128;  // of the last record
  for (std::size_t part = 0; part <= length; part += 16) {
    content = whole;
    std::memset(content.data() + end - length + part, 0, length - part);
    Reader reader(*world.disk, kDirectory);
    Sequence seen = 0;
    while (const RecordHeader* header = reader.next()) seen = header->sequence;
    CHECK(reader.state() == ReaderState::kFollowing);
    content = whole;
    while (const RecordHeader* header = reader.next()) seen = header->sequence;
    CHECK_EQUAL(seen, kRecords);
    CHECK(reader.state() == ReaderState::kFollowing);
  }
}

TEST(the_rest_of_a_segment_is_read_at_an_end_that_stands_and_not_at_every_one) {
  World world;
  CHECK(world.boot());
  CHECK(world.append({64, 128}, 0));
  world.drain();
  Reader reader(*world.disk, kDirectory);
  Sequence seen = 0;
  while (const RecordHeader* header = reader.next()) seen = header->sequence;
  const std::string path = segments_of(world).back();
  const std::size_t end = end_of(world.disk->content(path));
  CHECK(world.append({64, 128}, 2));
  world.drain();
  auto& content = world.disk->content(path);
  content[end] ^= 0x20;  // the next record, with another one behind it
  CHECK(reader.next() == nullptr);
  CHECK(reader.state() == ReaderState::kFollowing);
  content[end] ^= 0x20;
  while (const RecordHeader* header = reader.next()) seen = header->sequence;
  CHECK_EQUAL(seen, 4U);
  CHECK(world.append({64, 128}, 4));
  world.drain();
  content[end_of(content) - 192] ^= 0x20;
  int calls = 1;
  while (reader.next() == nullptr && reader.state() == ReaderState::kFollowing) {
    if (++calls == 100) break;
  }
  CHECK(reader.state() == ReaderState::kCorrupt);
  CHECK(reader.error().find("later records are behind it") != std::string::npos);
}

TEST(damage_before_the_wanted_record_is_nobodys_business) {
  World world;
  write_journal(world, true);
  const auto paths = segments_of(world);
  for (const std::size_t at : {std::size_t{10}, std::size_t{kPageBytes + 8}}) {
    world.disk->content(paths.front())[at] ^= 1;
    const Outcome outcome = read_all(world, kRecords);
    CHECK_EQUAL(outcome.seen, kRecords);
    CHECK(outcome.state == ReaderState::kFollowing);
    CHECK(read_all(world, 1).state == ReaderState::kCorrupt);
    world.disk->content(paths.front())[at] ^= 1;
  }
}
