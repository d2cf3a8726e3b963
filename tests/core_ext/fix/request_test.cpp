// The hot requests: typed values of good ones, and a named fault for everything else.
#include "gateway_core/fix/request.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "fix/sample.hpp"

using namespace gateway::fix;  // NOLINT
using sample::message;

namespace {

const std::string kHead = "49=CLIENT|56=GATEWAY|34=7|52=20260728-12:34:56.789|";
const std::string kOrder = "11=a1|55=BTC-USD|54=1|38=1.5|40=2|44=100.25|60=20260728-12:34:56|";

struct Outcome {
  bool is_hot = false;
  Request request;
  std::string words;  // "" or kind reason tag
};

/// The views of the outcome look at the message, so texts are compared inside `look`.
template <typename Look>
Outcome decoded(const std::string& body, Look look, std::string_view begin = "FIX.4.4",
                RequestRules rules = {}) {
  const std::string wire = message(body, 0, begin);
  const std::vector<char> bytes(wire.begin(), wire.end());  // exactly its own memory
  Outcome out;
  out.is_hot = decode({bytes.data(), bytes.size()}, rules, out.request);
  const RequestFault& fault = out.request.fault;
  constexpr const char* kKinds[] = {"", "session", "business", "unsupported"};
  if (fault.kind != FaultKind::kNone) {
    out.words = std::string(kKinds[static_cast<std::size_t>(fault.kind)]) + " " +
                std::to_string(fault.reason) + " " + std::to_string(fault.tag);
    CHECK(!sentence_of(fault).empty());
  }
  if (out.is_hot) look(out.request);
  return out;
}

std::string fault_of(const std::string& body, std::string_view begin = "FIX.4.4",
                     RequestRules rules = {}) {
  const Outcome out = decoded(body, [](const Request&) {}, begin, rules);
  CHECK(out.is_hot);
  return out.words;
}

std::string order_fault(const std::string& more) {
  return fault_of("35=D|" + kHead + kOrder + more);
}

/// The order with one field replaced by `text`, or left out.
std::string without(std::string_view tag, const std::string& text = "") {
  std::string order = kOrder;
  const std::size_t at = ("|" + order).find("|" + std::string(tag) + "=");
  order.replace(at, order.find('|', at) - at + 1, text);
  return fault_of("35=D|" + kHead + order);
}

}  // namespace

