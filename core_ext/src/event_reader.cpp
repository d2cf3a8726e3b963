// The two steps of a reader: the scan puts tokens into places, the judgement makes the fact of
// them.
#include <algorithm>

#include "gateway_core/event/reader.hpp"

namespace gateway::event {
namespace {

constexpr std::int64_t kTimeMsMax = 9'000'000'000'000;  // the year 2255; in ns it fits
constexpr std::size_t kTimeDigitsMax = 15;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kWholeDigitsMax = 19;

[[nodiscard]] Fault broken(const Cursor& cursor) noexcept {
  return cursor.is_at_end() ? Fault::kTruncated : Fault::kSyntax;
}

[[nodiscard]] bool are_digits(std::string_view text) noexcept {
  for (const char letter : text) {
    if (!is_digit(letter)) return false;
  }
  return !text.empty();
}

/// What 63 bits hold; order ids of venues have 19 digits.
[[nodiscard]] bool read_whole(std::string_view text, std::int64_t& value) noexcept {
  if (text.size() > kWholeDigitsMax || !are_digits(text)) return false;
  std::uint64_t number = 0;  // 19 digits always fit
  for (const char letter : text) number = number * 10 + static_cast<std::uint64_t>(letter - '0');
  value = static_cast<std::int64_t>(number);
  return number <= static_cast<std::uint64_t>(INT64_MAX);
}

/// The venue's ways to say that there was no trade.
[[nodiscard]] bool is_no_trade(std::string_view trade_id) noexcept {
  return trade_id.empty() || trade_id == "0" || trade_id == "-1";
}

[[nodiscard]] bool is_no_order(std::string_view venue_order_id) noexcept {
  return is_no_trade(venue_order_id);
}

[[nodiscard]] bool is_positive(std::string_view number) noexcept {
  return is_nonzero(number) && number[0] != '-';
}

/// 0.5 for -0.5 and the other way round; zero is "0".
[[nodiscard]] bool assign_negated(decltype(Fact::fee)& fee, std::string_view value) noexcept {
  if (!is_nonzero(value)) return fee.assign("0");
  if (value[0] == '-') return fee.assign(value.substr(1));
  char negated[kJsonNumberMax + 1] = {'-'};
  std::memcpy(negated + 1, value.data(), value.size());
  return fee.assign({negated, value.size() + 1});
}

}  // namespace

/// Follows a shape. At a step that differs it goes on with another shape of the same beginning,
/// else it stops, and the event is read anew by the other way.
struct Reader::Familiar {
  const std::array<Shape, kShapes>& shapes;
  std::size_t shape;
  std::size_t step = 0;
  bool is_lost = false;

  [[nodiscard]] const ShapeStep* next() const noexcept {
    return step < shapes[shape].count ? &shapes[shape].steps[step] : nullptr;
  }
  /// Whether another shape agrees with all steps so far and `fits` here.
  template <typename Fits>
  [[nodiscard]] bool changes_shape(Fits&& fits) noexcept {
    for (std::size_t other = 0; other < shapes.size(); ++other) {
      const Shape& candidate = shapes[other];
      if (other == shape || !candidate.is_usable() || step >= candidate.count ||
          !fits(candidate.steps[step])) {
        continue;
      }
      bool has_same_beginning = true;
      for (std::size_t i = 0; i < step && has_same_beginning; ++i) {
        has_same_beginning = candidate.steps[i] == shapes[shape].steps[i];
      }
      if (has_same_beginning) {
        shape = other;
        return true;
      }
    }
    is_lost = true;
    return false;
  }
  template <typename Fits>
  [[nodiscard]] bool takes(Fits&& fits) noexcept {
    const ShapeStep* const expected = next();
    if ((expected == nullptr || !fits(*expected)) && !changes_shape(fits)) return false;
    ++step;
    return true;
  }

  [[nodiscard]] bool begin() noexcept {
    return takes([](const ShapeStep& each) { return !each.is_name() && each.is_begin; });
  }
  [[nodiscard]] bool end() noexcept {
    return takes([](const ShapeStep& each) { return !each.is_name() && !each.is_begin; });
  }
  [[nodiscard]] Fault name(Cursor& cursor, const Node*, const Branch*& branch) noexcept {
    skip_space(cursor);
    if (!takes([&](const ShapeStep& each) { return each.is_name() && each.stands_at(cursor); })) {
      return Fault::kSyntax;
    }
    const ShapeStep& taken = shapes[shape].steps[step - 1];
    cursor.at += taken.size;
    branch = taken.branch;
    return Fault::kNone;
  }
};

/// Reads every name, refuses one that stands twice, and writes down the shape.
struct Reader::Strange {
  NameSet& names;
  Shape& shape;
  std::uint32_t objects = 0;
  std::array<std::uint32_t, kDepthMax + 1> open{};  // numbers of the objects around
  std::size_t depth = 0;

