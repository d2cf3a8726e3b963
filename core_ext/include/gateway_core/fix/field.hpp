// Splits a FIX message into tag=value fields. Data fields (a length field and the field it
// measures) may hold the separator. Must never read outside the bytes it was given, whatever a
// length says.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gateway::fix {

inline constexpr char kSoh = '\x01';

struct DataPair {
  std::uint16_t length_tag;
  std::uint16_t data_tag;
};

/// Every length field of FIX 4.0 to 5.0SP2 (with its extension packs) that measures a data field.
/// Ascending by length tag.
inline constexpr DataPair kDataPairs[] = {
    {90, 91},       {93, 89},       {95, 96},       {212, 213},     {348, 349},     {350, 351},
    {352, 353},     {354, 355},     {356, 357},     {358, 359},     {360, 361},     {362, 363},
    {364, 365},     {445, 446},     {618, 619},     {621, 622},     {1184, 1185},   {1277, 1278},
    {1280, 1281},   {1282, 1283},   {1397, 1398},   {1401, 1402},   {1403, 1404},   {1468, 1469},
    {1525, 1527},   {1578, 1579},   {1620, 1621},   {1664, 1665},   {1678, 1697},   {1733, 1734},
    {2072, 2073},   {2074, 2075},   {2111, 2112},   {2179, 2180},   {2287, 2288},   {2351, 2352},
    {2372, 2371},   {2481, 2482},   {2494, 2493},   {2522, 2521},   {2637, 2638},   {2651, 2652},
    {2665, 2666},   {40004, 40005}, {40008, 40009}, {40978, 40979}, {40980, 40981}, {40982, 40983},
    {40984, 40985}, {40986, 40987}, {40988, 40989}, {41083, 41084}, {41107, 41108}, {41256, 41257},
    {41320, 41321}, {41324, 41325}, {41458, 41459}, {41476, 41477}, {41482, 41483}, {41653, 41654},
    {41710, 41711}, {41806, 41807}, {41811, 41812}, {41873, 41874}, {41969, 41970}, {42025, 42026},
    {42171, 42172}};
static_assert(std::is_sorted(std::begin(kDataPairs), std::end(kDataPairs),
                             [](DataPair a, DataPair b) { return a.length_tag < b.length_tag; }));

namespace detail {

/// One bit for each length tag below 4096: nearly every field ends here.
inline constexpr auto kLengthTags = [] {
  std::array<std::uint64_t, 64> bits{};
  for (const DataPair pair : kDataPairs) {
    if (pair.length_tag < 4096)
      bits[pair.length_tag / 64] |= std::uint64_t{1} << pair.length_tag % 64;
  }
  return bits;
}();

}  // namespace detail

/// The data field that a length field measures; 0 = the tag is no length field.
[[nodiscard]] constexpr std::int64_t data_tag_of(std::int64_t tag) noexcept {
  if (tag < kDataPairs[0].length_tag || tag > UINT16_MAX) return 0;
  const auto known = static_cast<std::uint16_t>(tag);
  if (known < 4096 && (detail::kLengthTags[known / 64] >> known % 64 & 1) == 0) return 0;
  const auto* const found = std::lower_bound(
      std::begin(kDataPairs), std::end(kDataPairs), known,
      [](DataPair pair, std::uint16_t wanted) { return pair.length_tag < wanted; });
  return found != std::end(kDataPairs) && found->length_tag == known ? found->data_tag : 0;
}

struct Field {
  std::int64_t tag = 0;
  std::string_view value;
};

/// Digits of a tag that are read; more are no tag. A tag may be 0 or negative: the session layer
/// answers those, so they must reach it.
inline constexpr int kTagDigitsMax = 18;

/// Walks fields that each end with SOH. Views only; the bytes must outlive it.
class FieldCursor {
 public:
  explicit FieldCursor(std::string_view bytes) noexcept
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// False at the end and at bytes that are no field; is_broken() tells which.
  [[nodiscard]] bool next(Field& field) noexcept {
    if (at_ == end_) return false;
    if (!read_tag(field.tag)) return fail();
    const char* const stop = end_of_value(field.tag);
    if (stop == nullptr) return fail();
    field.value = {at_, static_cast<std::size_t>(stop - at_)};
    at_ = stop + 1;
    expect_data(field);
    return true;
  }

  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  /// First length field whose data field had another length, 0 = none. Such data was read up to
  /// its first SOH, as if no length had been given.
  [[nodiscard]] std::int64_t length_fault() const noexcept { return length_fault_; }

 private:
  bool fail() noexcept {
    is_broken_ = true;
    at_ = end_;
    return false;
  }

  bool read_tag(std::int64_t& tag) noexcept {
    const bool is_negative = *at_ == '-';
    const char* const first = at_ + (is_negative ? 1 : 0);
    const char* digit = first;
    std::int64_t value = 0;
    for (; digit != end_ && *digit >= '0' && *digit <= '9'; ++digit) {
      if (digit - first == kTagDigitsMax) return false;
      value = value * 10 + (*digit - '0');
    }
    if (digit == first || digit == end_ || *digit != '=') return false;
    // One way to write a number: no leading zeros, no minus zero.
    if (*first == '0' && (digit - first > 1 || is_negative)) return false;
    tag = is_negative ? -value : value;
    at_ = digit + 1;
    return true;
  }

  /// Where the value's SOH stands; null when there is none.
  const char* end_of_value(std::int64_t tag) noexcept {
    const auto left = static_cast<std::size_t>(end_ - at_);
    if (tag == data_tag_ && tag != 0) {
      if (data_bytes_ < left && at_[data_bytes_] == kSoh) return at_ + data_bytes_;
      if (length_fault_ == 0) length_fault_ = length_tag_;
    }
    return left == 0 ? nullptr : static_cast<const char*>(std::memchr(at_, kSoh, left));
  }

  /// A length counts for the very next field alone, so it can never reach a later message.
  void expect_data(const Field& field) noexcept {
    data_tag_ = data_tag_of(field.tag);
    if (data_tag_ == 0) return;
    length_tag_ = field.tag;
    data_bytes_ = SIZE_MAX;  // fits nowhere
    if (field.value.empty() || field.value.size() > 9) return;
    std::size_t bytes = 0;
    for (const char c : field.value) {
      if (c < '0' || c > '9') return;
      bytes = bytes * 10 + static_cast<std::size_t>(c - '0');
    }
    data_bytes_ = bytes;
  }

  const char* at_;
  const char* end_;
  std::int64_t data_tag_ = 0;
  std::int64_t length_tag_ = 0;
  std::size_t data_bytes_ = 0;
  std::int64_t length_fault_ = 0;
  bool is_broken_ = false;
};

}  // namespace gateway::fix
