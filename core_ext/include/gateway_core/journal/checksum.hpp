// CRC32C (Castagnoli) and the checksum of a record. Hardware and table give equal results.
// The exact definition is public: docs/reference/journal_format.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

#include "gateway_core/record/header.hpp"

namespace gateway::journal {

namespace detail {

inline constexpr std::uint32_t kCastagnoli = 0x82F63B78U;  // reflected polynomial

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr CrcTables make_crc_tables() noexcept {
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kCastagnoli : 0U);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}
inline constexpr CrcTables kCrcTables = make_crc_tables();

[[nodiscard]] inline std::uint64_t load_word(const std::uint8_t* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// One step of the raw register over 8 bytes, by table.
struct TableStep {
  static std::uint32_t word(std::uint32_t crc, std::uint64_t value) noexcept {
    value ^= crc;
    std::uint32_t result = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) {
      result ^= kCrcTables[7 - byte][(value >> (8 * byte)) & 0xFFU];
    }
    return result;
  }
  static std::uint32_t half(std::uint32_t crc, std::uint32_t value) noexcept {
    crc ^= value;
    for (int byte = 0; byte < 4; ++byte) crc = (crc >> 8) ^ kCrcTables[0][crc & 0xFFU];
    return crc;
  }
  static std::uint32_t byte(std::uint32_t crc, std::uint8_t value) noexcept {
    return (crc >> 8) ^ kCrcTables[0][(crc ^ value) & 0xFFU];
  }
};

/// v * x^bits modulo the polynomial: the register v after so many zero bits.
[[nodiscard]] constexpr std::uint32_t times_x(std::uint32_t v, std::uint32_t bits) noexcept {
  for (; bits > 0; --bits) v = (v >> 1) ^ ((v & 1U) != 0 ? kCastagnoli : 0U);
  return v;
}
inline constexpr std::uint32_t kOne = 0x80000000U;  // x^0: the lowest power is the highest bit

// Lanes are put together as parts of one message, kLaneBits apart: more than the longest lane has.
// So a bit of one lane never weighs what a bit of another one weighs, and three flipped bits of a
// record are always seen, as in one plain CRC32C.
inline constexpr std::uint32_t kLaneBits = 16'384;
static_assert(kLaneBits >= (kRecordBytesMax / 8 + 2) / 3 * 64);

/// The register after kLaneBits zero bits, by table.
constexpr CrcTables::value_type make_lane_basis() noexcept {
  CrcTables::value_type basis{};
  std::uint32_t power = times_x(kOne, kLaneBits);
  for (std::size_t bit = 32; bit-- > 0; power = times_x(power, 1)) basis[bit] = power;
  return basis;
}
inline constexpr CrcTables::value_type kLaneBasis = make_lane_basis();
[[nodiscard]] constexpr std::uint32_t lane_shifted(std::uint32_t lane) noexcept {
  std::uint32_t shifted = 0;
  for (std::size_t bit = 0; bit < 32; ++bit) shifted ^= (0U - (lane >> bit & 1U)) & kLaneBasis[bit];
  return shifted;
}

// The two words that hold previous_crc and crc are taken with those fields as zero.
inline constexpr std::uint64_t kWithoutPreviousCrc = 0x00000000FFFFFFFFULL;  // word 6
inline constexpr std::uint64_t kWithoutCrc = 0xFFFFFFFF00000000ULL;          // word 7

[[nodiscard]] inline std::uint32_t record_crc_table(const std::uint8_t* record,
                                                    std::uint32_t length,
                                                    std::uint32_t previous_crc) noexcept {
  std::uint32_t lanes[3] = {1, 2, 3};
  for (std::uint32_t index = 0; index < length / 8; ++index) {
    std::uint64_t word = load_word(record + 8 * index);
    if (index == 6) word &= kWithoutPreviousCrc;
    if (index == 7) word &= kWithoutCrc;
    lanes[index % 3] = TableStep::word(lanes[index % 3], word);
  }
  const std::uint32_t crc = lane_shifted(lane_shifted(lanes[0]) ^ lanes[1]) ^ lanes[2];
  return TableStep::half(crc, previous_crc);
}

[[nodiscard]] inline std::uint32_t crc32c_table(const void* data, std::size_t bytes) noexcept {
  const auto* at = static_cast<const std::uint8_t*>(data);
  std::uint32_t crc = ~0U;
  for (; bytes >= 8; bytes -= 8, at += 8) crc = TableStep::word(crc, load_word(at));
  for (; bytes > 0; --bytes, ++at) crc = TableStep::byte(crc, *at);
  return ~crc;
}

#if defined(__x86_64__)
// A carry-less product of two registers, taken as a message, is x^33 times what was multiplied.
inline constexpr std::int64_t kLaneFactor = times_x(kOne, kLaneBits - 33);
inline constexpr std::int64_t kTwoLanesFactor = times_x(kOne, 2 * kLaneBits - 33);

// Inlined into callers whose length is known, where the loop over the payload unrolls.
[[nodiscard]] __attribute__((target("sse4.2,pclmul"), always_inline)) inline std::uint32_t
record_lanes(const std::uint8_t* record, std::uint32_t length,
             std::uint32_t previous_crc) noexcept {
  // Words 0-7 are the header: lanes a, b, c take them in turn; the payload goes on with lane c.
  std::uint64_t a = _mm_crc32_u64(1, load_word(record));
  std::uint64_t b = _mm_crc32_u64(2, load_word(record + 8));
  std::uint64_t c = _mm_crc32_u64(3, load_word(record + 16));
  a = _mm_crc32_u64(a, load_word(record + 24));
  b = _mm_crc32_u64(b, load_word(record + 32));
  c = _mm_crc32_u64(c, load_word(record + 40));
  a = _mm_crc32_u64(a, load_word(record + 48) & kWithoutPreviousCrc);
  b = _mm_crc32_u64(b, load_word(record + 56) & kWithoutCrc);
  const std::uint8_t* at = record + 64;
  std::uint32_t words = length / 8 - 8;
#pragma GCC unroll 16
  for (; words >= 3; words -= 3, at += 24) {
    c = _mm_crc32_u64(c, load_word(at));
    a = _mm_crc32_u64(a, load_word(at + 8));
    b = _mm_crc32_u64(b, load_word(at + 16));
  }
  if (words > 0) c = _mm_crc32_u64(c, load_word(at));
  if (words > 1) a = _mm_crc32_u64(a, load_word(at + 8));
  const __m128i factors = _mm_set_epi64x(kLaneFactor, kTwoLanesFactor);
  const __m128i first = _mm_cvtsi64_si128(static_cast<std::int64_t>(a));
  const __m128i second = _mm_cvtsi64_si128(static_cast<std::int64_t>(b));
  const __m128i shifted = _mm_xor_si128(_mm_clmulepi64_si128(first, factors, 0x00),
                                        _mm_clmulepi64_si128(second, factors, 0x10));
  const std::uint64_t crc =
      _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(shifted))) ^ c;
  return _mm_crc32_u32(static_cast<std::uint32_t>(crc), previous_crc);
}

