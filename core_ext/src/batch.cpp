// Batch valuation, the part that runs on every processor: choice of the instruction set, the exact
// 128-bit rows, and the blocks that are handed to a kernel.
#include "gateway_core/valuation/batch.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gateway_core/position/profit_loss.hpp"

namespace gateway::valuation {
namespace {

constexpr std::string_view kNames[kSimdLevels] = {"scalar", "avx2", "avx512"};

Int128 joined(MoneyWords words) noexcept { return std::bit_cast<Int128>(words); }
MoneyWords split(Int128 amount) noexcept { return std::bit_cast<MoneyWords>(amount); }
bool is_no_value(MoneyWords words) noexcept {
  return words.low == kNoValue.low && words.high == kNoValue.high;
}

/// Rules and mark scale that put `scale` decimals on the product, or on the quotient.
struct RowRules {
  InstrumentRules rules;
  int mark_scale = 0;
};

std::optional<RowRules> rules_of(std::int64_t multiplier, std::uint8_t scale_byte,
                                 std::uint8_t kind) noexcept {
  if (kind < 1 || kind > 4) return std::nullopt;
  RowRules row{.rules = {.multiplier = multiplier, .kind = static_cast<InstrumentKind>(kind)}};
  const int scale = static_cast<std::int8_t>(scale_byte);
  const bool is_inverse = row.rules.kind == InstrumentKind::kInverse;
  const int contracts = is_inverse ? std::max(scale, 0) : std::min(scale, kScaleSumMax);
  row.mark_scale = is_inverse ? contracts - scale : scale - contracts;
  if (contracts < 0 || contracts > kScaleSumMax || row.mark_scale > kPriceScaleMax) {
    return std::nullopt;
  }
  row.rules.quantity_scale = static_cast<std::uint8_t>(contracts);
  if (!are_valid(row.rules)) return std::nullopt;
  return row;
}

MoneyWords exact_value(std::int64_t quantity, std::int64_t mark, std::int64_t multiplier,
                       MoneyWords cost, std::uint8_t scale, std::uint8_t kind) noexcept {
  const auto row = rules_of(multiplier, scale, kind);
  if (!row) return kNoValue;
  PositionBook book;
  book.quantity = quantity;
  book.cost_e18 = joined(cost);
  const auto money = unrealised_at(book, row->rules, mark, row->mark_scale);
  return money ? split(money->e18) : kNoValue;
}

using Kernel = bool (*)(const Block&, MoneyWords*) noexcept;

Kernel kernel_of(SimdLevel level) noexcept {
#if defined(__x86_64__)
  if (level == SimdLevel::kAvx2) return &value_block_avx2;
  if (level == SimdLevel::kAvx512) return &value_block_avx512;
#endif
  (void)level;
  return nullptr;
}

/// A block of its own memory: for the rest of a batch, filled up with flat rows, and for rows.
struct OwnBlock {
  alignas(64) std::int64_t quantity[kBlockRows];
  alignas(64) std::int64_t mark[kBlockRows];
  alignas(64) std::int64_t multiplier[kBlockRows];
  alignas(64) MoneyWords cost_e18[kBlockRows];
  alignas(64) std::uint8_t scale[kBlockRows];
  alignas(64) std::uint8_t kind[kBlockRows];
  alignas(64) MoneyWords unrealised_e18[kBlockRows];

