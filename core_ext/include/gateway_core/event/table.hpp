// Where the fields of one kind of event stand, and which fact they make: data that an adapter hands
// over once. Knows no venue. Built cold; a reader looks at it for each name of each event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway_core/event/fact.hpp"
#include "gateway_core/event/scan.hpp"

namespace gateway::event {

/// What must stand in a place.
enum class PlaceKind : std::uint8_t {
  kText,
  kNumber,      // decimal text
  kWhole,       // whole JSON number
  kTimeMs,      // the same, milliseconds
  kTextTimeMs,  // digits as text, milliseconds
  kFlag,        // true or false, named so in the words
  kWord,        // text that is one of the words
};

/// What it says about the fact; kNone: it is checked and says nothing.
enum class Role : std::uint8_t {
  kNone,
  kSymbol,
  kClientOrderId,
  kVenueOrderId,
  kTradeId,
  kFeeCurrency,
  kPrice,
  kQuantity,
  kLastPrice,
  kLastQuantity,
  kCumulative,
  kFee,
  kFillTime,
  kOrderTime,
  kTime,
  kSide,
  kLeg,
  kLiquidity,
  kStep,
  kState,
  kReason,
};
inline constexpr std::size_t kRoles = 21;

struct WordSpec {
  std::string word;
  std::string meaning;  // of the gateway; of a step or a state itself
};

/// As an adapter writes it.
struct PlaceSpec {
  std::vector<std::string> path;  // names of objects; kOnlyRow = the only element of a list
  std::string kind;
  std::string role;
  bool is_required = true;
  bool may_be_empty = false;  // "" instead of a number
  bool may_be_null = false;   // as if it were not there
  std::vector<WordSpec> words;
  std::vector<std::string> refused_prefixes;  // a text that begins so is read in the ordinary way
};

struct OutcomeSpec {
  std::string step;  // "" in a table without such a place
  std::string state;
  std::string fact;
  std::string reason;  // "" = that of the reason's place
};

struct TableSpec {
  std::string account;
  std::vector<PlaceSpec> places;
  std::vector<OutcomeSpec> outcomes;
  bool is_fee_negated = false;         // the venue writes what it charged below zero
  bool is_sequence_the_trade = false;  // trade ids of one order rise
};

inline constexpr std::string_view kOnlyRow = "[0]";
inline constexpr std::size_t kPlacesMax = 64;
inline constexpr std::size_t kStepsMax = 16;
inline constexpr std::size_t kStatesMax = 16;

struct Word {
  std::string text;
  std::string meaning;
  std::uint64_t first = 0;  // bytes of the text
  std::uint8_t code = 0;
};

struct Place {
  PlaceKind kind = PlaceKind::kText;
  Role role = Role::kNone;
  bool is_required = true;
  bool may_be_empty = false;
  bool may_be_null = false;
  std::vector<Word> words;
  std::vector<std::string> refused_prefixes;
};

struct Outcome {
  FactKind fact = FactKind::kNone;
  std::string reason;
};

/// One name of an object, or the one row of a list: a place, or a container with places in it.
struct Branch {
  std::string name;
  std::uint64_t word = 0;
  int place = -1;
  int node = -1;
};

/// An object or a list on the way to places.
class Node {
 public:
  bool is_list = false;
  std::vector<Branch> branches;

  /// Cold: after the last branch was added.
  void index() noexcept {
    slots_.fill(0);
    for (std::size_t i = 0; i < branches.size(); ++i) {
      std::size_t at = hash_of_name(branches[i].word, branches[i].name.size()) % kSlots;
      while (slots_[at] != 0) at = (at + 1) % kSlots;
      slots_[at] = static_cast<std::uint8_t>(i + 1);
    }
  }
  [[nodiscard]] const Branch* find(std::string_view name, std::uint64_t word,
                                   std::uint64_t hash) const noexcept {
    for (std::size_t at = hash % kSlots; slots_[at] != 0; at = (at + 1) % kSlots) {
      const Branch& branch = branches[slots_[at] - 1U];
      if (branch.word == word && branch.name.size() == name.size() &&
          (name.size() <= 8 || branch.name == name)) {
        return &branch;
      }
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kSlots = 4 * kPlacesMax;
  std::array<std::uint8_t, kSlots> slots_{};
};

struct Table {
  std::string account;
  std::vector<Place> places;
  std::vector<Node> nodes;  // the first is the document
  std::array<std::array<std::uint8_t, kStatesMax>, kStepsMax>
      outcome_at{};  // 0 = none, or 1 + place
  std::vector<Outcome> outcomes;
  bool is_fee_negated = false;
  bool is_sequence_the_trade = false;
};

/// The table ready for use. Nothing and a sentence in `error` for one that contradicts itself.
[[nodiscard]] std::optional<Table> compile(const TableSpec& spec, std::string& error);

}  // namespace gateway::event
