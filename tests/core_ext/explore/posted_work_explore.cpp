// Work handed to the engine's thread under every schedule: done once and seen by who waits for it,
// or withdrawn and never done.
#include "explore/mutants.hpp"
#include "gateway_core/engine/posted_work.hpp"

using explore::require;
using gateway::PostedWork;

namespace proof {

/// What both threads touch by turns, without any other order than the hand-over.
struct Case {
  PostedWork posted;
  std::uint64_t asked = 0;     // written by the caller before, read by the work
  std::uint64_t answered = 0;  // written by the work, read by the caller after
  std::uint64_t runs = 0;      // the engine's own

  void engine(int turns) {
    for (int i = 0; i < turns; ++i) {
      if (!posted.run_posted()) explore::yield();
    }
  }
  /// One piece of work; gives up after `patience` looks. Returns whether it was done.
  bool ask(std::uint64_t number, int patience) {
    asked = number;
    const PostedWork::Work work = [this] {
      answered = asked;
      ++runs;
    };
    const bool is_done = posted.run(work, [&] {
      explore::yield();
      return --patience > 0;
    });
    if (is_done) require(answered == number, "the caller sees what the work did");
    // From here on the work is gone: whoever runs it now runs into its remains.
    asked = ~std::uint64_t{0};
    return is_done;
  }
};

void one_after_the_other() {
  auto* at = new Case;
  explore::thread("engine", [at] { at->engine(6); });
  explore::thread("caller", [at] {
    std::uint64_t done = 0;
    if (at->ask(1, 8)) ++done;
    if (at->ask(2, 8)) ++done;
    require(at->answered <= 2, "no work was run after it was withdrawn");
    explore::note(done == 2 ? "both" : "not both");
  });
  explore::at_end([at] { require(at->runs <= 2, "no work ran twice"); });
}

void withdrawn_in_time_or_done() {
  auto* at = new Case;
  auto* done = new bool(false);
  explore::thread("engine", [at] { at->engine(3); });
  explore::thread("caller", [at, done] { *done = at->ask(7, 1); });
  explore::at_end([at, done] {
    (void)at->posted.run_posted();
    require(at->runs == (*done ? 1U : 0U), "done once when it says so, never when it says not");
  });
}

}  // namespace proof
using namespace proof;  // NOLINT

TEST(posted_work_holds_in_every_execution_and_every_planted_fault_is_caught) {
  explore::Limits limits;
  limits.has_moved = false;  // what is stored are addresses and yes or no
  explore::prove("posted work", {one_after_the_other, withdrawn_in_time_or_done}, {}, 4, limits);
}
