// CRC32C against its public vector, hardware against table, and that every bit of a record counts.
#include "gateway_core/journal/checksum.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "check.hpp"
#include "gateway_core/journal/scan.hpp"
#include "gateway_core/journal/sha256.hpp"

using namespace gateway::journal;  // NOLINT

TEST(crc32c_gives_the_published_check_value_on_both_paths) {
  CHECK_EQUAL(crc32c("123456789", 9), 0xE3069283U);
  CHECK_EQUAL(detail::crc32c_table("123456789", 9), 0xE3069283U);
  const std::vector<std::uint8_t> zeros(32);
  CHECK_EQUAL(crc32c(zeros.data(), zeros.size()), 0x8A9136AAU);
}

TEST(hardware_and_table_agree_for_every_length_of_record) {
  std::mt19937_64 random(7);
  for (std::uint32_t length = 64; length <= 4096; length += 64) {
    std::vector<std::uint8_t> record(length);
    for (auto& byte : record) byte = static_cast<std::uint8_t>(random());
    const auto previous = static_cast<std::uint32_t>(random());
    CHECK_EQUAL(record_crc(record.data(), length, previous),
                detail::record_crc_table(record.data(), length, previous));
    CHECK_EQUAL(crc32c(record.data(), length - 3), detail::crc32c_table(record.data(), length - 3));
  }
}

TEST(no_single_bit_of_a_record_can_flip_unseen) {
  alignas(8) std::uint8_t record[192] = {};
  gateway::RecordHeader header{};
  header.length = sizeof record;
  header.version = gateway::kRecordVersion;
  header.sequence = 8;
  header.previous_crc = 77;
  header.instance = 1;
  std::memcpy(record, &header, sizeof header);
  record[150] = 9;
  header.crc = record_crc(record, sizeof record, 77);
  std::memcpy(record, &header, sizeof header);
  const StreamPoint before{0, 7, 77, 0};
  CHECK(follows(record, sizeof record, before, 1));
  for (std::size_t bit = 0; bit < sizeof record * 8; ++bit) {
    record[bit / 8] = static_cast<std::uint8_t>(record[bit / 8] ^ (1U << (bit % 8)));
    CHECK(!follows(record, sizeof record, before, 1));
    record[bit / 8] = static_cast<std::uint8_t>(record[bit / 8] ^ (1U << (bit % 8)));
  }
}

/// Every change is linear: its weight is what it changes in the checksum, whatever the record
/// holds.
std::vector<std::uint32_t> weights_of_bits(std::uint32_t length) {
  std::vector<std::uint8_t> record(length);
  const std::uint32_t zero = record_crc(record.data(), length, 0);
  std::vector<std::uint32_t> weights;
  for (std::size_t bit = 0; bit < std::size_t{length} * 8; ++bit) {
    if (bit / 8 >= 52 && bit / 8 < 60) continue;  // the two checksums themselves
    record[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
    weights.push_back(record_crc(record.data(), length, 0) ^ zero);
    record[bit / 8] = 0;
  }
  for (std::uint32_t bit = 0; bit < 32; ++bit)
    weights.push_back(record_crc(record.data(), length, 1U << bit) ^ zero);
  return weights;
}

TEST(no_two_bits_of_any_record_can_flip_unseen) {
  for (std::uint32_t length = 64; length <= gateway::kRecordBytesMax; length += 64) {
    std::vector<std::uint32_t> weights = weights_of_bits(length);
    std::sort(weights.begin(), weights.end());
    CHECK(weights.front() != 0);
    CHECK(std::adjacent_find(weights.begin(), weights.end()) == weights.end());
  }
}

TEST(no_three_bits_of_a_record_can_flip_unseen) {
  for (const std::uint32_t length : {64U, 128U, 256U, 320U}) {
    std::vector<std::uint32_t> weights = weights_of_bits(length);
    std::sort(weights.begin(), weights.end());
    bool is_seen = true;
    for (std::size_t first = 0; first < weights.size(); ++first)
      for (std::size_t second = first + 1; second < weights.size(); ++second)
        is_seen = is_seen && !std::binary_search(weights.begin(), weights.end(),
                                                 weights[first] ^ weights[second]);
    CHECK(is_seen);
  }
}

TEST(sha256_gives_the_published_digests) {
  CHECK_EQUAL(hex(sha256("", 0)),
              std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  CHECK_EQUAL(hex(sha256("abc", 3)),
              std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  Sha256 hash;
  const std::string piece(1009, 'a');
  std::size_t left = 1'000'000;
  for (; left > piece.size(); left -= piece.size()) hash.update(piece.data(), piece.size());
  hash.update(piece.data(), left);
  CHECK_EQUAL(hex(hash.finish()),
              std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}