  /// Flat rows from `rows` on.
  void fill_up(std::size_t rows) noexcept {
    for (std::size_t i = rows; i < kBlockRows; ++i) {
      quantity[i] = 0;
      mark[i] = 0;
      multiplier[i] = 1;
      cost_e18[i] = {};
      scale[i] = 0;
      kind[i] = static_cast<std::uint8_t>(InstrumentKind::kLinear);
    }
  }
  [[nodiscard]] PositionColumns columns(std::size_t rows) const noexcept {
    return {quantity, mark, multiplier, cost_e18, scale, kind, rows};
  }
};

Block block_at(const PositionColumns& all, std::size_t first) noexcept {
  return {all.quantity + first, all.mark + first,  all.multiplier + first,
          all.cost_e18 + first, all.scale + first, all.kind + first};
}

void value_exactly(const PositionColumns& all, std::size_t first, std::size_t rows,
                   MoneyWords* unrealised_e18, BatchCounts& counts) noexcept {
  for (std::size_t i = first; i < first + rows; ++i) {
    unrealised_e18[i] = value_row(all, i);
    counts.without_value += is_no_value(unrealised_e18[i]) ? 1 : 0;
  }
  counts.exact_rows += rows;
}

/// Values the first `rows` rows of its own block; the lanes behind them are flat.
bool value_own(OwnBlock& own, std::size_t rows, Kernel kernel) noexcept {
  own.fill_up(rows);
  return kernel != nullptr && kernel(block_at(own.columns(rows), 0), own.unrealised_e18);
}

void copy_rows(OwnBlock& own, const PositionColumns& all, std::size_t first,
               std::size_t rows) noexcept {
  std::copy_n(all.quantity + first, rows, own.quantity);
  std::copy_n(all.mark + first, rows, own.mark);
  std::copy_n(all.multiplier + first, rows, own.multiplier);
  std::copy_n(all.cost_e18 + first, rows, own.cost_e18);
  std::copy_n(all.scale + first, rows, own.scale);
  std::copy_n(all.kind + first, rows, own.kind);
}

}  // namespace

std::string_view name(SimdLevel level) noexcept { return kNames[static_cast<std::size_t>(level)]; }

std::optional<SimdLevel> simd_level_of(std::string_view wanted) noexcept {
  for (int level = 0; level < kSimdLevels; ++level) {
    if (kNames[level] == wanted) return static_cast<SimdLevel>(level);
  }
  return std::nullopt;
}

bool is_supported(SimdLevel level) noexcept {
#if defined(__x86_64__)
  // These ask the processor and, by xgetbv, whether the system saves the wide registers.
  if (level == SimdLevel::kAvx2) return __builtin_cpu_supports("avx2") != 0;
  if (level == SimdLevel::kAvx512) {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  }
#endif
  return level == SimdLevel::kScalar;
}

SimdLevel best_level() noexcept {
  if (is_supported(SimdLevel::kAvx512)) return SimdLevel::kAvx512;
  return is_supported(SimdLevel::kAvx2) ? SimdLevel::kAvx2 : SimdLevel::kScalar;
}

MoneyWords value_row(const PositionColumns& columns, std::size_t row) noexcept {
  return exact_value(columns.quantity[row], columns.mark[row], columns.multiplier[row],
                     columns.cost_e18[row], columns.scale[row], columns.kind[row]);
}

BatchCounts mark_to_market(const PositionColumns& columns, MoneyWords* unrealised_e18,
                           SimdLevel level) noexcept {
  const Kernel kernel = kernel_of(level);
  BatchCounts counts;
  std::size_t first = 0;
  for (; first + kBlockRows <= columns.count; first += kBlockRows) {
    const Block block = block_at(columns, first);
    if (kernel == nullptr || !kernel(block, unrealised_e18 + first)) {
      value_exactly(columns, first, kBlockRows, unrealised_e18, counts);
    }
  }
  const std::size_t rest = columns.count - first;
  if (rest == 0) return counts;
  OwnBlock own;
  if (kernel != nullptr) copy_rows(own, columns, first, rest);
  if (value_own(own, rest, kernel)) {
    std::copy_n(own.unrealised_e18, rest, unrealised_e18 + first);
  } else {
    value_exactly(columns, first, rest, unrealised_e18, counts);
  }
  return counts;
}

BatchCounts mark_to_market(const PositionRow* rows, std::size_t count, MoneyWords* unrealised_e18,
                           SimdLevel level) noexcept {
  const Kernel kernel = kernel_of(level);
  BatchCounts counts;
  OwnBlock own;
  for (std::size_t first = 0; first < count; first += kBlockRows) {
    const std::size_t here = std::min(kBlockRows, count - first);
    for (std::size_t i = 0; i < here; ++i) {
      const PositionRow& row = rows[first + i];
      own.quantity[i] = row.quantity;
      own.mark[i] = row.mark;
      own.multiplier[i] = row.multiplier;
      own.cost_e18[i] = row.cost_e18;
      own.scale[i] = row.scale;
      own.kind[i] = row.kind;
    }
    if (!value_own(own, here, kernel)) {
      value_exactly(own.columns(here), 0, here, own.unrealised_e18, counts);
    }
    std::copy_n(own.unrealised_e18, here, unrealised_e18 + first);
  }
  return counts;
}

}  // namespace gateway::valuation
