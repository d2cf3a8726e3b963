// Reading events by a table: the facts, every way to be unusual by its name, and that remembering
// the shape of an event changes nothing.
#include "gateway_core/event/reader.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "event/sample.hpp"
#include "random.hpp"

using namespace gateway;         // NOLINT
using namespace gateway::event;  // NOLINT
using sample::kFill;
using sample::kNew;
using sample::kRow;

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  CHECK(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

/// The fault's name, or the fact in a line.
std::string read(Reader& reader, std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());  // a sanitizer sees one byte too far
  Fact fact;
  std::uint8_t outcome = 0;
  const Fault fault = reader.read({exact.data(), exact.size()}, fact, outcome);
  if (fault != Fault::kNone) return std::string(name_of(fault));
  std::string line(name_of(fact.kind));
  line += fact.side == Side::kBuy ? " buy" : " sell";
  line += " leg" + std::to_string(static_cast<int>(fact.leg));
  line += " " + std::to_string(fact.venue_time_ns) + " " + std::to_string(fact.venue_sequence);
  fact.for_each_text([&line](const auto& text) { line += "|" + std::string(text.view()); });
  return line;
}

std::string once(const TableSpec& spec, std::string_view bytes) {
  Reader reader = sample::reader(spec);
  return read(reader, bytes);
}

std::string flat(std::string_view bytes) { return once(sample::flat(), bytes); }
std::string nested(std::string_view bytes) { return once(sample::nested(), bytes); }

}  // namespace

TEST(a_fill_is_read_with_its_texts_as_they_stand) {
  CHECK_EQUAL(
      flat(kFill),
      "filled sell leg0 1763700000077000000 77|main|BTCUSDT|g001|8000001|77|50000.10|0.001||"
      "-0.02000004|USDT|");
}

TEST(a_row_in_a_list_is_read_with_its_own_times_and_the_fee_the_other_way_round) {
  CHECK_EQUAL(nested(kRow),
              "filled buy leg1 1763700000070000000 0|main|BTC-USDT-SWAP|g001|6800|990|50000.1|2||"
              "0.5|USDT|");
  const std::string rebate = replaced(kRow, R"("fillFee":"-0.5")", R"("fillFee":"0.25")");
  CHECK(nested(rebate).find("|-0.25|") != std::string::npos);
  const std::string free = replaced(kRow, R"("fillFee":"-0.5")", R"("fillFee":"-0.00")");
  CHECK(nested(free).find("||0|USDT") != std::string::npos);
}

TEST(changes_of_an_order_are_read_without_the_numbers_of_a_trade) {
  CHECK_EQUAL(flat(kNew),
              "accepted buy leg0 1763700000077000000 0|main|BTCUSDT|g001|8000001|||||||");
  std::string gone = replaced(kNew, R"("x":"NEW","X":"OPEN")", R"("x":"GONE","X":"DONE")");
  CHECK_EQUAL(flat(gone),
              "canceled buy leg0 1763700000077000000 0|main|BTCUSDT|g001|8000001||||0|||requested");
  std::string row = replaced(kRow, R"("state":"filled")", R"("state":"live")");
  CHECK_EQUAL(nested(row), "other_case");  // a trade beside it
  row = replaced(replaced(row, R"("tradeId":"990")", R"("tradeId":"")"), R"("fillSz":"2")",
                 R"("fillSz":"")");
  CHECK_EQUAL(nested(row),
              "accepted buy leg1 1763700000077000000 0|main|BTC-USDT-SWAP|g001|6800|||||||");
  row = replaced(row, R"("amendResult":"")", R"("amendResult":"0")");
  CHECK_EQUAL(
      nested(row),
      "replaced buy leg1 1763700000077000000 0|main|BTC-USDT-SWAP|g001|6800||50000.1|2||||");
}

