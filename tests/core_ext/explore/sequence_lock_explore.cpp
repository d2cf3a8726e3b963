// The versions around rows (memory/relaxed.hpp): a reader's copy is one that the writer left, whole
// and never older than one it had before.
#include "explore/mutants.hpp"
#include "gateway_core/memory/relaxed.hpp"

using explore::require;
using gateway::begin_write;
using gateway::end_write;
using gateway::Int128;
using gateway::put;
using gateway::put_all;
using gateway::Version;

namespace proof {

struct Row {
  Version version = 0;
  std::uint64_t a = 0;
  Int128 wide = 0;
};

struct Case {
  Row row;
  Case() {
    explore::name(&row.version, 8, "version");
    explore::name(&row.a, 8, "a");
    explore::name(&row.wide, 16, "wide");
  }
  void write(std::uint64_t value) {
    begin_write(row.version);
    put(row.a, value);
    put(row.wide, (Int128{static_cast<std::int64_t>(value)} << 64) | static_cast<Int128>(value));
    end_write(row.version);
  }
  /// Copies and checks; returns the value, or `before` when the writer was busy.
  std::uint64_t check(std::uint64_t before) const {
    Row copy;
    if (!gateway::read(row, copy, 2)) return before;
    require(copy.wide ==
                ((Int128{static_cast<std::int64_t>(copy.a)} << 64) | static_cast<Int128>(copy.a)),
            "a copy is of one moment");
    require(copy.version == 2 * copy.a, "a copy is of the moment its version says");
    require(copy.a >= before, "a copy is never older than the one before");
    return copy.a;
  }
};

void one_writer_two_copies() {
  auto* at = new Case;
  explore::thread("writer", [at] {
    at->write(1);
    at->write(2);
  });
  explore::thread("reader", [at] { at->check(at->check(0)); });
  explore::at_end([at] { require(at->check(0) == 2, "the last write stays"); });
}
void two_readers() {
  auto* at = new Case;
  explore::thread("writer", [at] { at->write(1); });
  explore::thread("reader 0", [at] { at->check(0); });
  explore::thread("reader 1", [at] { at->check(0); });
}
/// What the reader saw in a row entitles it to what the writer did before.
void a_row_publishes_what_came_before() {
  auto* at = new Case;
  auto* other = new std::uint64_t(0);
  explore::thread("writer", [at, other] {
    *other = 7;
    at->write(1);
  });
  explore::thread("reader", [at, other] {
    if (at->check(0) == 1) require(*other == 7, "what came before the row is there");
  });
}
void whole_rows_at_once() {
  auto* at = new Case;
  explore::thread("writer", [at] {
    for (std::uint64_t value = 1; value <= 2; ++value) {
      Row next;
      next.version = 2 * value - 1;
      next.a = value;
      next.wide = (Int128{static_cast<std::int64_t>(value)} << 64) | static_cast<Int128>(value);
      begin_write(at->row.version);
      put_all(at->row, next);
      end_write(at->row.version);
    }
  });
  explore::thread("reader", [at] { at->check(0); });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(a_versioned_row_holds_in_every_execution_and_every_planted_fault_is_caught) {
  explore::prove(
      "sequence lock",
      {one_writer_two_copies, two_readers, a_row_publishes_what_came_before, whole_rows_at_once},
      {}, 13);
}