  [[nodiscard]] bool begin() noexcept {
    open[++depth] = ++objects;
    ShapeStep step;
    step.is_begin = true;
    shape.add(step);
    return true;
  }
  [[nodiscard]] bool end() noexcept {
    --depth;
    shape.add({});
    return true;
  }
  [[nodiscard]] Fault name(Cursor& cursor, const Node* node, const Branch*& branch) noexcept {
    if (!take_letter(cursor, '"')) return broken(cursor);
    std::string_view text;
    if (const Fault fault = take_text(cursor, text); fault != Fault::kNone) return fault;
    const std::uint64_t word = first_bytes(text, cursor.end);
    const std::uint64_t hash = hash_of_name(word, text.size());
    const Fault fault = names.add(open[depth], text, word, hash);
    if (fault != Fault::kNone) return fault;
    if (!take_letter(cursor, ':')) return broken(cursor);
    branch = node == nullptr ? nullptr : node->find(text, word, hash);
    ShapeStep step;
    if (!step.set_name(text, branch)) shape.count = Shape::kStepsMax;  // never usable
    shape.add(step);
    return Fault::kNone;
  }
};

Fault Reader::read(std::string_view bytes, Fact& fact, std::uint8_t& outcome) noexcept {
  fact.clear();
  if (bytes.size() > kEventBytesMax) return Fault::kTooLong;
  if (const Fault fault = scan(bytes); fault != Fault::kNone) return fault;
  Said said;
  if (const Fault fault = judge(said); fault != Fault::kNone) return fault;
  const Fault fault = finish(fact, said, outcome);
  if (fault == Fault::kNone && seen_.is_usable()) remember();
  return fault;
}

/// Only of events that made a fact: what is never read need not be read fast.
void Reader::remember() noexcept {
  Shape& shape = shapes_[oldest_];
  shape.count = seen_.count;
  shape.is_whole = true;
  std::copy_n(seen_.steps.begin(), seen_.count, shape.steps.begin());
  familiar_ = oldest_;
  oldest_ = (oldest_ + 1) % kShapes;
}

Fault Reader::scan(std::string_view bytes) noexcept {
  seen_.is_whole = false;
  if (shapes_[familiar_].is_usable()) {
    Familiar way{shapes_, familiar_};
    const Fault fault = document(way, bytes);
    familiar_ = way.shape;
    if (!way.is_lost) return fault;
  }
  seen_.count = 0;
  names_.begin();
  Strange way{names_, seen_};
  const Fault fault = document(way, bytes);
  seen_.is_whole = fault == Fault::kNone;
  return fault;
}

template <typename Way>
Fault Reader::document(Way& way, std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < table_.places.size(); ++i) tokens_[i].kind = TokenKind::kNone;
  Cursor cursor{bytes.data(), bytes.data() + bytes.size()};
  skip_space(cursor);
  if (cursor.is_at_end()) return Fault::kTruncated;
  if (*cursor.at != '{') return Fault::kSyntax;
  const Fault fault = object(way, cursor, &table_.nodes[0], 1);
  if (fault != Fault::kNone) return fault;
  skip_space(cursor);
  return cursor.is_at_end() ? Fault::kNone : Fault::kSyntax;
}

template <typename Way>
Fault Reader::value(Way& way, Cursor& cursor, const Branch* branch, int depth) noexcept {
  skip_space(cursor);
  if (cursor.is_at_end()) return Fault::kTruncated;
  const Node* node = nullptr;
  if (branch != nullptr && branch->node >= 0) {
    node = &table_.nodes[static_cast<std::size_t>(branch->node)];
  }
  const bool is_scalar_wanted = branch != nullptr && node == nullptr;
  if (*cursor.at == '{' || *cursor.at == '[') {
    const bool is_list = *cursor.at == '[';
    if (is_scalar_wanted || (node != nullptr && node->is_list != is_list)) return Fault::kKind;
    if (depth >= kDepthMax) return Fault::kTooDeep;
    return is_list ? list(way, cursor, node, depth + 1) : object(way, cursor, node, depth + 1);
  }
  if (node != nullptr) return Fault::kKind;
  Token beside;
  return take_scalar(cursor,
                     is_scalar_wanted ? tokens_[static_cast<std::size_t>(branch->place)] : beside);
}

