// Any bytes as an event: a reader never reads beyond them, a reader with a long memory says what a
// new one says, and a fact it makes is whole. Any bytes as a packed fact: none, or the same again.
// Input: u8 which table, then the event.
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "event/sample.hpp"
#include "gateway_core/event/message.hpp"

using namespace gateway;         // NOLINT
using namespace gateway::event;  // NOLINT

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

std::string packed(Fact& fact) {
  char bytes[kPackedMax];
  return {bytes, pack(fact, bytes)};
}

/// Read by one that remembers all inputs so far, and by one that knows none.
void read_twice(Reader& old, const TableSpec& spec, std::string_view bytes) {
  Fact fact;
  Fact same;
  std::uint8_t outcome = 0;
  std::uint8_t again = 0;
  Reader fresh = sample::reader(spec);
  const Fault fault = old.read(bytes, fact, outcome);
  demand(fresh.read(bytes, same, again) == fault);
  if (fault != Fault::kNone) return;
  demand(outcome == again && packed(fact) == packed(same));
  demand(fact.account.view() == "main" && fact.symbol.size != 0 && fact.venue_order_id.size != 0);
  if (fact.kind != FactKind::kFilled) fact.order_id = 1;
  Fact back;
  demand(unpack(packed(fact), back));
  FillMessage fill{};
  FactMessage change{};
  const FactIds ids{1, 1, 1, 1, 2, 3};
  if (fact.kind == FactKind::kFilled ? write(fact, ids, fill) : write(fact, ids, change)) {
    demand(fact.kind != FactKind::kFilled || fill.fill.quantity > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  static const TableSpec kTables[2] = {sample::flat(), sample::nested()};
  static Reader readers[2] = {sample::reader(kTables[0]), sample::reader(kTables[1])};
  if (bytes == 0) return 0;
  const std::vector<char> event(data + 1, data + bytes);  // of exactly this size
  const std::string_view text{event.data(), event.size()};
  const std::size_t which = data[0] % 2;
  read_twice(readers[which], kTables[which], text);
  Fact fact;
  if (unpack(text, fact)) demand(packed(fact) == text);
  return 0;
}
