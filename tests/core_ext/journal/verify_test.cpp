// Verify names every fault: each flipped bit of a sealed segment and of its seal, gaps, tails.
#include "gateway_core/journal/verify.hpp"

#include <algorithm>

#include "check.hpp"
#include "journal_world.hpp"

using namespace simulated;  // NOLINT

namespace {

World make_sealed() {
  World world;
  CHECK(world.boot());
  for (int i = 0; i < 12; ++i) {
    CHECK(world.append({128}, static_cast<std::uint64_t>(i)));
    world.drain();
  }
  CHECK(world.sealer->step() == SealResult::kSealed);
  world.stop();
  return world;
}
bool names(const VerifyResult& result, FaultCode code, const std::string& file) {
  return std::any_of(result.faults.begin(), result.faults.end(), [&](const Fault& fault) {
    return fault.code == code && fault.segment == file;
  });
}

}  // namespace

TEST(a_whole_journal_verifies_with_its_counts) {
  World world = make_sealed();
  const VerifyResult result = verify(*world.disk, kDirectory);
  CHECK(result.is_ok);
  CHECK_EQUAL(result.records, 12ULL);
  CHECK_EQUAL(result.sequence, 12ULL);
  CHECK_EQUAL(result.segments.size(), 2ULL);
  CHECK(result.segments[0].is_sealed && !result.segments[1].is_sealed);
  CHECK_EQUAL(std::string(fault_name(FaultCode::kBadSeal)), std::string("BAD_SEAL"));
}

TEST(every_single_bit_flip_in_a_sealed_segment_and_its_seal_is_named) {
  World world = make_sealed();
  const auto flip_all = [&](const std::string& file, std::size_t step) {
    auto& bytes = world.disk->content(world.path(file));
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += step) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
      const VerifyResult result = verify(*world.disk, kDirectory, "", 1);
      CHECK(!result.is_ok);
      CHECK(std::any_of(result.faults.begin(), result.faults.end(),
                        [&](const Fault& fault) { return fault.segment == file; }));
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
    }
  };
  CHECK_EQUAL(world.disk->content(world.path("segment-0000000001.journal")).size(), 5120ULL);
  flip_all("segment-0000000001.journal", 1);
  flip_all("segment-0000000001.seal", 1);
  CHECK(verify(*world.disk, kDirectory).is_ok);
}

TEST(a_tail_a_gap_a_foreign_file_and_a_lone_seal_are_told_apart) {
  const World whole = make_sealed();
  World world;
  world.disk = whole.disk->copy();
  world.disk->content(world.path("segment-0000000002.journal"))[kPageBytes + 4 * 128] = 1;
  CHECK(names(verify(*world.disk, kDirectory), FaultCode::kCutTail, "segment-0000000002.journal"));
  world.disk = whole.disk->copy();
  world.disk->content(world.path("segment-0000000002.journal"))[kPageBytes + 128 + 70] ^= 1;
  const VerifyResult holed = verify(*world.disk, kDirectory);
  CHECK(names(holed, FaultCode::kCorrupt, "segment-0000000002.journal"));
  CHECK_EQUAL(holed.faults.size(), 1ULL);
  CHECK(holed.faults.front().text.find("; valid records behind it: 2") != std::string::npos);
  world.disk = whole.disk->copy();
  world.disk->erase(world.path("segment-0000000001.journal"));
  CHECK(verify(*world.disk, kDirectory).is_ok);  // what a recycle killed half-way leaves
  world.disk = whole.disk->copy();
  world.disk->move(world.path("segment-0000000002.journal"),
                   world.path("segment-0000000003.journal"));
  CHECK(names(verify(*world.disk, kDirectory), FaultCode::kMissingSegment,
              "segment-0000000002.journal"));
  world.disk = whole.disk->copy();
  CHECK(names(verify(*world.disk, kDirectory, "", 2), FaultCode::kForeign,
              "segment-0000000001.journal"));
  world.disk->erase(world.path("segment-0000000002.journal"));
  world.disk->erase(world.path("segment-0000000001.journal"));
  CHECK(names(verify(*world.disk, kDirectory), FaultCode::kMissingSegment,
              "segment-0000000001.journal"));
}
