// Every cell of the order table against a second table written as text, sentence by sentence.
// Must never be generated from the header: two people could have written the two.
#include "gateway_core/order/order_state.hpp"

#include <map>
#include <sstream>
#include <string>

#include "check.hpp"

using namespace gateway;

namespace {

// "<state>: event -> NEXT; ..." with "event late NEXT" for late fills and "event =" for duplicates.
// What is not written is an anomaly. A line that begins with a space continues the one before.
constexpr const char* kExpected = R"(
NONE: submitted -> PENDING_NEW; held -> UNTRIGGERED; refused -> REFUSED
PENDING_NEW: accepted -> NEW; accepted_untriggered -> UNTRIGGERED; triggered -> NEW; rejected ->
  REJECTED; partial_fill -> PARTIALLY_FILLED; full_fill -> FILLED; canceled -> CANCELED; expired
  -> EXPIRED; unknown -> UNKNOWN; not_sent -> CANCELED; replaced -> NEW; submitted =; released =
NEW: rejected -> REJECTED; partial_fill -> PARTIALLY_FILLED; full_fill -> FILLED; canceled ->
  CANCELED; expired -> EXPIRED; replaced -> NEW; submitted =; released =; accepted =;
  accepted_untriggered =; triggered =; unknown =
PARTIALLY_FILLED: partial_fill -> PARTIALLY_FILLED; full_fill -> FILLED; canceled -> CANCELED;
  expired -> EXPIRED; replaced -> PARTIALLY_FILLED; replaced_complete -> FILLED; submitted =;
  released =; accepted =; accepted_untriggered =; triggered =; unknown =
FILLED: partial_fill late FILLED; full_fill late FILLED; replaced -> PARTIALLY_FILLED; submitted
  =; released =; accepted =; accepted_untriggered =; triggered =; canceled =; expired =; unknown
  =; replaced_complete =
CANCELED: partial_fill late CANCELED; full_fill late FILLED; submitted =; accepted =;
  accepted_untriggered =; triggered =; canceled =; expired =; unknown =; not_sent =; replaced =;
  replaced_complete =
EXPIRED: partial_fill late EXPIRED; full_fill late FILLED; submitted =; accepted =;
  accepted_untriggered =; triggered =; canceled =; expired =; unknown =; replaced =;
  replaced_complete =
REJECTED: partial_fill late REJECTED; full_fill late FILLED; submitted =; accepted =;
  accepted_untriggered =; triggered =; rejected =; unknown =; not_sent =
REFUSED: refused =
UNTRIGGERED: released -> PENDING_NEW; triggered -> NEW; rejected -> REJECTED; partial_fill ->
  PARTIALLY_FILLED; full_fill -> FILLED; canceled -> CANCELED; expired -> EXPIRED; not_sent ->
  CANCELED; replaced -> UNTRIGGERED; held =; accepted =; accepted_untriggered =; unknown =
UNKNOWN: accepted -> NEW; accepted_untriggered -> UNTRIGGERED; triggered -> NEW; rejected ->
  REJECTED; partial_fill -> PARTIALLY_FILLED; full_fill -> FILLED; canceled -> CANCELED; expired
  -> EXPIRED; not_sent -> CANCELED; replaced -> NEW; submitted =; released =; unknown =
)";

std::map<std::string, std::string> expected_cells() {
  std::map<std::string, std::string> cells;
  std::istringstream lines(kExpected);
  std::string line;
  std::string text;
  while (std::getline(lines, line)) text += (line.starts_with(' ') ? "" : "\n") + line;
  lines = std::istringstream(text);  // now one line per state
  while (std::getline(lines, line)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream parts(line.substr(colon + 1));
    std::string part;
    while (std::getline(parts, part, ';')) {
      std::istringstream words(part);
      std::string event, arrow, next;
      words >> event >> arrow >> next;
      const std::string state = line.substr(0, colon);
      cells[state + " " + event] = arrow == "->"     ? "legal " + next
                                   : arrow == "late" ? "late_fill " + next
                                                     : "duplicate " + state;
    }
  }
  return cells;
}

}  // namespace

TEST(every_cell_is_what_the_text_says) {
  auto cells = expected_cells();
  for (std::size_t s = 0; s < kOrderStates; ++s) {
    for (std::size_t e = 0; e < kOrderEvents; ++e) {
      const auto state = static_cast<OrderState>(s);
      const auto event = static_cast<OrderEvent>(e);
      const std::string key = std::string(name(state)) + " " + std::string(name(event));
      const auto found = cells.find(key);
      const std::string want =
          found == cells.end() ? "anomaly " + std::string(name(state)) : found->second;
      const Transition move = transition(state, event);
      const std::string got = std::string(name(move.verdict)) + " " + std::string(name(move.next));
      if (got != want) check::fail(__FILE__, __LINE__, key + ": " + got + ", expected " + want);
      cells.erase(key);
    }
  }
  for (const auto& left : cells) check::fail(__FILE__, __LINE__, "no such cell: " + left.first);
}

