// Any fields as a hot request: the decoder says what is wrong or gives values that are in the
// bytes; it never reads beyond them, and what it accepts has everything an order needs. A report
// made of the same texts is a good frame or nothing. Input: u8 version, u8 message type, then the
// body, | as SOH.
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "fix/sample.hpp"
#include "gateway_core/fix/framer.hpp"
#include "gateway_core/fix/report.hpp"
#include "gateway_core/fix/request.hpp"

using namespace gateway::fix;  // NOLINT

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

constexpr std::string_view kVersions[] = {"FIX.4.2", "FIX.4.4", "FIXT.1.1"};
constexpr std::string_view kTypes[] = {"D", "F", "G", "H", "q"};

void judge(const Request& request, const std::vector<char>& bytes) {
  for (const std::string_view text : request.texts) {
    demand(text.empty() || (text.data() >= bytes.data() &&
                            text.data() + text.size() <= bytes.data() + bytes.size()));
  }
  const RequestFault& fault = request.fault;
  demand((fault.kind == FaultKind::kNone) == sentence_of(fault).empty());
  if (fault.kind != FaultKind::kNone) return;
  demand(!request.at(Text::kClientOrderId).empty() && !request.at(Text::kSender).empty());
  if (request.kind != RequestKind::kNewOrder) return;
  const char type = request.at(Letter::kType);
  demand(type >= '1' && type <= '4' && request.at(Number::kQuantity).is_set());
  demand(request.at(Letter::kSide) == '1' || request.at(Letter::kSide) == '2');
  demand((type != '2' && type != '4') || request.at(Number::kPrice).is_set());
  demand((type != '3' && type != '4') || request.at(Number::kStopPrice).is_set());
}

void report_back(const Request& request, std::string_view begin) {
  ReportHeader header;
  header.begin_string = begin;
  header.sender = request.at(Text::kTarget);
  header.target = request.at(Text::kSender);
  header.sequence = request.at(Count::kSequence);
  header.sending_time_ns = request.at(Time::kSending);
  ExecutionReport report;
  report.client_order_id = request.at(Text::kClientOrderId);
  report.symbol = request.at(Text::kSymbol);
  report.text = request.at(Text::kText);
  report.quantity = {{}, request.at(Number::kQuantity)};
  report.price = {{}, request.at(Number::kPrice)};
  report.transact_time_ns = request.at(Time::kTransact);
  std::array<char, 1024> memory;
  const std::string_view wire = encode(header, report, memory);
  if (wire.empty()) return;
  Framer framer({});
  demand(framer.feed(wire.data(), wire.size()));
  Frame frame;
  demand(framer.next(frame) && frame.fault == FrameFault::kNone && frame.data == wire);
  demand(frame.message_type == "8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  if (bytes < 2) return 0;
  const std::string_view begin = kVersions[data[0] % 3];
  std::string body = "35=" + std::string(kTypes[data[1] % 5]) + "|";
  body.append(reinterpret_cast<const char*>(data + 2), bytes - 2);
  if (body.back() != '|') body += '|';
  const std::string wire = sample::message(body, 0, begin);
  const std::vector<char> memory(wire.begin(), wire.end());
  Request request;
  const RequestRules rules{bytes % 2 == 0};
  if (!decode({memory.data(), memory.size()}, rules, request)) return 0;
  judge(request, memory);
  report_back(request, begin);
  Request again;
  demand(decode({memory.data(), memory.size()}, rules, again));
  demand(again.fault.tag == request.fault.tag && again.fault.reason == request.fault.reason);
  return 0;
}
