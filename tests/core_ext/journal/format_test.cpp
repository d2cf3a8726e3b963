// The public C header says the same as the C++ structures, and a plain C program can read a
// segment.
#include "gateway_core/journal/format.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "check.hpp"
#include "gateway_core/journal/ring.hpp"
#include "gateway_core/record/fix.hpp"
#include "gateway_core/record/operation.hpp"
#include "gateway_journal.h"
#include "journal_world.hpp"

#define SAME(ours, theirs, field) \
  static_assert(offsetof(ours, field) == offsetof(theirs, field), #field)
SAME(gateway::RecordHeader, gateway_journal_record, previous_crc);
SAME(gateway::RecordHeader, gateway_journal_record, instance);
SAME(gateway::OperationNoted, gateway_journal_operation_noted, digest);
SAME(gateway::OperationNoted, gateway_journal_operation_noted, reason);
static_assert(sizeof(gateway::OperationNoted) == sizeof(gateway_journal_operation_noted));
SAME(gateway::FixSessionDefined, gateway_journal_fix_session_defined, name);
SAME(gateway::FixNumbersSet, gateway_journal_fix_numbers_set, created_ns);
SAME(gateway::FixMessageSent, gateway_journal_fix_message_sent, sent_ns);
SAME(gateway::FixMessageSent, gateway_journal_fix_message_sent, offset);
SAME(gateway::FixMessageSent, gateway_journal_fix_message_sent, block_position);
static_assert(sizeof(gateway::FixSessionDefined) == sizeof(gateway_journal_fix_session_defined) &&
              sizeof(gateway::FixNumbersSet) == sizeof(gateway_journal_fix_numbers_set) &&
              sizeof(gateway::FixMessageSent) == sizeof(gateway_journal_fix_message_sent) &&
              gateway::kFixPartBytes == GATEWAY_JOURNAL_FIX_PART_BYTES &&
              static_cast<unsigned>(gateway::RecordKind::kFixMessageSent) ==
                  GATEWAY_JOURNAL_FIX_MESSAGE_SENT);
SAME(gateway::journal::SegmentHeader, gateway_journal_segment, first_position);
SAME(gateway::journal::SegmentHeader, gateway_journal_segment, previous_crc);
SAME(gateway::journal::SegmentHeader, gateway_journal_segment, header_crc);
SAME(gateway::journal::SealFile, gateway_journal_seal, sha256);
SAME(gateway::journal::SealFile, gateway_journal_seal, crc);
SAME(gateway::journal::SuperblockCopy, gateway_journal_superblock, written_ns);
SAME(gateway::journal::SuperblockCopy, gateway_journal_superblock, lost_epoch);
SAME(gateway::journal::SuperblockCopy, gateway_journal_superblock, lost_newest_ns);
SAME(gateway::journal::SuperblockCopy, gateway_journal_superblock, crc);
SAME(gateway::journal::SnapshotHeader, gateway_journal_snapshot, payload_sha256);
SAME(gateway::journal::SnapshotHeader, gateway_journal_snapshot, header_crc);
SAME(gateway::journal::RingHeader, gateway_journal_ring, base_position);
SAME(gateway::journal::RingHeader, gateway_journal_ring, writer_pid);
SAME(gateway::journal::RingHeader, gateway_journal_ring, kill_word);
SAME(gateway::journal::RingHeader, gateway_journal_ring, published_position);
SAME(gateway::journal::RingHeader, gateway_journal_ring, claimed_position);
SAME(gateway::journal::RingHeader, gateway_journal_ring, synced_position);
SAME(gateway::journal::RingHeader, gateway_journal_ring, commit_state);

TEST(a_c_program_reads_a_segment_with_the_public_header_alone) {
  simulated::World world;
  CHECK(world.boot());
  for (int i = 0; i < 5; ++i) CHECK(world.append({128}, static_cast<std::uint64_t>(i)));
  world.drain();
  char name[] = "/tmp/gateway_format_XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const auto& bytes = world.disk->content(world.path("segment-0000000001.journal"));
  std::FILE* file = std::fopen((directory + "/segment").c_str(), "wb");
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  const std::string here = std::filesystem::path(__FILE__).parent_path();
  const std::string include = here + "/../../../core_ext/include";
  const std::string build = "cc -std=c11 -Wall -Wextra -Werror -I" + include + " " + here +
                            "/read_segment.c -o " + directory + "/read";
  CHECK_EQUAL(std::system(build.c_str()), 0);
  std::FILE* pipe = ::popen((directory + "/read " + directory + "/segment").c_str(), "r");
  char text[64] = {};
  CHECK(std::fgets(text, sizeof text, pipe) != nullptr);
  CHECK_EQUAL(::pclose(pipe), 0);
  CHECK_EQUAL(std::string(text), std::string("5 5\n"));
  std::filesystem::remove_all(directory);
}
