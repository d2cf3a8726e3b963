// The life of an order as one constexpr table: state x event -> next state and verdict.
// Pure; knows no quantities beyond the two helpers that name events. Must never lose a fill: there
// is no state of a sent order in which an execution is illegal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gateway {

/// Values are on disk: append only.
enum class OrderState : std::uint8_t {
  kNone = 0,  // no such order
  kPendingNew = 1,
  kNew = 2,
  kPartiallyFilled = 3,
  kFilled = 4,
  kCanceled = 5,
  kExpired = 6,
  kRejected = 7,     // by the venue
  kRefused = 8,      // by us, before sending
  kUntriggered = 9,  // waits for its trigger, at the venue or held here (emulated)
  kUnknown = 10,     // may or may not live at the venue; exposure stays reserved
};
inline constexpr std::size_t kOrderStates = 11;

enum class OrderEvent : std::uint8_t {
  kSubmitted,            // the gate let it pass, it goes to the venue
  kHeld,                 // the gate let it pass, the gateway holds it for its own trigger
  kRefused,              // the gate said no
  kReleased,             // our trigger fired, it goes to the venue now
  kAccepted,             // working at the venue
  kAcceptedUntriggered,  // at the venue, waits for its trigger
  kTriggered,            // the venue's trigger fired
  kRejected,             // the venue said no
  kPartialFill,          // an execution, something is left
  kFullFill,             // an execution, nothing is left
  kCanceled,
  kExpired,
  kUnknown,   // outcome of the new order is not known: timeout, send error, disconnect, crash
  kNotSent,   // proof that the order never reached the venue
  kReplaced,  // new terms in force, something is left
  kReplacedComplete,  // new total quantity is what has been executed already
};
inline constexpr std::size_t kOrderEvents = 16;

enum class Verdict : std::uint8_t {
  kLegal,      // apply; the state becomes `next`
  kLateFill,   // apply the execution although the order had ended; the state becomes `next`
  kDuplicate,  // nothing new: ignore, no change
  kAnomaly,    // contradicts the state: no change, journal it as evidence
};

struct Transition {
  OrderState next;
  Verdict verdict;
};

namespace order_table_words {

// Short words, so that the table below can be read as a table.
inline constexpr auto Pe = OrderState::kPendingNew;
inline constexpr auto Ne = OrderState::kNew;
inline constexpr auto Pa = OrderState::kPartiallyFilled;
inline constexpr auto Fi = OrderState::kFilled;
inline constexpr auto Ca = OrderState::kCanceled;
inline constexpr auto Ex = OrderState::kExpired;
inline constexpr auto Rj = OrderState::kRejected;
inline constexpr auto Rf = OrderState::kRefused;
inline constexpr auto Ut = OrderState::kUntriggered;
inline constexpr auto Un = OrderState::kUnknown;

/// One cell: a state alone is a legal move, l.. a late fill; dup and bad change nothing.
struct Cell {
  OrderState next = OrderState::kNone;
  Verdict verdict = Verdict::kAnomaly;
  consteval Cell(OrderState state) : next(state), verdict(Verdict::kLegal) {}
  consteval Cell(OrderState state, Verdict say) : next(state), verdict(say) {}
};
inline constexpr Cell lFi{Fi, Verdict::kLateFill};
inline constexpr Cell lCa{Ca, Verdict::kLateFill};
inline constexpr Cell lEx{Ex, Verdict::kLateFill};
inline constexpr Cell lRj{Rj, Verdict::kLateFill};
inline constexpr Cell dup{OrderState::kNone, Verdict::kDuplicate};
inline constexpr Cell bad{OrderState::kNone, Verdict::kAnomaly};

// Rows are states in their order, columns events in theirs.
//  - A fill, a trigger or a replace before the ack proves the ack; the ack is then a duplicate.
//  - UNKNOWN is no verdict: any evidence resolves it. It has no fills: a fill is evidence.
//  - The venue may reject after its ack; it may not reject what has executed.
//  - A fill on a full order is an overfill: booked, and journaled as such by the caller.
//  - FILLED + replaced: the venue took the larger quantity before what looked like the last fill.
//  - NOT_SENT ends as CANCELED; should it fill after all, the fill counts.
// clang-format off
inline constexpr Cell kOrderTable[kOrderStates][kOrderEvents] = {
//             sub  held refu rele acc  accU trig rej  part full canc exp  unkn nots repl repC
/* None     */{Pe , Ut , Rf , bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad},
/* Pending  */{dup, bad, bad, dup, Ne , Ut , Ne , Rj , Pa , Fi , Ca , Ex , Un , Ca , Ne , bad},
/* New      */{dup, bad, bad, dup, dup, dup, dup, Rj , Pa , Fi , Ca , Ex , dup, bad, Ne , bad},
/* Partial  */{dup, bad, bad, dup, dup, dup, dup, bad, Pa , Fi , Ca , Ex , dup, bad, Pa , Fi },
/* Filled   */{dup, bad, bad, dup, dup, dup, dup, bad, lFi, lFi, dup, dup, dup, bad, Pa , dup},
/* Canceled */{dup, bad, bad, bad, dup, dup, dup, bad, lCa, lFi, dup, dup, dup, dup, dup, dup},
/* Expired  */{dup, bad, bad, bad, dup, dup, dup, bad, lEx, lFi, dup, dup, dup, bad, dup, dup},
/* Rejected */{dup, bad, bad, bad, dup, dup, dup, dup, lRj, lFi, bad, bad, dup, dup, bad, bad},
/* Refused  */{bad, bad, dup, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad},
/* Untrigg. */{bad, dup, bad, Pe , dup, dup, Ne , Rj , Pa , Fi , Ca , Ex , dup, Ca , Ut , bad},
/* Unknown  */{dup, bad, bad, dup, Ne , Ut , Ne , Rj , Pa , Fi , Ca , Ex , dup, Ca , Ne , bad},
};
// clang-format on

}  // namespace order_table_words

