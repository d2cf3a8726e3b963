// One function for each message, one line for each field, in ascending order.
#include "gateway_core/fix/report.hpp"

namespace gateway::fix {
namespace {

void put_header(MessageWriter& out, std::string_view type, const ReportHeader& header) noexcept {
  out.put(35, type);
  out.put_count(34, header.sequence);
  if (header.is_possible_duplicate) out.put(43, 'Y');
  out.put(49, header.sender);
  out.put(50, header.sender_sub);
  out.put_time(52, header.sending_time_ns, header.precision);
  out.put(56, header.target);
  out.put(57, header.target_sub);
  if (header.is_possible_resend) out.put(97, 'Y');
  out.put(115, header.on_behalf_of);
  out.put_time(122, header.original_sending_time_ns, header.precision);
  out.put(128, header.deliver_to);
  if (header.last_processed != 0) out.put_count(369, header.last_processed);
  out.put(1128, header.application_version);
}

void put_reason(MessageWriter& out, int tag, int reason) noexcept {
  if (reason >= 0) out.put_count(tag, static_cast<std::uint64_t>(reason));
}

}  // namespace

std::string_view encode(const ReportHeader& header, const ExecutionReport& report,
                        std::span<char> memory) noexcept {
  const Version version = version_of(header.begin_string);
  const ExecutionCodes codes = codes_of(version, report.event, report.status);
  if (version == Version::kUnknown || codes.execution_type == 0) return {};
  MessageWriter out(memory);
  put_header(out, "8", header);
  out.put(1, report.account);
  out.put(6, report.average_price);
  out.put(11, report.client_order_id);
  out.put(14, report.cumulative);
  out.put(17, report.execution_id);
  out.put(19, report.execution_reference);
  out.put(20, codes.transaction_type);
  out.put(29, report.last_capacity);
  out.put(30, report.last_market);
  out.put(31, report.last_price);
  out.put(32, report.last_quantity);
  out.put(37, report.order_id);
  out.put(38, report.quantity);
  out.put(39, codes.status);
  out.put(40, report.type);
  out.put(41, report.original_client_order_id);
  out.put(44, report.price);
  out.put(54, report.side);
  out.put(55, report.symbol);
  out.put_text(58, report.text);
  out.put(59, report.time_in_force);
  out.put_time(60, report.transact_time_ns, header.precision);
  out.put(99, report.trigger_price);
  put_reason(out, 103, report.reject_reason);
  if (version != Version::k50) out.put(111, report.display_quantity);
  out.put_time(126, report.expires_ns, header.precision);
  out.put(150, codes.execution_type);
  out.put(151, report.leaves);
  put_reason(out, 378, report.restatement_reason);
  out.put(584, report.mass_status_id);
  out.put(790, report.status_request_id);
  out.put(851, report.liquidity);
  if (report.total_reports != 0) {
    out.put_count(911, report.total_reports);
    out.put(912, report.is_last_report ? 'Y' : 'N');
  }
  if (version == Version::k50) out.put(1138, report.display_quantity);
  return out.finish(header.begin_string);
}

std::string_view encode(const ReportHeader& header, const CancelReject& reject,
                        std::span<char> memory) noexcept {
  MessageWriter out(memory);
  put_header(out, "9", header);
  out.put(1, reject.account);
  out.put(11, reject.client_order_id);
  out.put(37, reject.order_id);
  out.put(39, reject.status);
  out.put(41, reject.original_client_order_id);
  out.put_text(58, reject.text);
  out.put_time(60, reject.transact_time_ns, header.precision);
  put_reason(out, 102, reject.reason);
  out.put(434, reject.response_to);
  return out.finish(header.begin_string);
}

std::string_view encode(const ReportHeader& header, const MassCancelReport& report,
                        std::span<char> memory) noexcept {
  const Version version = version_of(header.begin_string);
  if (version != Version::k44 && version != Version::k50) return {};
  MessageWriter out(memory);
  put_header(out, "r", header);
  out.put(1, report.account);
  out.put(11, report.client_order_id);
  out.put(37, report.order_id);
  out.put(54, report.side);
  out.put(55, report.symbol);
  out.put_text(58, report.text);
  out.put_time(60, report.transact_time_ns, header.precision);
  out.put(530, report.request_type);
  out.put(531, report.response);
  put_reason(out, 532, report.reject_reason);
  out.put_count(533, report.total_affected);
  if (version == Version::k50) out.put(1369, report.report_id);
  return out.finish(header.begin_string);
}

std::string_view encode(const ReportHeader& header, const SessionReject& reject,
                        std::span<char> memory) noexcept {
  constexpr int kLastReasonOf42 = 11;
  const Version version = version_of(header.begin_string);
  MessageWriter out(memory);
  put_header(out, "3", header);
  out.put_count(45, reject.reference_sequence);
  out.put_text(58, reject.text);
  if (version != Version::k40) {
    if (reject.names_tag || reject.reference_tag != 0) {
      out.put(371, Amount{{}, {reject.reference_tag, 0}});
    }
    out.put(372, reject.reference_type);
    if (version != Version::k42 || reject.reason <= kLastReasonOf42) {
      put_reason(out, 373, reject.reason);
    }
  }
  return out.finish(header.begin_string);
}

std::string_view encode(const ReportHeader& header, const BusinessReject& reject,
                        std::span<char> memory) noexcept {
  if (version_of(header.begin_string) == Version::k40) return {};
  MessageWriter out(memory);
  put_header(out, "j", header);
  out.put_count(45, reject.reference_sequence);
  out.put_text(58, reject.text);
  out.put(372, reject.reference_type);
  out.put(379, reject.reference_id);
  put_reason(out, 380, reject.reason);
  return out.finish(header.begin_string);
}

}  // namespace gateway::fix
