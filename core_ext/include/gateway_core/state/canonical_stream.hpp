// The byte stream of the canonical serialization (state_canonical.cpp): what writes it, what reads
// it, and the sections that stand in a file of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "gateway_core/state/snapshot_tables.hpp"
#include "gateway_core/state/state.hpp"

namespace gateway::canonical {

class Out {
 public:
  explicit Out(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {
    constexpr SnapshotContents kNothingYet;
    bytes_.assign(sizeof kStateMagic + sizeof kNothingYet, 0);
    std::memcpy(bytes_.data(), kStateMagic, sizeof kStateMagic);
    std::memcpy(bytes_.data() + sizeof kStateMagic, &kNothingYet, sizeof kNothingYet);
  }
  template <typename T>
  void put(const T& value) {
    // Padding would make equal states look different.
    static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
    const auto* from = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof(T));
  }
  /// Rows follow: aligns them and enters them in the contents.
  void begin_table(SnapshotTable table, std::size_t row_bytes, std::uint64_t rows) {
    const std::uint64_t padding = (0 - bytes_.size()) % kTableAlign;
    bytes_.resize(bytes_.size() + padding);
    const SnapshotTableEntry entry{static_cast<std::uint32_t>(table),
                                   static_cast<std::uint32_t>(row_bytes),
                                   bytes_.size(),
                                   rows,
                                   static_cast<std::uint32_t>(padding),
                                   0};
    std::memcpy(bytes_.data() + sizeof kStateMagic + offsetof(SnapshotContents, entries) +
                    (static_cast<std::size_t>(table) - 1) * sizeof entry,
                &entry, sizeof entry);
  }

 private:
  std::vector<std::uint8_t>& bytes_;
};

class In {
 public:
  In(const std::uint8_t* bytes, std::size_t size) : at_(bytes), left_(size), size_(size) {}
  /// Reads magic and contents. False: no state of this version.
  [[nodiscard]] bool open() {
    char magic[8];
    return get(magic) && std::memcmp(magic, kStateMagic, sizeof magic) == 0 && get(contents_) &&
           contents_.tables == kSnapshotTables &&
           contents_.entry_bytes == sizeof(SnapshotTableEntry);
  }
  /// Rows follow. False: the contents say something else, so no outsider may trust them either.
  [[nodiscard]] bool begin_table(SnapshotTable table, std::size_t row_bytes, std::uint64_t rows) {
    const SnapshotTableEntry& entry = contents_.entries[static_cast<std::size_t>(table) - 1];
    const std::uint64_t padding = (left_ - size_) % kTableAlign;
    for (std::uint64_t i = 0; i < padding; ++i) {
      std::uint8_t zero = 0;
      if (!get(zero) || zero != 0) return false;
    }
    return entry.table == static_cast<std::uint32_t>(table) && entry.row_bytes == row_bytes &&
           entry.rows == rows && entry.offset == size_ - left_ && entry.padding == padding &&
           entry.reserved == 0;
  }
  template <typename T>
  [[nodiscard]] bool get(T& value) {
    if (left_ < sizeof(T)) return false;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    left_ -= sizeof(T);
    return true;
  }
  [[nodiscard]] bool is_done() const { return left_ == 0; }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return {at_, left_}; }

 private:
  const std::uint8_t* at_;
  std::size_t left_;
  std::size_t size_;
  SnapshotContents contents_;
};

// Guards and the ages of what they are held against (state_canonical_guards.cpp).
void put_guards(Out& out, const Registry& registry);
[[nodiscard]] bool get_guards(In& in, State& state);
void put_ages(Out& out, const Registry& registry);
[[nodiscard]] bool get_ages(In& in, Registry& registry);

}  // namespace gateway::canonical