/// The cell of the table. With kDuplicate and kAnomaly `next` is the state unchanged.
[[nodiscard]] constexpr Transition transition(OrderState state, OrderEvent event) noexcept {
  const auto row = static_cast<std::size_t>(state);
  const auto column = static_cast<std::size_t>(event);
  if (row >= kOrderStates || column >= kOrderEvents) return {state, Verdict::kAnomaly};
  const auto& cell = order_table_words::kOrderTable[row][column];
  const bool changes = cell.verdict == Verdict::kLegal || cell.verdict == Verdict::kLateFill;
  return {changes ? cell.next : state, cell.verdict};
}

/// Nothing more is expected; late fills still count.
[[nodiscard]] constexpr bool is_terminal(OrderState state) noexcept {
  return state == OrderState::kFilled || state == OrderState::kCanceled ||
         state == OrderState::kExpired || state == OrderState::kRejected ||
         state == OrderState::kRefused;
}
/// Exposure is reserved: it may execute. UNKNOWN is open.
[[nodiscard]] constexpr bool is_open(OrderState state) noexcept {
  return state != OrderState::kNone && !is_terminal(state);
}

/// The event of an execution that brings the order to `cumulative` of `quantity`.
[[nodiscard]] constexpr OrderEvent fill_event(std::int64_t cumulative,
                                              std::int64_t quantity) noexcept {
  return cumulative >= quantity ? OrderEvent::kFullFill : OrderEvent::kPartialFill;
}
/// The event of new terms with total `quantity` when `cumulative` has been executed.
[[nodiscard]] constexpr OrderEvent replace_event(std::int64_t cumulative,
                                                 std::int64_t quantity) noexcept {
  return cumulative >= quantity ? OrderEvent::kReplacedComplete : OrderEvent::kReplaced;
}

[[nodiscard]] constexpr std::string_view name(OrderState state) noexcept {
  constexpr std::string_view kNames[kOrderStates] = {
      "NONE",    "PENDING_NEW", "NEW",     "PARTIALLY_FILLED", "FILLED", "CANCELED",
      "EXPIRED", "REJECTED",    "REFUSED", "UNTRIGGERED",      "UNKNOWN"};
  const auto index = static_cast<std::size_t>(state);
  return index < kOrderStates ? kNames[index] : std::string_view{};
}
[[nodiscard]] constexpr std::string_view name(OrderEvent event) noexcept {
  constexpr std::string_view kNames[kOrderEvents] = {
      "submitted",        "held",     "refused",
      "released",         "accepted", "accepted_untriggered",
      "triggered",        "rejected", "partial_fill",
      "full_fill",        "canceled", "expired",
      "unknown",          "not_sent", "replaced",
      "replaced_complete"};
  const auto index = static_cast<std::size_t>(event);
  return index < kOrderEvents ? kNames[index] : std::string_view{};
}
[[nodiscard]] constexpr std::string_view name(Verdict verdict) noexcept {
  constexpr std::string_view kNames[] = {"legal", "late_fill", "duplicate", "anomaly"};
  return kNames[static_cast<std::size_t>(verdict) & 3];
}

