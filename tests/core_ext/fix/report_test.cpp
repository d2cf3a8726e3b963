// The hot outgoing messages, byte by byte, and the tables of codes behind them.
#include "gateway_core/fix/report.hpp"

#include <array>
#include <string>
#include <vector>

#include "check.hpp"
#include "fix/sample.hpp"
#include "gateway_core/fix/framer.hpp"

using namespace gateway::fix;  // NOLINT
using gateway::OrderState;

namespace {

constexpr std::int64_t kNow = 1'785'242'096'789'012'345;

ReportHeader header(std::string_view begin = "FIX.4.4") {
  ReportHeader out;
  out.begin_string = begin;
  out.sender = "GATEWAY";
  out.target = "CLIENT";
  out.sequence = 12;
  out.sending_time_ns = kNow;
  return out;
}

template <typename Report>
std::string encoded(const ReportHeader& front, const Report& report) {
  std::array<char, 2048> memory;
  return std::string(encode(front, report, memory));
}

/// The body as written, | for SOH, without 8, 9, 10 and the header of this file; checked by the
/// framer first.
std::string body(const std::string& wire) {
  Framer framer({});
  CHECK(framer.feed(wire.data(), wire.size()));
  Frame frame;
  if (!framer.next(frame) || frame.fault != FrameFault::kNone) return "garbled";
  FieldCursor cursor(frame.data);
  Field field;
  std::string out;
  while (cursor.next(field)) {
    if (field.tag == 8 || field.tag == 9 || field.tag == 10) continue;
    out += std::to_string(field.tag) + "=" + std::string(field.value) + "|";
  }
  const std::string front = "34=12|49=GATEWAY|52=20260728-12:34:56.789|56=CLIENT|";
  const std::size_t at = out.find(front);
  if (at != std::string::npos) out.erase(at, front.size());
  return out;
}

ExecutionReport report() {
  ExecutionReport out;
  out.event = Event::kFill;
  out.status = '1';
  out.order_id = "77";
  out.client_order_id = "a1";
  out.execution_id = "e5";
  out.account = "main";
  out.symbol = "BTC-USD";
  out.quantity = {{}, {15, 1}};
  out.cumulative = {"0.5", {}};
  out.leaves = {"1", {}};
  out.average_price = {"100.25", {}};
  out.last_price = {{}, {10'025, 2}};
  out.last_quantity = {"0.5", {}};
  out.price = {"100.5", {}};
  out.side = '1';
  out.type = '2';
  out.time_in_force = '1';
  out.transact_time_ns = kNow;
  return out;
}

}  // namespace

TEST(an_execution_report_is_written_in_ascending_order) {
  CHECK_EQUAL(body(encoded(header(), report())),
              "35=8|1=main|6=100.25|11=a1|14=0.5|17=e5|31=100.25|32=0.5|37=77|38=1.5|39=1|40=2|"
              "44=100.5|54=1|55=BTC-USD|59=1|60=20260728-12:34:56.789|150=F|151=1|");
  CHECK_EQUAL(body(encoded(header("FIX.4.2"), report())),
              "35=8|1=main|6=100.25|11=a1|14=0.5|17=e5|20=0|31=100.25|32=0.5|37=77|38=1.5|39=1|"
              "40=2|44=100.5|54=1|55=BTC-USD|59=1|60=20260728-12:34:56.789|150=1|151=1|");
}

TEST(the_header_is_ascending_too_with_every_field_it_can_have) {
  ReportHeader front = header("FIXT.1.1");
  front.precision = 6;
  front.is_possible_duplicate = front.is_possible_resend = true;
  front.original_sending_time_ns = kNow - kNsPerSecond;
  front.sender_sub = "s";
  front.target_sub = "t";
  front.on_behalf_of = "o";
  front.deliver_to = "d";
  front.last_processed = 9;
  front.application_version = "9";
  BusinessReject reject;
  reject.reference_sequence = 5;
  reject.reference_type = "E";
  reject.reason = 3;
  reject.text = "Unsupported Message Type";
  CHECK_EQUAL(body(encoded(front, reject)),
              "35=j|34=12|43=Y|49=GATEWAY|50=s|52=20260728-12:34:56.789012|56=CLIENT|57=t|97=Y|"
              "115=o|122=20260728-12:34:55.789012|128=d|369=9|1128=9|45=5|"
              "58=Unsupported Message Type|372=E|380=3|");
}

TEST(display_quantity_has_the_tag_of_its_version) {
  ExecutionReport shown = report();
  shown.display_quantity = {"0.1", {}};
  CHECK(body(encoded(header(), shown)).find("|111=0.1|") != std::string::npos);
  const std::string newest = body(encoded(header("FIXT.1.1"), shown));
  CHECK(newest.ends_with("|151=1|1138=0.1|") && newest.find("|111=") == std::string::npos);
}

TEST(rejects_carry_what_their_version_knows) {
  SessionReject reject;
  reject.reference_sequence = 4;
  reject.reference_tag = 11;
  reject.reference_type = "D";
  reject.reason = 13;
  reject.text = "Tag appears more than once";
  const std::string text = "58=Tag appears more than once|";
  CHECK_EQUAL(body(encoded(header(), reject)), "35=3|45=4|" + text + "371=11|372=D|373=13|");
  CHECK_EQUAL(body(encoded(header("FIX.4.2"), reject)), "35=3|45=4|" + text + "371=11|372=D|");
  CHECK_EQUAL(body(encoded(header("FIX.4.1"), reject)), "35=3|45=4|" + text);
  reject.reference_tag = -1;
  reject.reason = 0;
  CHECK_EQUAL(body(encoded(header(), reject)), "35=3|45=4|" + text + "371=-1|372=D|373=0|");
  reject.reference_tag = 0;
  CHECK_EQUAL(body(encoded(header(), reject)), "35=3|45=4|" + text + "372=D|373=0|");
  reject.names_tag = true;
  CHECK_EQUAL(body(encoded(header(), reject)), "35=3|45=4|" + text + "371=0|372=D|373=0|");
}

TEST(a_cancel_reject_and_a_mass_cancel_report) {
  CancelReject reject;
  reject.order_id = "NONE";
  reject.client_order_id = "a2";
  reject.original_client_order_id = "a1";
  reject.status = '8';
  reject.reason = 1;
  reject.text = "Unknown order";
  CHECK_EQUAL(body(encoded(header(), reject)),
              "35=9|11=a2|37=NONE|39=8|41=a1|58=Unknown order|102=1|434=1|");
  MassCancelReport mass;
  mass.order_id = "0";
  mass.client_order_id = "m1";
  mass.total_affected = 3;
  mass.report_id = "r1";
  CHECK_EQUAL(body(encoded(header(), mass)), "35=r|11=m1|37=0|530=7|531=7|533=3|");
  CHECK_EQUAL(body(encoded(header("FIXT.1.1"), mass)),
              "35=r|11=m1|37=0|530=7|531=7|533=3|1369=r1|");
  CHECK_EQUAL(encoded(header("FIX.4.2"), mass), "");
}

TEST(a_value_cannot_become_two_fields) {
  ExecutionReport wrong = report();
  wrong.text =
      "no\x01"
      "39=2\n";
  CHECK(body(encoded(header(), wrong)).find("|58=no 39=2 |") != std::string::npos);
  wrong.client_order_id =
      "a\x01"
      "39=2";
  CHECK_EQUAL(encoded(header(), wrong), "");
}

TEST(memory_that_is_too_small_gives_nothing_and_is_never_left) {
  const std::string whole = encoded(header(), report());
  for (std::size_t bytes = 0; bytes < 512; ++bytes) {
    std::vector<char> memory(bytes);  // exactly its own, so that a sanitizer sees one byte too far
    const std::string_view out = encode(header(), report(), memory);
    CHECK(out.empty() || out == whole);
    CHECK(bytes < 400 || !out.empty());
  }
}

TEST(every_event_has_its_codes_in_every_version) {
  const auto spelled = [](Version version, Event event, char status) {
    const ExecutionCodes codes = codes_of(version, event, status);
    std::string out;
    for (const char c : {codes.execution_type, codes.status, codes.transaction_type}) {
      out += c == 0 ? '-' : c;
    }
    return out;
  };
  struct Row {
    Event event;
    char status;
    const char* newer;
    const char* older;
  };
  constexpr Row kRows[] = {
      {Event::kPendingNew, 'A', "AA-", "AA0"},     {Event::kNew, '0', "00-", "000"},
      {Event::kRejected, '8', "88-", "880"},       {Event::kFill, '1', "F1-", "110"},
      {Event::kFill, '2', "F2-", "220"},           {Event::kFill, '6', "F6-", "160"},
      {Event::kPendingCancel, '6', "66-", "660"},  {Event::kCanceled, '4', "44-", "440"},
      {Event::kPendingReplace, 'E', "EE-", "EE0"}, {Event::kReplaced, '0', "50-", "550"},
      {Event::kReplaced, '1', "51-", "550"},       {Event::kReplaced, '2', "52-", "520"},
      {Event::kExpired, 'C', "CC-", "CC0"},        {Event::kDoneForDay, '3', "33-", "330"},
      {Event::kBust, '1', "H1-", "111"},           {Event::kCorrect, '1', "G1-", "112"},
      {Event::kStatus, '1', "I1-", "113"},         {Event::kRestated, '0', "D0-", "D00"},
      {Event::kTriggered, '0', "L0-", "---"},      {Event::kSuspended, '9', "99-", "990"}};
  for (const Row& row : kRows) {
    CHECK_EQUAL(spelled(Version::k44, row.event, row.status), row.newer);
    CHECK_EQUAL(spelled(Version::k50, row.event, row.status), row.newer);
    CHECK_EQUAL(spelled(Version::k42, row.event, row.status), row.older);
  }
}

TEST(the_status_of_an_order_follows_the_precedence_of_fix) {
  CHECK_EQUAL(status_of(OrderState::kPendingNew, false, false, false), 'A');
  CHECK_EQUAL(status_of(OrderState::kUnknown, false, false, false), 'A');
  CHECK_EQUAL(status_of(OrderState::kUnknown, false, false, true), '1');
  CHECK_EQUAL(status_of(OrderState::kUntriggered, false, false, false), '0');
  CHECK_EQUAL(status_of(OrderState::kNew, false, true, false), 'E');
  CHECK_EQUAL(status_of(OrderState::kPartiallyFilled, true, true, true), '6');
  CHECK_EQUAL(status_of(OrderState::kFilled, true, false, true), '2');
  CHECK_EQUAL(status_of(OrderState::kCanceled, false, false, true), '4');
  CHECK_EQUAL(status_of(OrderState::kExpired, false, false, false), 'C');
  CHECK_EQUAL(status_of(OrderState::kRejected, false, false, false), '8');
  CHECK_EQUAL(status_of(OrderState::kRefused, false, false, false), '8');
}