[[nodiscard]] __attribute__((target("sse4.2,pclmul"))) inline std::uint32_t record_crc_hardware(
    const std::uint8_t* record, std::uint32_t length, std::uint32_t previous_crc) noexcept {
  return record_lanes(record, length, previous_crc);
}
/// The same for records of one length.
template <std::uint32_t Length>
[[nodiscard]] __attribute__((target("sse4.2,pclmul"))) std::uint32_t record_crc_hardware(
    const std::uint8_t* record, std::uint32_t previous_crc) noexcept {
  return record_lanes(record, Length, previous_crc);
}

[[nodiscard]] __attribute__((target("sse4.2"))) inline std::uint32_t crc32c_hardware(
    const void* data, std::size_t bytes) noexcept {
  const auto* at = static_cast<const std::uint8_t*>(data);
  std::uint64_t crc = 0xFFFFFFFFU;
  for (; bytes >= 8; bytes -= 8, at += 8) crc = _mm_crc32_u64(crc, load_word(at));
  auto half = static_cast<std::uint32_t>(crc);
  for (; bytes > 0; --bytes, ++at) half = _mm_crc32_u8(half, *at);
  return ~half;
}

[[nodiscard]] inline bool has_crc_instruction() noexcept {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}
#endif

}  // namespace detail

/// Plain CRC32C (initial value and final inversion as in RFC 3720), for headers of files.
[[nodiscard]] inline std::uint32_t crc32c(const void* data, std::size_t bytes) noexcept {
#if defined(__x86_64__)
  if (detail::has_crc_instruction()) [[likely]]
    return detail::crc32c_hardware(data, bytes);
#endif
  return detail::crc32c_table(data, bytes);
}

/// Checksum of a record of `length` bytes (a multiple of 64, at least 64), chained to the one
/// before: three lanes that do not wait on the record before, which is folded in last.
[[nodiscard]] inline std::uint32_t record_crc(const std::uint8_t* record, std::uint32_t length,
                                              std::uint32_t previous_crc) noexcept {
#if defined(__x86_64__)
  if (detail::has_crc_instruction()) [[likely]] {
    return detail::record_crc_hardware(record, length, previous_crc);
  }
#endif
  return detail::record_crc_table(record, length, previous_crc);
}

/// The same for records whose length the compiler knows.
template <std::uint32_t Length>
[[nodiscard]] inline std::uint32_t record_crc(const std::uint8_t* record,
                                              std::uint32_t previous_crc) noexcept {
  static_assert(Length % 64 == 0 && Length >= 64);
#if defined(__x86_64__)
  if (detail::has_crc_instruction()) [[likely]] {
    return detail::record_crc_hardware<Length>(record, previous_crc);
  }
#endif
  return detail::record_crc_table(record, Length, previous_crc);
}

}  // namespace gateway::journal