// The rules above once more as facts the compiler holds.
namespace detail {

consteval bool every_cell_obeys() {
  for (std::size_t s = 0; s < kOrderStates; ++s) {
    const auto state = static_cast<OrderState>(s);
    const bool was_sent = state != OrderState::kNone && state != OrderState::kRefused;
    for (std::size_t e = 0; e < kOrderEvents; ++e) {
      const auto event = static_cast<OrderEvent>(e);
      const Transition move = transition(state, event);
      const bool is_fill = event == OrderEvent::kPartialFill || event == OrderEvent::kFullFill;
      const bool changes = move.verdict == Verdict::kLegal || move.verdict == Verdict::kLateFill;
      if (is_fill && changes != was_sent) return false;
      if (!changes && move.next != state) return false;
      if ((move.verdict == Verdict::kLateFill) != (is_fill && was_sent && is_terminal(state))) {
        return false;
      }
      // Nothing revives an ended order but the replace that had enlarged it before it filled.
      const bool is_enlarged = state == OrderState::kFilled && event == OrderEvent::kReplaced;
      if (is_terminal(state) && !is_terminal(move.next) && !is_enlarged) return false;
      if (changes && move.next == OrderState::kNone) return false;
    }
  }
  return true;
}
static_assert(every_cell_obeys());

}  // namespace detail

// Overlays: a cancel and a replace may each be on their way, and each may have an unknown outcome.
// Packed in one byte of the order: cancel in bits 0-1, replace in bits 2-3.

enum class Pending : std::uint8_t { kNo = 0, kSent = 1, kUnknown = 2 };
enum class Overlay : std::uint8_t { kCancel = 0, kReplace = 1 };
enum class PendingEvent : std::uint8_t {
  kRequested,   // we send it
  kConfirmed,   // the venue did it
  kRejected,    // the venue did not do it
  kTimedOut,    // no answer, or the connection went away: outcome unknown
  kNotSent,     // it never left; the order is as before
  kOrderEnded,  // the order is terminal: whatever was on its way has no object any more
};
inline constexpr std::size_t kPendingEvents = 6;

struct PendingMove {
  Pending next;
  Verdict verdict;
};

/// A cancel of unknown outcome may be asked again, which is harmless. A replace may not: both could
/// take effect; it is resolved first.
[[nodiscard]] constexpr PendingMove pending_move(Overlay overlay, Pending state,
                                                 PendingEvent event) noexcept {
  switch (event) {
    case PendingEvent::kRequested:
      if (state == Pending::kNo || (state == Pending::kUnknown && overlay == Overlay::kCancel)) {
        return {Pending::kSent, Verdict::kLegal};
      }
      return {state, Verdict::kAnomaly};
    case PendingEvent::kTimedOut:
      if (state == Pending::kSent) return {Pending::kUnknown, Verdict::kLegal};
      return {state, Verdict::kDuplicate};
    case PendingEvent::kConfirmed:
    case PendingEvent::kRejected:
    case PendingEvent::kNotSent:
    case PendingEvent::kOrderEnded:
      if (state == Pending::kNo) return {state, Verdict::kDuplicate};
      return {Pending::kNo, Verdict::kLegal};
  }
  return {state, Verdict::kAnomaly};
}

[[nodiscard]] constexpr Pending pending(std::uint8_t bits, Overlay overlay) noexcept {
  return static_cast<Pending>((bits >> (2 * static_cast<unsigned>(overlay))) & 3U);
}
[[nodiscard]] constexpr std::uint8_t with_pending(std::uint8_t bits, Overlay overlay,
                                                  Pending state) noexcept {
  const unsigned shift = 2 * static_cast<unsigned>(overlay);
  return static_cast<std::uint8_t>((bits & ~(3U << shift)) |
                                   (static_cast<unsigned>(state) << shift));
}

/// Applies an event to the overlay byte of an order; the byte stays as it is unless kLegal.
[[nodiscard]] constexpr Verdict apply_pending(std::uint8_t& bits, Overlay overlay,
                                              PendingEvent event) noexcept {
  const PendingMove move = pending_move(overlay, pending(bits, overlay), event);
  if (move.verdict == Verdict::kLegal) bits = with_pending(bits, overlay, move.next);
  return move.verdict;
}

/// The word of the `pending` column; a cancel hides a replace.
[[nodiscard]] constexpr std::string_view pending_name(std::uint8_t bits) noexcept {
  constexpr std::string_view kCancel[] = {"", "cancel", "cancel_unknown", ""};
  constexpr std::string_view kReplace[] = {"", "replace", "replace_unknown", ""};
  const auto cancel = static_cast<std::size_t>(pending(bits, Overlay::kCancel));
  return cancel != 0 ? kCancel[cancel]
                     : kReplace[static_cast<std::size_t>(pending(bits, Overlay::kReplace))];
}

}  // namespace gateway