TEST(numbers_outside_the_table_are_anomalies) {
  const Transition move = transition(static_cast<OrderState>(11), OrderEvent::kAccepted);
  CHECK(move.verdict == Verdict::kAnomaly && move.next == static_cast<OrderState>(11));
  CHECK(transition(OrderState::kNew, static_cast<OrderEvent>(16)).verdict == Verdict::kAnomaly);
}

TEST(open_and_terminal_split_all_states_but_none) {
  int open = 0, terminal = 0;
  for (std::size_t s = 0; s < kOrderStates; ++s) {
    const auto state = static_cast<OrderState>(s);
    CHECK(!(is_open(state) && is_terminal(state)));
    open += is_open(state);
    terminal += is_terminal(state);
  }
  CHECK_EQUAL(open, 5);
  CHECK_EQUAL(terminal, 5);
  CHECK(is_open(OrderState::kUnknown) && !is_open(OrderState::kNone));
}

TEST(quantities_name_their_events) {
  CHECK(fill_event(4, 5) == OrderEvent::kPartialFill && fill_event(5, 5) == OrderEvent::kFullFill);
  CHECK(fill_event(6, 5) == OrderEvent::kFullFill);
  CHECK(replace_event(3, 4) == OrderEvent::kReplaced);
  CHECK(replace_event(4, 4) == OrderEvent::kReplacedComplete);
}

TEST(cumulative_quantity_never_falls_and_full_means_filled_in_any_order_of_events) {
  // Every sequence of four events from PENDING_NEW, quantity 2, each fill executes 1.
  constexpr std::size_t kAll = kOrderEvents;
  for (std::size_t code = 0; code < kAll * kAll * kAll * kAll; ++code) {
    OrderState state = OrderState::kPendingNew;
    int cumulative = 0;
    std::size_t rest = code;
    bool is_replaced = false;
    for (int step = 0; step < 4; ++step, rest /= kAll) {
      auto event = static_cast<OrderEvent>(rest % kAll);
      const bool is_fill = event == OrderEvent::kPartialFill || event == OrderEvent::kFullFill;
      if (is_fill) event = fill_event(cumulative + 1, 2);
      is_replaced =
          is_replaced || event == OrderEvent::kReplaced || event == OrderEvent::kReplacedComplete;
      const Transition move = transition(state, event);
      if (is_fill) {
        CHECK(move.verdict == Verdict::kLegal || move.verdict == Verdict::kLateFill);
        ++cumulative;
      }
      state = move.next;
    }
    if (!is_replaced) CHECK_EQUAL(state == OrderState::kFilled, cumulative >= 2);
    if (cumulative > 0) {
      CHECK(state != OrderState::kUnknown && state != OrderState::kNew &&
            state != OrderState::kPendingNew);
    }
  }
}

TEST(every_cell_of_the_overlays_is_as_written) {
  // Rows: no, sent, unknown. Columns: requested confirmed rejected timed_out not_sent order_ended.
  // Upper case letter = legal move to No, Sent, Unknown; d = duplicate; a = anomaly.
  constexpr const char* kCancel[3] = {"Sddddd", "aNNUNN", "SNNdNN"};
  constexpr const char* kReplace[3] = {"Sddddd", "aNNUNN", "aNNdNN"};
  for (int overlay = 0; overlay < 2; ++overlay) {
    for (int state = 0; state < 3; ++state) {
      for (std::size_t event = 0; event < kPendingEvents; ++event) {
        const char want = (overlay == 0 ? kCancel : kReplace)[state][event];
        const auto move = pending_move(static_cast<Overlay>(overlay), static_cast<Pending>(state),
                                       static_cast<PendingEvent>(event));
        const char got = move.verdict == Verdict::kDuplicate ? 'd'
                         : move.verdict == Verdict::kAnomaly ? 'a'
                                                             : "NSU"[static_cast<int>(move.next)];
        CHECK_EQUAL(got, want);
        if (move.verdict != Verdict::kLegal) CHECK(move.next == static_cast<Pending>(state));
      }
    }
  }
}

TEST(the_two_overlays_do_not_disturb_each_other) {
  std::uint8_t bits = 0;
  CHECK_EQUAL(pending_name(bits), "");
  CHECK(apply_pending(bits, Overlay::kReplace, PendingEvent::kRequested) == Verdict::kLegal);
  CHECK_EQUAL(pending_name(bits), "replace");
  CHECK(apply_pending(bits, Overlay::kCancel, PendingEvent::kRequested) == Verdict::kLegal);
  CHECK_EQUAL(pending_name(bits), "cancel");
  CHECK(apply_pending(bits, Overlay::kCancel, PendingEvent::kTimedOut) == Verdict::kLegal);
  CHECK_EQUAL(pending_name(bits), "cancel_unknown");
  CHECK(pending(bits, Overlay::kReplace) == Pending::kSent);
  CHECK(apply_pending(bits, Overlay::kCancel, PendingEvent::kOrderEnded) == Verdict::kLegal);
  CHECK(apply_pending(bits, Overlay::kReplace, PendingEvent::kTimedOut) == Verdict::kLegal);
  CHECK_EQUAL(pending_name(bits), "replace_unknown");
  CHECK(apply_pending(bits, Overlay::kReplace, PendingEvent::kRequested) == Verdict::kAnomaly);
  CHECK_EQUAL(pending_name(bits), "replace_unknown");
}