TEST(a_new_order_gives_its_values) {
  const Outcome out = decoded(
      "35=D|" + kHead + "43=N|" + kOrder + "1=main|59=6|126=20260729-00:00:00|18=6 E|111=0.5|58=x|",
      [](const Request& request) {
        CHECK(request.kind == RequestKind::kNewOrder && request.version == Version::k44);
        CHECK_EQUAL(request.at(Text::kSender), "CLIENT");
        CHECK_EQUAL(request.at(Text::kClientOrderId), "a1");
        CHECK_EQUAL(request.at(Text::kSymbol), "BTC-USD");
        CHECK_EQUAL(request.at(Text::kAccount), "main");
      });
  CHECK_EQUAL(out.words, "");
  const Request& request = out.request;
  CHECK_EQUAL(request.at(Count::kSequence), 7U);
  CHECK_EQUAL(request.at(Number::kQuantity).mantissa, 15);
  CHECK_EQUAL(static_cast<int>(request.at(Number::kQuantity).scale), 1);
  CHECK_EQUAL(request.at(Number::kPrice).mantissa, 10'025);
  CHECK(!request.at(Number::kStopPrice).is_set());
  CHECK_EQUAL(request.at(Number::kDisplayQuantity).mantissa, 5);
  CHECK_EQUAL(request.at(Time::kSending), 1'785'242'096'789'000'000);
  CHECK_EQUAL(request.at(Letter::kSide), '1');
  CHECK_EQUAL(request.at(Letter::kTimeInForce), '6');
  CHECK(request.is_post_only && request.is_reduce_only && !request.has_groups);
}

TEST(the_other_hot_messages_are_known_by_their_version) {
  const std::string chain = "11=a2|41=a1|55=X|54=1|60=20260728-12:34:56|";
  CHECK_EQUAL(fault_of("35=F|" + kHead + chain), "");
  CHECK_EQUAL(fault_of("35=F|" + kHead + chain, "FIX.4.2"), "business 5 38");
  CHECK_EQUAL(fault_of("35=F|" + kHead + chain + "38=1|", "FIX.4.2"), "");
  CHECK_EQUAL(fault_of("35=G|" + kHead + chain + "40=1|38=2|"), "");
  CHECK_EQUAL(fault_of("35=G|" + kHead + chain + "40=1|38=2|", "FIX.4.2"), "session 1 21");
  CHECK_EQUAL(fault_of("35=H|" + kHead + "11=a|55=X|54=1|790=q|"), "");
  CHECK_EQUAL(fault_of("35=q|" + kHead + "11=a|530=7|60=20260728-12:34:56|"), "");
  CHECK_EQUAL(fault_of("35=q|" + kHead + "11=a|530=1|60=20260728-12:34:56|"), "business 5 55");
  for (const char* body : {"35=A|", "35=AE|", "35=8|", "35=|", "35=*|"}) {
    CHECK(!decoded(body + kHead, [](const Request&) {}).is_hot);
  }
  CHECK(!decoded("35=q|" + kHead, [](const Request&) {}, "FIX.4.2").is_hot);
  CHECK(!decoded("35=D|" + kHead, [](const Request&) {}, "FIX.9.9").is_hot);
}

TEST(session_faults_name_reason_and_tag) {
  CHECK_EQUAL(order_fault("0=x|"), "session 0 0");
  CHECK_EQUAL(order_fault("-1=x|"), "session 0 -1");
  CHECK_EQUAL(order_fault("4999=x|"), "session 0 4999");
  CHECK_EQUAL(order_fault("2147483648=x|"), "");  // a user field
  CHECK_EQUAL(fault_of("35=D|" + kHead + kOrder + "5000=x|", "FIX.4.4", {false}), "session 0 5000");
  CHECK_EQUAL(without("11"), "session 1 11");
  CHECK_EQUAL(without("60"), "session 1 60");
  CHECK_EQUAL(fault_of("35=D|49=C|34=1|52=20260728-12:34:56|" + kOrder), "session 1 56");
  CHECK_EQUAL(order_fault("150=0|"), "session 2 150");
  CHECK_EQUAL(order_fault("530=7|"), "session 2 530");
  CHECK_EQUAL(order_fault("58=|"), "session 4 58");
  CHECK_EQUAL(order_fault("9001=|"), "session 4 9001");
  CHECK_EQUAL(without("54", "54=x|"), "session 5 54");
  CHECK_EQUAL(without("40", "40=?|"), "session 5 40");
  CHECK_EQUAL(without("38", "38=0.0000000000000000001|"), "session 5 38");
  CHECK_EQUAL(without("38", "38=+200.00|"), "session 6 38");
  CHECK_EQUAL(without("44", "44=1e5|"), "session 6 44");
  CHECK_EQUAL(without("54", "54=12|"), "session 6 54");
  CHECK_EQUAL(without("60", "60=20260728|"), "session 6 60");
  CHECK_EQUAL(order_fault("432=20260231|"), "session 6 432");
  CHECK_EQUAL(order_fault("18=6E|"), "session 6 18");
  CHECK_EQUAL(order_fault("453=x|"), "session 6 453");
  CHECK_EQUAL(fault_of("35=D|43=X|" + kHead + kOrder), "session 6 43");
  CHECK_EQUAL(order_fault("11=b|"), "session 13 11");
  CHECK_EQUAL(order_fault("9001=a|9001=b|"), "session 13 9001");
  CHECK_EQUAL(order_fault("115=x|"), "session 14 115");
  CHECK_EQUAL(order_fault("93=1|89=x|58=late|"), "session 14 58");
  CHECK_EQUAL(order_fault("354=9|355=abc|"), "session 5 354");
}

TEST(of_several_faults_the_first_in_the_sequence_of_reasons_is_told) {
  CHECK_EQUAL(order_fault("11=b|150=0|58=|0=x|"), "session 0 0");
  CHECK_EQUAL(without("11", "58=|150=0|"), "session 1 11");
  CHECK_EQUAL(order_fault("58=|43=X|"), "session 4 58");
  CHECK_EQUAL(without("44", "59=2|"), "business 5 44");
}

TEST(what_hangs_on_another_field_is_a_business_fault) {
  CHECK_EQUAL(without("38"), "business 5 38");
  CHECK_EQUAL(without("44"), "business 5 44");
  CHECK_EQUAL(without("40", "40=4|"), "business 5 99");
  CHECK_EQUAL(order_fault("59=6|"), "business 5 126");
  CHECK_EQUAL(order_fault("59=6|432=20260729|"), "");
}

TEST(what_the_gateway_does_not_do_is_said_and_never_passed_over) {
  CHECK_EQUAL(without("54", "54=5|"), "unsupported 11 54");
  CHECK_EQUAL(without("40", "40=P|"), "unsupported 11 40");
  CHECK_EQUAL(order_fault("59=2|"), "unsupported 11 59");
  CHECK_EQUAL(order_fault("152=100|"), "unsupported 11 152");
  CHECK_EQUAL(order_fault("110=1|"), "unsupported 11 110");
  CHECK_EQUAL(order_fault("110=0|"), "");
  CHECK_EQUAL(order_fault("168=20260728-12:34:56|"), "unsupported 11 168");
  CHECK_EQUAL(order_fault("18=G|"), "unsupported 11 18");
  CHECK_EQUAL(order_fault("18=1 2|"), "");
}

TEST(groups_are_seen_and_left_to_a_dictionary) {
  const Outcome out =
      decoded("35=D|" + kHead + kOrder + "453=2|448=a|447=D|452=1|448=b|447=D|452=3|",
              [](const Request&) {});
  CHECK_EQUAL(out.words, "");
  CHECK(out.request.has_groups);
}
