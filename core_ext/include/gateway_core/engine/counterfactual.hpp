// A recorded day decided again by the engine itself under another assumption: commands go through
// the gate anew, facts are told anew, and what comes out differently is told. Reads one journal and
// writes another; must never write into the one it reads, and never acts on a venue.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gateway_core/engine/engine.hpp"
#include "gateway_core/engine/limit_change.hpp"
#include "gateway_core/journal/journal.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/state/follower.hpp"

namespace gateway {

/// Where the two worlds differ. The names on the outside are those of kDifferenceNames.
enum class Difference : std::uint8_t {
  kAssumed = 0,           // the assumption itself: limits that were not those of the day
  kRefused = 1,           // accepted in fact, refused here
  kAccepted = 2,          // refused in fact, accepted here: nobody knows what a venue had done
  kRefusedOtherwise = 3,  // refused in both, for another reason
  kLeftOut = 4,           // of a strategy or an account that is left out
  kFellAway = 5,          // a venue's fact about an order that does not stand here
  kChangeRefused = 6,     // a cancel or a replace that was sent in fact and is refused here
  kNotHere = 7,           // a step of the gateway's own that happens in fact alone
  kOnlyHere = 8,          // the same, here alone
  kFundingScaled = 9,     // funding of a position of another size
  kRepeated = 10,         // its client id stands for an order that was accepted here earlier
  kAssumedFill = 11,      // booked because it was asked to be assumed, no venue told it
};
inline constexpr std::size_t kDifferences = 12;
inline constexpr const char* kDifferenceNames[kDifferences] = {
    "assumed",        "refused",  "accepted",  "refused_otherwise", "left_out", "fell_away",
    "change_refused", "not_here", "only_here", "funding_scaled",    "repeated", "assumed_fill"};

/// One difference: the record in fact and the one here, empty where there is none.
struct DifferenceNote {
  Difference what{};
  std::vector<std::uint8_t> fact;
  std::vector<std::uint8_t> other;
  GateVerdict verdict{};            // where neither record says it
  Sequence reference_sequence = 0;  // whose reference price it was decided with, 0 = none was kept
};

enum class AssumedFills : std::uint8_t { kNone = 0, kLimit = 1, kMark = 2 };

struct CounterfactualOptions {
  std::string directory;  // of the journal as it was
  std::string ring_directory;
  std::string out_directory;  // of the one that is made; empty or not there
  std::string out_ring_directory;
  Sequence from_sequence = 1;  // the assumption holds from this record on
  AssumedFills fills = AssumedFills::kNone;
  std::vector<std::string> strategies_left_out;
  std::vector<std::string> accounts_left_out;
  std::vector<LimitChange> limits;
};

/// What came out so far.
struct CounterfactualCounts {
  std::uint64_t records = 0;          // of the journal
  std::uint64_t orders = 0;           // decided again
  std::uint64_t refusals = 0;         // decided again
  std::uint64_t refusals_kept = 0;    // stand as in fact: the record keeps too little to ask again
  std::uint64_t facts = 0;            // told again
  std::uint64_t steps_kept = 0;       // own steps taken from the record: their cause left none
  std::uint64_t references_old = 0;   // decisions with a reference price of an earlier order
  std::uint64_t funding_as_told = 0;  // of a position that only exists here: it cannot be scaled
  std::uint64_t by_kind[kDifferences] = {};
};

namespace recorded {
[[nodiscard]] inline const RecordHeader& header_of(const std::uint8_t* record) noexcept {
  return *reinterpret_cast<const RecordHeader*>(record);
}
[[nodiscard]] inline RecordKind kind_of(const std::uint8_t* record) noexcept {
  return static_cast<RecordKind>(header_of(record).type);
}
/// The order a record is about when its payload begins with one, else 0.
[[nodiscard]] inline OrderId order_of(const std::uint8_t* record) noexcept {
  const auto kind = static_cast<int>(kind_of(record));
  if (kind < 30 || kind > 53 || kind_of(record) == RecordKind::kOrderRefused) return 0;
  return payload<OrderId>(record);
}
}  // namespace recorded

class Counterfactual {
 public:
  Counterfactual(platform::Storage& storage, CounterfactualOptions options);
  ~Counterfactual();
  Counterfactual(const Counterfactual&) = delete;
  Counterfactual& operator=(const Counterfactual&) = delete;

  /// Decides up to about `limit` records again, none beyond `until`. 0 = there are no more, or
  /// error() says why not.
  std::size_t advance(std::size_t limit, Sequence until);
  /// After the last advance(): what the engine would have done by then, and all of it on disk.
  void finish();

  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  [[nodiscard]] Sequence sequence() const noexcept { return fact_.sequence(); }
  [[nodiscard]] Sequence other_sequence() const noexcept { return other_sequence_; }
  [[nodiscard]] std::int64_t time_ns() const noexcept { return clock_.now_ns; }
  [[nodiscard]] const CounterfactualCounts& counts() const noexcept { return counts_; }
  /// Every record made here is the recorded one, byte for byte.
  [[nodiscard]] bool is_identical() const noexcept {
    return is_identical_ && other_sequence_ == sequence();
  }
  [[nodiscard]] std::string fact_hash() const;
  [[nodiscard]] std::string other_hash() const;
  /// The differences since the last call.
  [[nodiscard]] std::vector<DifferenceNote> take_notes() { return std::move(notes_); }

