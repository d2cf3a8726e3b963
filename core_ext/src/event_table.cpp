// A table of places as an adapter writes it, made ready for the reader. Cold; every contradiction
// is a sentence that names the place.
#include <algorithm>

#include "gateway_core/event/table.hpp"

namespace gateway::event {
namespace {

constexpr std::array<std::string_view, 7> kKindNames = {
    "text", "number", "whole", "time_ms", "text_time_ms", "flag", "word"};
constexpr std::array<std::string_view, kRoles> kRoleNames = {"",
                                                             "symbol",
                                                             "client_order_id",
                                                             "venue_order_id",
                                                             "trade_id",
                                                             "fee_currency",
                                                             "price",
                                                             "quantity",
                                                             "last_price",
                                                             "last_quantity",
                                                             "cumulative",
                                                             "fee",
                                                             "fill_time",
                                                             "order_time",
                                                             "time",
                                                             "side",
                                                             "leg",
                                                             "liquidity",
                                                             "step",
                                                             "state",
                                                             "reason"};
constexpr std::array<std::string_view, 3> kSides = {"", "buy", "sell"};
constexpr std::array<std::string_view, 3> kLegs = {"net", "long", "short"};
constexpr std::array<std::string_view, 3> kLiquidities = {"unknown", "maker", "taker"};

/// Place of a name in a list, -1 = it is not there.
template <typename List>
int find(const List& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

std::string path_text(const PlaceSpec& spec) {
  std::string text;
  for (const std::string& step : spec.path) text += (text.empty() ? "" : ".") + step;
  return text.empty() ? "a place without a path" : text;
}

bool is_role_of(PlaceKind kind, Role role) {
  switch (role) {
    case Role::kNone:
      return true;
    case Role::kSymbol:
    case Role::kClientOrderId:
    case Role::kFeeCurrency:
      return kind == PlaceKind::kText;
    case Role::kVenueOrderId:
    case Role::kTradeId:
      return kind == PlaceKind::kText || kind == PlaceKind::kWhole;
    case Role::kPrice:
    case Role::kQuantity:
    case Role::kLastPrice:
    case Role::kLastQuantity:
    case Role::kCumulative:
    case Role::kFee:
      return kind == PlaceKind::kNumber;
    case Role::kFillTime:
    case Role::kOrderTime:
    case Role::kTime:
      return kind == PlaceKind::kTimeMs || kind == PlaceKind::kTextTimeMs;
    default:
      return kind == PlaceKind::kWord || kind == PlaceKind::kFlag;
  }
}

/// Compiles one table; `error` holds the first contradiction.
class Builder {
 public:
  Builder(const TableSpec& spec, std::string& error) : spec_(spec), error_(error) {}

  std::optional<Table> run() {
    error_.clear();
    table_.account = spec_.account;
    table_.is_fee_negated = spec_.is_fee_negated;
    table_.is_sequence_the_trade = spec_.is_sequence_the_trade;
    table_.nodes.emplace_back();
    if (spec_.account.empty() || spec_.account.size() > decltype(Fact::account)::kCapacity) {
      refuse("the account has no name, or too long a one");
    }
    if (spec_.places.empty() || spec_.places.size() > kPlacesMax) refuse("1 to 64 places");
    for (std::size_t i = 0; error_.empty() && i < spec_.places.size(); ++i) add(spec_.places[i]);
    for (std::size_t i = 0; error_.empty() && i < spec_.outcomes.size(); ++i) {
      add(spec_.outcomes[i]);
    }
    if (error_.empty() && table_.outcomes.empty()) refuse("no outcome");
    for (Node& node : table_.nodes) node.index();
    if (!error_.empty()) return std::nullopt;
    return std::move(table_);
  }

 private:
  void refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
  }

  void add(const PlaceSpec& spec) {
    const int kind = find(kKindNames, spec.kind);
    const int role = find(kRoleNames, spec.role);
    if (kind < 0 || role < 0) return refuse(path_text(spec) + ": no such kind or role");
    Place place;
    place.kind = static_cast<PlaceKind>(kind);
    place.role = static_cast<Role>(role);
    place.is_required = spec.is_required;
    place.may_be_empty = spec.may_be_empty;
    place.may_be_null = spec.may_be_null;
    place.refused_prefixes = spec.refused_prefixes;
    if (!is_role_of(place.kind, place.role)) {
      return refuse(path_text(spec) + ": a " + spec.kind + " cannot be the " + spec.role);
    }
    if (place.role != Role::kNone && !roles_.insert(place.role)) {
      return refuse(path_text(spec) + ": a second " + spec.role);
    }
    for (const WordSpec& word : spec.words) add(spec, place, word);
    const bool has_words = place.kind == PlaceKind::kWord || place.kind == PlaceKind::kFlag;
    if (has_words == place.words.empty()) return refuse(path_text(spec) + ": words amiss");
    put(spec, static_cast<int>(table_.places.size()));
    table_.places.push_back(std::move(place));
  }

  void add(const PlaceSpec& spec, Place& place, const WordSpec& word) {
    int code = 0;
    if (place.role == Role::kSide) code = word.meaning.empty() ? -1 : find(kSides, word.meaning);
    if (place.role == Role::kLeg) code = find(kLegs, word.meaning);
    if (place.role == Role::kLiquidity) code = find(kLiquidities, word.meaning);
    if (place.role == Role::kStep) code = code_of(steps_, word.word, kStepsMax);
    if (place.role == Role::kState) code = code_of(states_, word.word, kStatesMax);
    if (place.role == Role::kReason && word.meaning.size() > decltype(Fact::reason)::kCapacity) {
      code = -1;
    }
    if (place.kind == PlaceKind::kFlag && word.word != "true" && word.word != "false") code = -1;
    for (const Word& each : place.words) code = each.text == word.word ? -1 : code;
    if (code < 0) return refuse(path_text(spec) + ": the word " + word.word);
    place.words.push_back(
        {word.word, word.meaning, first_bytes(word.word), static_cast<std::uint8_t>(code)});
  }

  static int code_of(std::vector<std::string>& names, const std::string& name, std::size_t max) {
    if (find(names, name) < 0) names.push_back(name);
    return names.size() > max ? -1 : find(names, name);
  }

  /// Hangs the place into the tree of its path.
  void put(const PlaceSpec& spec, int place) {
    if (spec.path.empty() || spec.path.size() > static_cast<std::size_t>(kDepthMax)) {
      return refuse(path_text(spec) + ": a path of 1 to 8 steps");
    }
    int node = 0;
    for (std::size_t i = 0; i < spec.path.size(); ++i) {
      const bool is_row = spec.path[i] == kOnlyRow;
      const bool is_last = i + 1 == spec.path.size();
      Node& here = table_.nodes[static_cast<std::size_t>(node)];
      if (here.branches.empty()) here.is_list = is_row;
      if (here.is_list != is_row) return refuse(path_text(spec) + ": a list and an object");
      Branch* branch = nullptr;
      for (Branch& each : here.branches) branch = each.name == spec.path[i] ? &each : branch;
      if (branch != nullptr && (is_last || branch->place >= 0)) {
        return refuse(path_text(spec) + ": a second place there");
      }
      if (branch == nullptr) {
        here.branches.push_back({spec.path[i], first_bytes(spec.path[i]), -1, -1});
        branch = &here.branches.back();
        if (is_last) branch->place = place;
        if (!is_last) branch->node = static_cast<int>(table_.nodes.size());
        node = branch->node;
        if (!is_last) table_.nodes.emplace_back();  // `here` and `branch` are gone
      } else {
        node = branch->node;
      }
    }
  }

  void add(const OutcomeSpec& spec) {
    FactKind kind = FactKind::kNone;
    for (std::size_t i = 1; i < kFactKinds; ++i) {
      if (name_of(static_cast<FactKind>(i)) == spec.fact) kind = static_cast<FactKind>(i);
    }
    if (steps_.empty()) steps_.emplace_back();
    const int step = find(steps_, spec.step);
    const int state = find(states_, spec.state);
    if (kind == FactKind::kNone || step < 0 || state < 0 || table_.outcomes.size() > 250 ||
        spec.reason.size() > decltype(Fact::reason)::kCapacity) {
      return refuse("outcome " + spec.step + " " + spec.state + " " + spec.fact);
    }
    auto& at = table_.outcome_at[static_cast<std::size_t>(step)][static_cast<std::size_t>(state)];
    if (at != 0) return refuse("a second outcome of " + spec.step + " " + spec.state);
    table_.outcomes.push_back({kind, spec.reason});
    at = static_cast<std::uint8_t>(table_.outcomes.size());
  }

  /// Each role says one thing of a fact, so one place alone may have it.
  struct Roles {
    std::uint32_t bits = 0;
    bool insert(Role role) {
      const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(role);
      const bool is_new = (bits & bit) == 0;
      bits |= bit;
      return is_new;
    }
  };

  const TableSpec& spec_;
  std::string& error_;
  Table table_;
  Roles roles_;
  std::vector<std::string> steps_;
  std::vector<std::string> states_;
};

}  // namespace

std::optional<Table> compile(const TableSpec& spec, std::string& error) {
  return Builder(spec, error).run();
}

}  // namespace gateway::event