TEST(whatever_is_unusual_has_a_name) {
  const struct {
    std::string_view what, by, fault;
  } kRows[] = {
      {R"("e":"order")", R"("e":"other")", "other_word"},
      {R"("S":"SELL")", R"("S":"SIDEWAYS")", "other_word"},
      {R"("s":"BTCUSDT",)", "", "missing"},
      {R"("l":"0.001")", R"("l":0.001)", "other_kind"},
      {R"("i":8000001)", R"("i":"8000001")", "other_kind"},
      {R"("i":8000001)", R"("i":8000001.0)", "number"},
      {R"("i":8000001)", R"("i":80000018000001800000)", "number"},
      {R"("i":8000001)", R"("i":-5)", "number"},
      {R"("i":8000001)", R"("i":08)", "syntax"},
      {R"("i":8000001)", R"("i":-1)", "other_case"},
      {R"("l":"0.001")", R"("l":"1e-3")", "number"},
      {R"("l":"0.001")", R"("l":"NaN")", "number"},
      {R"("l":"0.001")", R"("l":".5")", "number"},
      {R"("l":"0.001")", R"("l":"")", "number"},
      {R"("l":"0.001")", R"("l":"-0.001")", "other_case"},
      {R"("l":"0.001")", R"("l":"0.000")", "other_case"},
      {R"("l":"0.001")", R"("l":"0.00100000000000000000000000000000000000001")", "number"},
      {R"("t":77)", R"("t":0)", "other_case"},
      {R"("m":true)", R"("m":"true")", "other_kind"},
      {R"("m":true)", R"("m":tru)", "syntax"},
      {R"("m":true)", R"("m":null)", "other_kind"},
      {R"("N":"USDT")", R"("N":null)", "missing"},
      {R"("n":"-0.02000004",)", "", "missing"},
      {R"("T":1763700000077)", R"("T":17637000000770000)", "number"},
      {R"("c":"g001")", R"("c":"liq-1")", "other_case"},
      {R"("c":"g001")", R"("c":"g\u0030")", "escape_or_byte"},
      {R"("c":"g001")", "\"c\":\"g\xC3\xA9\"", "escape_or_byte"},
      {R"("c":"g001")", "\"c\":\"g\n\"", "escape_or_byte"},
      {R"("E":1763700000077)", R"("\u0045":1)", "escape_or_byte"},
      {R"("c":"g001")", R"("c":"g001","c":"g002")", "twice"},
      {R"("b":null)", R"("b":null,"b":1)", "twice"},
      {R"("c":-1.5e+3)", R"("c":[[[[[[[[1]]]]]]]])", "too_deep"},
      {R"("c":-1.5e+3)", R"("c":-1.5e)", "syntax"},
      {R"("c":-1.5e+3)", R"("c":1.)", "syntax"},
      {R"("c":-1.5e+3)", R"("c":NaN)", "syntax"},
      {R"("E":1763700000077)", R"("E":1763700000077,)", "syntax"},
      {R"({"e")", R"([{"e")", "syntax"},
      {R"("s":"BTCUSDT")", R"("s":{"a":"BTCUSDT"})", "other_kind"},
  };
  for (const auto& row : kRows) CHECK_EQUAL(flat(replaced(kFill, row.what, row.by)), row.fault);
  CHECK_EQUAL(flat(kFill + "x"), "syntax");
  CHECK_EQUAL(flat(""), "truncated");
  CHECK_EQUAL(flat("<html>"), "syntax");
  CHECK_EQUAL(flat(std::string(20'000, ' ')), "too_long");
  CHECK_EQUAL(flat(replaced(kFill, "g001", std::string(65, 'g'))), "text_too_long");
  std::string many;
  for (int i = 0; i < 300; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  CHECK_EQUAL(flat(replaced(kFill, R"("e":)", many + R"("e":)")), "too_many_keys");
}

TEST(ids_of_nineteen_digits_are_read_up_to_63_bits) {
  const auto of = [](std::string_view id) {
    return flat(replaced(kFill, R"("i":8000001)", "\"i\":" + std::string(id)));
  };
  CHECK(of("8389765000000000002").find("|8389765000000000002|") != std::string::npos);
  CHECK(of("9223372036854775807").starts_with("filled"));
  CHECK_EQUAL(of("9223372036854775808"), "number");
  CHECK_EQUAL(of("9999999999999999999"), "number");
  CHECK_EQUAL(of("10000000000000000000"), "number");
}

TEST(a_text_with_the_byte_127_is_none_wherever_it_stands) {
  for (std::size_t at = 0; at < 20; ++at) {
    std::string name(20, 'g');
    name[at] = '\x7f';
    CHECK_EQUAL(flat(replaced(kFill, "g001", name)), "escape_or_byte");
  }
}

TEST(a_time_of_more_than_fifteen_digits_is_none) {
  const auto of = [](const std::string& time) {
    return nested(replaced(kRow, R"("fillTime":"1763700000070")", R"("fillTime":")" + time + "\""));
  };
  CHECK(of("001763700000070").starts_with("filled"));
  CHECK_EQUAL(of("0001763700000070"), "number");
}

TEST(a_fact_without_its_time_is_none) {
  CHECK_EQUAL(nested(replaced(kRow, R"("fillTime":"1763700000070")", R"("fillTime":"")")),
              "missing");
  CHECK_EQUAL(nested(replaced(kRow, R"("fillTime":"1763700000070",)", "")), "missing");
}

TEST(more_than_one_row_and_none_are_read_elsewhere) {
  const std::string row = kRow.substr(kRow.find("[{") + 1, kRow.rfind("]") - kRow.find("[{") - 1);
  CHECK_EQUAL(nested(replaced(kRow, row, row + "," + row)), "other_case");
  CHECK_EQUAL(nested(replaced(kRow, row, "")), "other_kind");
  CHECK_EQUAL(nested(replaced(kRow, row, "7")), "other_kind");
  CHECK_EQUAL(nested(replaced(kRow, "[" + row + "]", row)), "other_kind");
  CHECK_EQUAL(nested(replaced(kRow, R"({"channel":"orders","uid":"7"})", R"("orders")")),
              "other_kind");
}

TEST(no_prefix_of_an_event_is_one) {
  for (const std::string& event : {kFill, kNew}) {
    Reader reader = sample::reader(sample::flat());
    CHECK(read(reader, event) != "truncated");
    for (std::size_t size = 0; size < event.size(); ++size) {
      const std::string said = read(reader, std::string_view(event).substr(0, size));
      CHECK(said == "truncated" || said == "syntax");
    }
  }
}

TEST(space_between_tokens_changes_nothing) {
  std::string spaced;
  for (const char letter : kFill) {
    spaced += letter;
    if (letter == ',' || letter == ':' || letter == '{' || letter == '[') spaced += " \n";
  }
  CHECK_EQUAL(flat(spaced), flat(kFill));
  CHECK_EQUAL(flat(" " + kFill + "\r\n"), flat(kFill));
}

TEST(a_reader_that_has_seen_much_reads_as_a_new_one) {
  check::Random random(20'261'121);
  Reader old = sample::reader(sample::flat());
  const std::vector<std::string> events = {
      kFill,
      kNew,
      replaced(kFill, R"("E":1763700000077,)", ""),
      replaced(kNew, R"("N":null)", R"("N":"USDT","n":"0","extra":{"a":1})"),
      replaced(kFill, R"("q":{)", R"("q":{"z":0,)"),
      replaced(kFill, R"("e":"order","E":1763700000077)", R"("E":1763700000077,"e":"order")")};
  for (int i = 0; i < 20'000; ++i) {
    std::string event = events[random.below(events.size())];
    for (std::uint64_t change = random.below(3); change > 0; --change) {
      const std::size_t at = random.below(event.size());
      switch (random.below(4)) {
        case 0:
          event[at] = kFill[random.below(kFill.size())];
          break;
        case 1:
          event.erase(at, 1 + random.below(12));
          break;
        case 2:
          event.insert(at, kFill.substr(random.below(kFill.size()), 1 + random.below(16)));
          break;
        default:
          event.resize(at);
      }
      if (event.empty()) event.push_back('{');
    }
    CHECK_EQUAL(read(old, event), flat(event));
  }
}

TEST(a_table_that_contradicts_itself_is_refused_in_words) {
  std::string error;
  const auto refused = [&error](auto&& change) {
    TableSpec spec = sample::flat();
    change(spec);
    return !compile(spec, error) && !error.empty();
  };
  CHECK(refused([](TableSpec& spec) { spec.places[1].role = "side"; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].role = "colour"; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].kind = "float"; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].path = {"c"}; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].path = {"c", "d"}; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].path = {"[0]"}; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].path = {}; }));
  CHECK(refused([](TableSpec& spec) { spec.places[1].role = "client_order_id"; }));
  CHECK(refused([](TableSpec& spec) { spec.places[3].words[0].meaning = "long"; }));
  CHECK(refused([](TableSpec& spec) { spec.places[3].words.clear(); }));
  CHECK(refused([](TableSpec& spec) { spec.outcomes[0].step = "TELEPORT"; }));
  CHECK(refused([](TableSpec& spec) { spec.outcomes[0].fact = "gained"; }));
  CHECK(refused([](TableSpec& spec) { spec.outcomes.push_back(spec.outcomes[0]); }));
  CHECK(refused([](TableSpec& spec) { spec.outcomes.clear(); }));
  CHECK(refused([](TableSpec& spec) { spec.account.clear(); }));
}
