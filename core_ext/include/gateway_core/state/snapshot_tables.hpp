// The table of contents in front of the canonical state: where the rows lie that other programs
// read in place. Public: gateway_snapshot.h says the same. A change of any row is a new state
// version.
#pragma once

#include <cstdint>

namespace gateway {

inline constexpr char kStateMagic[8] = {'G', 'W', 'S', 'T', 'A', 'T', 'E', '6'};
/// Rows begin at a multiple of this, in the payload and in the file.
inline constexpr std::uint64_t kTableAlign = 64;

enum class SnapshotTable : std::uint32_t {
  kCurrencies = 1,
  kVenues = 2,
  kInstruments = 3,
  kAccounts = 4,
  kStrategies = 5,
  kOrders = 6,
  kPositions = 7,
  kBalances = 8,
  kCollaterals = 9,
};
inline constexpr std::uint32_t kSnapshotTables = 9;

struct SnapshotTableEntry {
  std::uint32_t table = 0;
  std::uint32_t row_bytes = 0;
  std::uint64_t offset = 0;  // of the first row, from the payload's first byte
  std::uint64_t rows = 0;
  std::uint32_t padding = 0;  // zero bytes in front of the first row
  std::uint32_t reserved = 0;
};

struct SnapshotContents {
  std::uint32_t tables = kSnapshotTables;
  std::uint32_t entry_bytes = sizeof(SnapshotTableEntry);
  SnapshotTableEntry entries[kSnapshotTables];  // entry i is table i + 1
};
static_assert(sizeof(SnapshotContents) == 8 + 32 * kSnapshotTables);

}  // namespace gateway