template <typename Way>
Fault Reader::object(Way& way, Cursor& cursor, const Node* node, int depth) noexcept {
  ++cursor.at;
  if (!way.begin()) return Fault::kSyntax;
  if (take_letter(cursor, '}')) return way.end() ? Fault::kNone : Fault::kSyntax;
  for (;;) {
    const Branch* branch = nullptr;
    if (const Fault fault = way.name(cursor, node, branch); fault != Fault::kNone) return fault;
    if (const Fault fault = value(way, cursor, branch, depth); fault != Fault::kNone) return fault;
    if (take_letter(cursor, ',')) continue;
    if (!take_letter(cursor, '}')) return broken(cursor);
    return way.end() ? Fault::kNone : Fault::kSyntax;
  }
}

template <typename Way>
Fault Reader::list(Way& way, Cursor& cursor, const Node* node, int depth) noexcept {
  ++cursor.at;
  if (node != nullptr) {  // exactly one row
    const Fault fault = value(way, cursor, &node->branches[0], depth);
    if (fault != Fault::kNone) return fault;
    if (take_letter(cursor, ']')) return Fault::kNone;
    return !cursor.is_at_end() && *cursor.at == ',' ? Fault::kCase : broken(cursor);
  }
  if (take_letter(cursor, ']')) return Fault::kNone;
  for (;;) {
    if (const Fault fault = value(way, cursor, nullptr, depth); fault != Fault::kNone) {
      return fault;
    }
    if (take_letter(cursor, ',')) continue;
    return take_letter(cursor, ']') ? Fault::kNone : broken(cursor);
  }
}

Fault Reader::judge(Said& said) const noexcept {
  for (std::size_t i = 0; i < table_.places.size(); ++i) {
    const Place& place = table_.places[i];
    const Token& token = tokens_[i];
    if (token.kind == TokenKind::kNone) {
      if (place.is_required) return Fault::kMissing;
      continue;
    }
    if (token.kind == TokenKind::kNull && place.may_be_null) continue;
    Value& value = said.values[static_cast<std::size_t>(place.role)];
    value.text = token.text;
    const Fault fault = check(place, token, value);
    if (fault != Fault::kNone) return fault;
    value.is_told = true;
  }
  return Fault::kNone;
}

Fault Reader::check(const Place& place, const Token& token, Value& value) noexcept {
  switch (place.kind) {
    case PlaceKind::kText:
      if (token.kind != TokenKind::kText) return Fault::kKind;
      for (const std::string& prefix : place.refused_prefixes) {
        if (token.text.starts_with(prefix)) return Fault::kCase;
      }
      return Fault::kNone;
    case PlaceKind::kNumber:
      if (token.kind != TokenKind::kText) return Fault::kKind;
      if (token.text.empty() && place.may_be_empty) return Fault::kNone;
      return token.text.size() <= kJsonNumberMax && is_decimal(token.text) ? Fault::kNone
                                                                           : Fault::kNumber;
    case PlaceKind::kWhole: {
      if (token.kind != TokenKind::kNumber) return Fault::kKind;
      std::int64_t number = 0;
      return read_whole(token.text, number) || token.text == "-1" ? Fault::kNone : Fault::kNumber;
    }
    case PlaceKind::kTimeMs:
      return token.kind == TokenKind::kNumber ? check_time(token.text, value) : Fault::kKind;
    case PlaceKind::kTextTimeMs:
      if (token.kind != TokenKind::kText) return Fault::kKind;
      if (token.text.empty() && place.may_be_empty) return Fault::kNone;
      return check_time(token.text, value);
    case PlaceKind::kFlag:
      if (token.kind != TokenKind::kTrue && token.kind != TokenKind::kFalse) return Fault::kKind;
      break;
    case PlaceKind::kWord:
      if (token.kind != TokenKind::kText) return Fault::kKind;
      break;
  }
  const std::uint64_t first = first_bytes(token.text);
  for (const Word& word : place.words) {
    if (word.first != first || word.text.size() != token.text.size() ||
        (word.text.size() > 8 && word.text != token.text)) {
      continue;
    }
    value.code = word.code;
    value.text = word.meaning;
    return Fault::kNone;
  }
  return Fault::kWord;
}