 private:
  struct Group {
    std::vector<std::uint8_t> bytes;
    std::vector<std::size_t> at;
    void clear() noexcept {
      bytes.clear();
      at.clear();
    }
    [[nodiscard]] bool empty() const noexcept { return at.empty(); }
    [[nodiscard]] const std::uint8_t* record(std::size_t i) const noexcept {
      return bytes.data() + at[i];
    }
    [[nodiscard]] const RecordHeader& header(std::size_t i) const noexcept {
      return *reinterpret_cast<const RecordHeader*>(record(i));
    }
  };
  using Bytes = std::vector<std::uint8_t>;
  /// Time that only the replay sets; the engine's own clock is virtual.
  struct ReplayClock {
    Clock clock{VirtualTime{1}};
    std::int64_t now_ns = 1;
    void set(std::int64_t to_ns) noexcept {
      if (clock.set_ns(to_ns)) now_ns = to_ns;
    }
  };

  // Reading and keeping (counterfactual.cpp).
  bool fetch(Group& group);
  void take(const Group& group);
  void boot(const Group& group);
  bool open_journal(const RecordHeader& first, const Boot& boot);
  void settle_boot();
  void begin_assumption();
  void take_whole(const Group& group);
  void take_limits(const Group& group);
  void take_raw(const std::uint8_t* record);
  void learn(const std::uint8_t* record);
  [[nodiscard]] std::string_view level_name(std::uint32_t level, std::uint32_t id) const noexcept;
  bool change_limits(LimitsSet& limits, GuardsSet& guards) const noexcept;
  bool make_room();
  void collect();
  bool settle(const std::uint8_t* record);
  void compare(const std::uint8_t* fact, const std::uint8_t* other);
  void run_own_steps();
  [[nodiscard]] bool find_pending(const std::uint8_t* fact);
  void drop_old_pending();
  void note(Difference what, const std::uint8_t* fact, const std::uint8_t* other,
            const GateVerdict& verdict = {}, Sequence reference = 0);
  void fail(std::string text);
  [[nodiscard]] const std::uint8_t* produced(RecordKind kind) const noexcept;

  // Commands (counterfactual_commands.cpp).
  void take_orders(const Group& group);
  [[nodiscard]] Refusal submit(const Group& group, std::size_t count, bool& is_repeated);
  void tell_orders(const Group& group, std::size_t count, Refusal refusal, bool is_repeated);
  void submit_refused(const std::uint8_t* record, const NewOrderMessage& message,
                      Sequence reference);
  [[nodiscard]] GateVerdict probe(const NewOrderMessage& message, std::uint32_t port);
  [[nodiscard]] bool is_of_refused_group(const std::uint8_t* record) const noexcept;
  void take_refused(const std::uint8_t* record);
  void assume_outcome(OrderId id, std::int64_t price);
  void take_cancel(const std::uint8_t* record);
  void take_replace(const std::uint8_t* record);
  [[nodiscard]] bool is_left_out(AccountId account, StrategyId strategy) const noexcept;
  [[nodiscard]] bool is_overridden(OrderId id) const noexcept;
  [[nodiscard]] bool has_kept_inputs(const OrderRefused& refused) const noexcept;
  [[nodiscard]] Sequence set_reference(const OrderRefused& refused) noexcept;

  // Facts and own steps (counterfactual_facts.cpp).
  void take_record(const std::uint8_t* record);
  void take_own_step(const std::uint8_t* record);
  void take_fact(const std::uint8_t* record);
  void keep_reference(const std::uint8_t* record) noexcept;
  void run_step_of(const std::uint8_t* record);
  void help_own_step(const std::uint8_t* record);
  [[nodiscard]] std::int64_t held(const State& state, const Funding& told) const noexcept;
  void take_fill(const std::uint8_t* record);
  void take_revised(const std::uint8_t* record);
  [[nodiscard]] static bool is_cross(const Group& group) noexcept;
  void take_cross(const Group& group);
  void drop_kept();
  [[nodiscard]] bool is_doubt(const std::uint8_t* record) const noexcept;
  void release_kept(std::uint32_t slot, const std::uint8_t* record);
  [[nodiscard]] bool was_kept(OrderId id) const noexcept;
  [[nodiscard]] OrderFact as_told(const OrderFact& fact) const noexcept;
  void take_funding(const Funding& told, const std::uint8_t* record);
  void take_other(const std::uint8_t* record);
  void fall_away(const std::uint8_t* record) { note(Difference::kFellAway, record, nullptr); }
  [[nodiscard]] bool has_order(OrderId id) const noexcept;

  platform::Storage& storage_;
  CounterfactualOptions options_;
  journal::Reader reader_;
  Group group_, next_, partial_;
  Follower fact_;
  ReplayClock clock_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Engine> engine_;
  std::uint64_t collected_ = 0;  // position up to which own records are looked at
  std::vector<Bytes> produced_;  // by the command or fact at hand
  std::deque<Bytes> pending_;    // own steps that came before the record of them
  std::unordered_set<AccountId> accounts_out_;
  std::unordered_set<StrategyId> strategies_out_;
  std::unordered_set<OrderId> gone_;                           // stand in fact and not here
  std::unordered_set<OrderId> lost_cancels_;                   // sent in fact, refused here
  std::unordered_set<OrderId> lost_replaces_;                  // the same
  std::unordered_map<std::uint64_t, VenueOrderId> venue_ids_;  // of fills, by account, trade
  std::unordered_map<InstrumentId, Sequence> references_;
  std::vector<DifferenceNote> notes_;
  CounterfactualCounts counts_;
  std::string error_;
  Sequence other_sequence_ = 0;
  std::uint64_t orders_more_ = 0;  // accepted here alone
  std::uint64_t fills_assumed_ = 0;
  RecordHeader link_refused_{};  // of the newest refusal because of another member
  bool has_begun_ = false;       // the assumption holds
  bool is_changed_ = false;      // something is not as it was
  bool is_identical_ = true;     // every record so far, byte for byte
  bool is_boot_open_ = false;    // what was in flight is still being settled
  bool is_end_ = false;
};

}  // namespace gateway
