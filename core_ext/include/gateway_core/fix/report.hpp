// The hot outgoing messages: 8, 9, r, 3, j. Plain values in, one whole message out, in the order
// the QuickFIX family writes: header ascending, body ascending. What is absent is not written.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gateway_core/fix/codes.hpp"
#include "gateway_core/fix/writer.hpp"

namespace gateway::fix {

/// Texts must outlive the call. A value with SOH refuses the message; in 58 it becomes a space.
struct ReportHeader {
  std::string_view begin_string;
  std::string_view sender;                    // 49
  std::string_view target;                    // 56
  std::string_view sender_sub;                // 50
  std::string_view target_sub;                // 57
  std::string_view on_behalf_of;              // 115
  std::string_view deliver_to;                // 128
  std::string_view application_version;       // 1128
  std::uint64_t sequence = 0;                 // 34
  std::uint64_t last_processed = 0;           // 369, 0 = not written
  std::int64_t sending_time_ns = 0;           // 52
  std::int64_t original_sending_time_ns = 0;  // 122
  bool is_possible_duplicate = false;         // 43
  bool is_possible_resend = false;            // 97
  std::uint8_t precision = 3;                 // digits of a second in every time
};

inline constexpr int kNoReason = -1;

struct ExecutionReport {
  Event event = Event::kNew;
  char status = '0';  // 39 of the order after the event (status_of)
  std::string_view order_id, client_order_id, original_client_order_id, execution_id;
  std::string_view execution_reference, account, symbol, text, status_request_id, mass_status_id;
  Amount quantity, cumulative, leaves, average_price, last_price, last_quantity;
  Amount price, trigger_price, display_quantity;
  char side = 0, type = 0, time_in_force = 0;  // as on the wire
  char liquidity = 0;                          // 851
  char last_capacity = 0;                      // 29
  std::string_view last_market;                // 30
  std::int64_t transact_time_ns = 0, expires_ns = 0;
  int reject_reason = kNoReason;       // 103
  int restatement_reason = kNoReason;  // 378
  std::uint64_t total_reports = 0;     // 911, 0 = no answer to a mass question
  bool is_last_report = false;         // 912
};

struct CancelReject {
  std::string_view order_id, client_order_id, original_client_order_id, account, text;
  char status = '0';
  char response_to = '1';  // 434: 1 cancel, 2 replace
  int reason = kNoReason;  // 102
  std::int64_t transact_time_ns = 0;
};

struct MassCancelReport {
  std::string_view order_id, client_order_id, account, symbol, text, report_id;  // report_id: 1369
  char request_type = '7';                                                       // 530
  char response = '7';                                                           // 531, 0 = refused
  char side = 0;
  int reject_reason = kNoReason;     // 532
  std::uint64_t total_affected = 0;  // 533
  std::int64_t transact_time_ns = 0;
};

struct SessionReject {
  std::uint64_t reference_sequence = 0;  // 45
  std::int64_t reference_tag = 0;        // 371, 0 = not written
  std::string_view reference_type, text;
  int reason = kNoReason;  // 373; beyond 11 not written up to 4.2
  bool names_tag = false;  // reference_tag is written even when it is 0 or negative
};

struct BusinessReject {
  std::uint64_t reference_sequence = 0;  // 45
  std::string_view reference_type, reference_id, text;
  int reason = 0;  // 380
};

/// Each gives the message within `memory`; empty when it does not fit, or when this version of FIX
/// has no such message.
[[nodiscard]] std::string_view encode(const ReportHeader& header, const ExecutionReport& report,
                                      std::span<char> memory) noexcept;
[[nodiscard]] std::string_view encode(const ReportHeader& header, const CancelReject& reject,
                                      std::span<char> memory) noexcept;
[[nodiscard]] std::string_view encode(const ReportHeader& header, const MassCancelReport& report,
                                      std::span<char> memory) noexcept;
[[nodiscard]] std::string_view encode(const ReportHeader& header, const SessionReject& reject,
                                      std::span<char> memory) noexcept;
[[nodiscard]] std::string_view encode(const ReportHeader& header, const BusinessReject& reject,
                                      std::span<char> memory) noexcept;

}  // namespace gateway::fix