Fault Reader::check_time(std::string_view text, Value& value) noexcept {
  std::int64_t milliseconds = 0;
  if (text.size() > kTimeDigitsMax) return Fault::kNumber;  // as the ordinary way has it
  if (!read_whole(text, milliseconds) || milliseconds > kTimeMsMax) return Fault::kNumber;
  value.time_ns = milliseconds * kNsPerMs;
  return Fault::kNone;
}

Fault Reader::finish(Fact& fact, const Said& said, std::uint8_t& at) const noexcept {
  at = table_.outcome_at[said.code(Role::kStep)][said.code(Role::kState)];
  if (at == 0) return Fault::kCase;
  const Outcome& outcome = table_.outcomes[at - 1U];
  if (!said.is_told(Role::kSide) || said.text(Role::kSymbol).empty()) return Fault::kMissing;
  if (is_no_order(said.text(Role::kVenueOrderId))) return Fault::kCase;
  fact.kind = outcome.fact;
  fact.side = static_cast<Side>(said.code(Role::kSide));
  fact.leg = static_cast<Leg>(said.code(Role::kLeg));
  const bool fits = fact.account.assign(table_.account) &&
                    fact.symbol.assign(said.text(Role::kSymbol)) &&
                    fact.client_order_id.assign(said.text(Role::kClientOrderId)) &&
                    fact.venue_order_id.assign(said.text(Role::kVenueOrderId));
  if (!fits) return Fault::kTextTooLong;
  return outcome.fact == FactKind::kFilled ? finish_fill(fact, said)
                                           : finish_change(fact, said, outcome);
}

Fault Reader::finish_change(Fact& fact, const Said& said, const Outcome& outcome) const noexcept {
  // With a trade beside it the event says two things.
  if (!is_no_trade(said.text(Role::kTradeId)) || is_nonzero(said.text(Role::kLastQuantity))) {
    return Fault::kCase;
  }
  if (!said.take_time(Role::kOrderTime, fact.venue_time_ns)) return Fault::kMissing;
  if (outcome.fact == FactKind::kAccepted) return Fault::kNone;
  if (outcome.fact == FactKind::kReplaced) {
    const std::string_view price = said.text(Role::kPrice);
    const std::string_view quantity = said.text(Role::kQuantity);
    if (!is_positive(price) || !is_positive(quantity)) return Fault::kCase;
    return fact.price.assign(price) && fact.quantity.assign(quantity) ? Fault::kNone
                                                                      : Fault::kTextTooLong;
  }
  if (said.text(Role::kCumulative).empty()) return Fault::kMissing;
  const bool fits = fact.cumulative.assign(said.text(Role::kCumulative)) &&
                    fact.reason.assign(outcome.reason.empty() ? said.text(Role::kReason)
                                                              : std::string_view(outcome.reason));
  return fits ? Fault::kNone : Fault::kTextTooLong;
}

Fault Reader::finish_fill(Fact& fact, const Said& said) const noexcept {
  const std::string_view trade_id = said.text(Role::kTradeId);
  if (is_no_trade(trade_id) || !is_positive(said.text(Role::kLastQuantity))) return Fault::kCase;
  if (said.text(Role::kLastPrice).empty() || said.text(Role::kFee).empty() ||
      said.text(Role::kFeeCurrency).empty() ||
      !said.take_time(Role::kFillTime, fact.venue_time_ns)) {
    return Fault::kMissing;
  }
  fact.liquidity = static_cast<Liquidity>(said.code(Role::kLiquidity));
  if (table_.is_sequence_the_trade) {
    std::int64_t sequence = 0;
    if (!read_whole(trade_id, sequence)) return Fault::kNumber;
    fact.venue_sequence = static_cast<std::uint64_t>(sequence);
  }
  const std::string_view fee = said.text(Role::kFee);
  const bool fits = fact.trade_id.assign(trade_id) &&
                    fact.price.assign(said.text(Role::kLastPrice)) &&
                    fact.quantity.assign(said.text(Role::kLastQuantity)) &&
                    fact.fee_currency.assign(said.text(Role::kFeeCurrency)) &&
                    (table_.is_fee_negated ? assign_negated(fact.fee, fee) : fact.fee.assign(fee));
  return fits ? Fault::kNone : Fault::kTextTooLong;
}

}  // namespace gateway::event
