// The columns of history that are made at every record: one vector per column, so that numpy and
// Parquet take them as they are. Ids, codes and mantissas; names and words are added downstream.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gateway_core/types/fixed_point.hpp"

namespace gateway::history {

/// Texts one behind the other; `ends` begins with 0. Always valid UTF-8: what a venue cut within a
/// letter gets question marks.
struct Texts {
  std::vector<std::int32_t> ends{0};
  std::vector<char> bytes;
  void push_back(std::string_view text);
};

template <typename T>
struct ColumnOf {
  using type = std::vector<T>;
};
template <>
struct ColumnOf<Texts> {
  using type = Texts;
};
template <typename T>
using column_t = typename ColumnOf<T>::type;

#define COLUMN(type, name) column_t<type> name;
struct OrderColumns {
#include "gateway_core/history/orders.def"
};
struct FillColumns {
#include "gateway_core/history/fills.def"
};
struct PositionColumns {
#include "gateway_core/history/positions.def"
};
struct BalanceColumns {
#include "gateway_core/history/balances.def"
};
struct FundingColumns {
#include "gateway_core/history/funding.def"
};
struct RefusalColumns {
#include "gateway_core/history/refusals.def"
};
#undef COLUMN

}  // namespace gateway::history
