// The codec of hot FIX messages for Python: one call for each message, no object for each field.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string_view.h>

#include <array>
#include <string>

#include "bind.hpp"
#include "gateway_core/fix/report.hpp"
#include "gateway_core/fix/request.hpp"
#include "latin_1.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using fix::Request;

// ------------------------------------------------------------------------------------ decoding

/// A request and the bytes its views look at.
struct RequestCopy {
  nb::bytes data;
  Request request;
};

nb::object decode_request(const nb::bytes& data, bool allows_user_fields) {
  RequestCopy copy{data, {}};
  const fix::RequestRules rules{allows_user_fields};
  if (!fix::decode({data.c_str(), data.size()}, rules, copy.request)) return nb::none();
  return nb::cast(std::move(copy));
}

template <fix::Text field>
nb::object text_of(const RequestCopy& copy) {
  return latin_1(copy.request.at(field));
}
template <fix::Number field>
nb::object number_of(const RequestCopy& copy) {
  const fix::Decimal number = copy.request.at(field);
  if (!number.is_set()) return nb::none();
  char text[fix::kNumberBytesMax];
  return latin_1({text, fix::write_number(text, number)});
}
template <fix::Time field>
std::int64_t time_of(const RequestCopy& copy) {
  return copy.request.at(field);
}
template <fix::Count field>
std::uint64_t count_of(const RequestCopy& copy) {
  return copy.request.at(field);
}
template <fix::Letter field>
bool is_yes(const RequestCopy& copy) {
  return copy.request.at(field) == 'Y';
}
template <fix::Letter field>
nb::object letter_of(const RequestCopy& copy) {
  const char letter = copy.request.at(field);
  return latin_1({&letter, letter == 0 ? 0U : 1U});
}

const char* side_of(const RequestCopy& copy) {
  const char side = copy.request.at(fix::Letter::kSide);
  return side == '1' ? "buy" : side == '2' ? "sell" : "";
}
const char* type_of(const RequestCopy& copy) {
  constexpr const char* kWords[] = {"market", "limit", "stop", "stop_limit"};
  const char type = copy.request.at(fix::Letter::kType);
  return type >= '1' && type <= '4' ? kWords[type - '1'] : "";
}
const char* time_in_force_of(const RequestCopy& copy) {
  switch (copy.request.at(fix::Letter::kTimeInForce)) {
    case 0:  // FIX: absent is Day
    case '0':
      return "day";
    case '1':
      return "gtc";
    case '3':
      return "ioc";
    case '4':
      return "fok";
    case '6':
      return "gtd";
    default:
      return "";
  }
}
const char* kind_of(const RequestCopy& copy) {
  constexpr const char* kWords[] = {"", "D", "F", "G", "H", "q"};
  return kWords[static_cast<std::size_t>(copy.request.kind)];
}
const char* fault_kind_of(const RequestCopy& copy) {
  constexpr const char* kWords[] = {"", "session", "business", "unsupported"};
  return kWords[static_cast<std::size_t>(copy.request.fault.kind)];
}

std::int64_t mantissa(const RequestCopy& copy, int tag, int scale) {
  constexpr std::pair<int, fix::Number> kTags[] = {{38, fix::Number::kQuantity},
                                                   {152, fix::Number::kCashQuantity},
                                                   {110, fix::Number::kMinimumQuantity},
                                                   {111, fix::Number::kDisplayQuantity},
                                                   {44, fix::Number::kPrice},
                                                   {99, fix::Number::kStopPrice}};
  if (scale < 0 || scale > kScaleSumMax) throw nb::value_error("scale must be 0 to 18");
  for (const auto& [known, number] : kTags) {
    if (known != tag) continue;
    const fix::Decimal value = copy.request.at(number);
    std::int64_t out = 0;
    if (!value.is_set()) throw nb::value_error("MISSING_FIELD");
    const DecimalFault fault = fix::rescale(value, scale, out);
    if (fault == DecimalFault::kPrecision) throw nb::value_error("PRECISION");
    if (fault != DecimalFault::kNone) throw nb::value_error("OVERFLOW");
    return out;
  }
  throw nb::value_error("tag must be 38, 44, 99, 110, 111 or 152");
}

void bind_request(nb::module_& module) {
  using fix::Count, fix::Letter, fix::Number, fix::Text, fix::Time;
  nb::class_<RequestCopy>(module, "FixRequest")
      .def_prop_ro("data", [](const RequestCopy& copy) { return copy.data; })
      .def_prop_ro("message_type", &kind_of)
      .def_prop_ro("sequence", &count_of<Count::kSequence>)
      .def_prop_ro("is_possible_duplicate", &is_yes<Letter::kPossibleDuplicate>)
      .def_prop_ro("is_possible_resend", &is_yes<Letter::kPossibleResend>)
      .def_prop_ro("sender", &text_of<Text::kSender>)
      .def_prop_ro("target", &text_of<Text::kTarget>)
      .def_prop_ro("sender_sub", &text_of<Text::kSenderSub>)
      .def_prop_ro("target_sub", &text_of<Text::kTargetSub>)
      .def_prop_ro("on_behalf_of", &text_of<Text::kOnBehalfOf>)
      .def_prop_ro("deliver_to", &text_of<Text::kDeliverTo>)
      .def_prop_ro("sending_time_ns", &time_of<Time::kSending>)
      .def_prop_ro("original_sending_time_ns", &time_of<Time::kOriginalSending>)
      .def_prop_ro("transact_time_ns", &time_of<Time::kTransact>)
      .def_prop_ro("client_order_id", &text_of<Text::kClientOrderId>)
      .def_prop_ro("original_client_order_id", &text_of<Text::kOriginalClientOrderId>)
      .def_prop_ro("order_id", &text_of<Text::kOrderId>)
      .def_prop_ro("account", &text_of<Text::kAccount>)
      .def_prop_ro("symbol", &text_of<Text::kSymbol>)
      .def_prop_ro("security_id", &text_of<Text::kSecurityId>)
      .def_prop_ro("security_id_source", &text_of<Text::kSecurityIdSource>)
      .def_prop_ro("destination", &text_of<Text::kDestination>)
      .def_prop_ro("exchange", &text_of<Text::kExchange>)
      .def_prop_ro("currency", &text_of<Text::kCurrency>)
      .def_prop_ro("text", &text_of<Text::kText>)
      .def_prop_ro("status_request_id", &text_of<Text::kStatusRequestId>)
      .def_prop_ro("side", &side_of)
      .def_prop_ro("type", &type_of)
      .def_prop_ro("time_in_force", &time_in_force_of)
      .def_prop_ro("quantity", &number_of<Number::kQuantity>)
      .def_prop_ro("price", &number_of<Number::kPrice>)
      .def_prop_ro("trigger_price", &number_of<Number::kStopPrice>)
      .def_prop_ro("display_quantity", &number_of<Number::kDisplayQuantity>)
      .def_prop_ro("expires_ns", &time_of<Time::kExpire>)
      .def_prop_ro("expire_date", &count_of<Count::kExpireDate>)
      .def_prop_ro("position_effect", &letter_of<Letter::kPositionEffect>)
      .def_prop_ro("mass_cancel_type", &letter_of<Letter::kMassCancelType>)
      .def_prop_ro("is_post_only",
                   [](const RequestCopy& copy) { return copy.request.is_post_only; })
      .def_prop_ro("is_reduce_only",
                   [](const RequestCopy& copy) { return copy.request.is_reduce_only; })
      .def_prop_ro("has_groups", [](const RequestCopy& copy) { return copy.request.has_groups; })
      .def_prop_ro("needs_dictionary",
                   [](const RequestCopy& copy) { return copy.request.needs_dictionary; })
      .def_prop_ro("fault", &fault_kind_of)
      .def_prop_ro("fault_reason",
                   [](const RequestCopy& copy) { return copy.request.fault.reason; })
      .def_prop_ro("fault_tag", [](const RequestCopy& copy) { return copy.request.fault.tag; })
      .def_prop_ro(
          "fault_text",
          [](const RequestCopy& copy) { return latin_1(fix::sentence_of(copy.request.fault)); })
      .def("mantissa", &mantissa, "tag"_a, "scale"_a);
  module.def("decode_request", &decode_request, "data"_a, nb::kw_only(),
             "allows_user_fields"_a = true);
}

// ------------------------------------------------------------------------------------ encoding

/// What never changes on a session.
struct Codec {
  std::string begin_string, sender, target, sender_sub, target_sub, application_version;
  std::uint8_t precision;
};

void make_codec(Codec* place, std::string_view begin_string, std::string_view sender,
                std::string_view target, std::string_view sender_sub, std::string_view target_sub,
                std::string_view application_version, int precision) {
  if (fix::version_of(begin_string) == fix::Version::kUnknown) {
    throw nb::value_error("begin_string must be FIX.4.0 to FIX.4.4 or FIXT.1.1");
  }
  if (precision != 0 && precision != 3 && precision != 6 && precision != 9) {
    throw nb::value_error("precision must be 0, 3, 6 or 9 digits");
  }
  if (sender.empty() || target.empty()) throw nb::value_error("sender and target must have names");
  new (place) Codec{std::string(begin_string),
                    std::string(sender),
                    std::string(target),
                    std::string(sender_sub),
                    std::string(target_sub),
                    std::string(application_version),
                    static_cast<std::uint8_t>(precision)};
}

fix::ReportHeader header_of(const Codec& codec, std::uint64_t sequence,
                            std::int64_t sending_time_ns, std::uint64_t last_processed,
                            std::string_view on_behalf_of, std::string_view deliver_to) {
  fix::ReportHeader header;
  header.begin_string = codec.begin_string;
  header.sender = codec.sender;
  header.target = codec.target;
  header.sender_sub = codec.sender_sub;
  header.target_sub = codec.target_sub;
  header.application_version = codec.application_version;
  header.precision = codec.precision;
  header.sequence = sequence;
  header.sending_time_ns = sending_time_ns;
  header.last_processed = last_processed;
  header.on_behalf_of = on_behalf_of;
  header.deliver_to = deliver_to;
  return header;
}

constexpr std::size_t kMessageBytesMax = 16'384;

template <typename Report>
nb::bytes encoded(const fix::ReportHeader& header, const Report& report) {
  std::array<char, kMessageBytesMax> memory;
  const std::string_view message = fix::encode(header, report, memory);
  if (!message.empty()) return nb::bytes(message.data(), message.size());
  throw nb::value_error(
      "no such message in this version of FIX, a value with SOH, or more than 16 KiB");
}

char letter(std::string_view text, const char* name) {
  if (text.size() <= 1) return text.empty() ? '\0' : text[0];
  throw nb::value_error((std::string(name) + " is one letter").c_str());
}

/// Values of an order row by the names every door uses. Keys are made once and kept.
class Row {
 public:
  explicit Row(nb::handle row) : row_(row.ptr()) {
    if (!PyDict_Check(row_)) throw nb::type_error("an order row is a dict");
  }
  /// Empty for None and for a key that is not there.
  [[nodiscard]] std::string_view text(PyObject* key) const {
    PyObject* const value = find(key);
    if (value == nullptr || value == Py_None) return {};
    Py_ssize_t bytes = 0;
    const char* const data = PyUnicode_AsUTF8AndSize(value, &bytes);
    if (data == nullptr) throw nb::python_error();
    return {data, static_cast<std::size_t>(bytes)};
  }
  [[nodiscard]] std::int64_t whole(PyObject* key) const {
    PyObject* const value = find(key);
    if (value == nullptr || value == Py_None) return 0;
    const long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
    return number;
  }

 private:
  [[nodiscard]] PyObject* find(PyObject* key) const {
    PyObject* const value = PyDict_GetItemWithError(row_, key);
    if (value == nullptr && PyErr_Occurred() != nullptr) throw nb::python_error();
    return value;
  }
  PyObject* row_;
};

struct RowKeys {
  PyObject* order_id = PyUnicode_InternFromString("order_id");
  PyObject* client_order_id = PyUnicode_InternFromString("client_order_id");
  PyObject* account = PyUnicode_InternFromString("account");
  PyObject* instrument = PyUnicode_InternFromString("instrument");
  PyObject* side = PyUnicode_InternFromString("side");
  PyObject* type = PyUnicode_InternFromString("type");
  PyObject* time_in_force = PyUnicode_InternFromString("time_in_force");
  PyObject* quantity = PyUnicode_InternFromString("quantity");
  PyObject* price = PyUnicode_InternFromString("price");
  PyObject* trigger_price = PyUnicode_InternFromString("trigger_price");
  PyObject* display_quantity = PyUnicode_InternFromString("display_quantity");
  PyObject* expires_ns = PyUnicode_InternFromString("expires_ns");
  PyObject* state = PyUnicode_InternFromString("state");
  PyObject* pending = PyUnicode_InternFromString("pending");
  PyObject* cumulative_quantity = PyUnicode_InternFromString("cumulative_quantity");
  PyObject* leaves_quantity = PyUnicode_InternFromString("leaves_quantity");
  PyObject* average_price = PyUnicode_InternFromString("average_price");
};
const RowKeys& keys() {
  static const RowKeys made;
  return made;
}

char side_letter(std::string_view word) {
  return word == "buy" ? '1' : word == "sell" ? '2' : '\0';
}
char type_letter(std::string_view word) {
  if (word == "limit") return '2';
  if (word == "market") return '1';
  return word == "stop" ? '3' : word == "stop_limit" ? '4' : '\0';
}
char time_letter(std::string_view word) {
  if (word == "gtc") return '1';
  if (word == "day") return '0';
  if (word == "ioc") return '3';
  return word == "fok" ? '4' : word == "gtd" ? '6' : '\0';
}

OrderState state_named(std::string_view word) {
  for (std::size_t i = 1; i < kOrderStates; ++i) {
    const auto state = static_cast<OrderState>(i);
    if (word == name(state)) return state;
  }
  throw nb::value_error("an order row has no such state");
}

fix::Event event_named(std::string_view word) {
  for (std::size_t i = 0; i < fix::kEvents; ++i) {
    if (word == fix::kEventWords[i]) return static_cast<fix::Event>(i);
  }
  throw nb::value_error("no such event of an execution report");
}

char status_of_row(const Row& row) {
  const std::string_view pending = row.text(keys().pending);
  const std::string_view filled = row.text(keys().cumulative_quantity);
  return fix::status_of(state_named(row.text(keys().state)),
                        pending.find("cancel") != std::string_view::npos,
                        pending.find("replace") != std::string_view::npos,
                        filled.find_first_of("123456789") != std::string_view::npos);
}

void fill_from(const Row& row, fix::ExecutionReport& report) {
  const RowKeys& key = keys();
  report.status = status_of_row(row);
  report.order_id = row.text(key.order_id);
  report.client_order_id = row.text(key.client_order_id);
  report.account = row.text(key.account);
  report.symbol = row.text(key.instrument);
  report.side = side_letter(row.text(key.side));
  report.type = type_letter(row.text(key.type));
  report.time_in_force = time_letter(row.text(key.time_in_force));
  report.quantity.text = row.text(key.quantity);
  report.price.text = row.text(key.price);
  report.trigger_price.text = row.text(key.trigger_price);
  report.display_quantity.text = row.text(key.display_quantity);
  report.expires_ns = row.whole(key.expires_ns);
  report.cumulative.text = row.text(key.cumulative_quantity);
  report.leaves.text = row.text(key.leaves_quantity);
  report.average_price.text = row.text(key.average_price);
  if (report.average_price.text.empty()) report.average_price.text = "0";
}

nb::bytes execution_report(const Codec& codec, nb::handle order, std::string_view event,
                           std::uint64_t sequence, std::int64_t sending_time_ns,
                           std::string_view execution_id, std::int64_t transact_time_ns,
                           std::string_view client_order_id,
                           std::string_view original_client_order_id, std::string_view symbol,
                           std::string_view last_price, std::string_view last_quantity,
                           std::string_view text, int reject_reason, int restatement_reason,
                           std::string_view execution_reference, std::string_view liquidity,
                           std::string_view last_capacity, std::string_view last_market,
                           std::string_view status_request_id, std::string_view mass_status_id,
                           std::uint64_t total_reports, bool is_last_report,
                           bool is_possible_resend, std::uint64_t last_processed,
                           std::string_view on_behalf_of, std::string_view deliver_to) {
  fix::ReportHeader header =
      header_of(codec, sequence, sending_time_ns, last_processed, on_behalf_of, deliver_to);
  header.is_possible_resend = is_possible_resend;
  fix::ExecutionReport report;
  fill_from(Row(order), report);
  report.event = event_named(event);
  report.execution_id = execution_id;
  report.transact_time_ns = transact_time_ns;
  if (!client_order_id.empty()) report.client_order_id = client_order_id;
  report.original_client_order_id = original_client_order_id;
  if (!symbol.empty()) report.symbol = symbol;
  report.last_price.text = last_price;
  report.last_quantity.text = last_quantity;
  report.text = text;
  report.reject_reason = reject_reason;
  report.restatement_reason = restatement_reason;
  report.execution_reference = execution_reference;
  report.liquidity = liquidity == "maker" ? '1' : liquidity == "taker" ? '2' : '\0';
  report.last_capacity = last_capacity.empty() ? '\0' : last_capacity.front();
  report.last_market = last_market;
  report.status_request_id = status_request_id;
  report.mass_status_id = mass_status_id;
  report.total_reports = total_reports;
  report.is_last_report = is_last_report;
  return encoded(header, report);
}

nb::bytes cancel_reject(const Codec& codec, std::uint64_t sequence, std::int64_t sending_time_ns,
                        std::string_view order_id, std::string_view client_order_id,
                        std::string_view original_client_order_id, std::string_view status,
                        std::string_view response_to, int reason, std::string_view text,
                        std::int64_t transact_time_ns, std::string_view account,
                        std::uint64_t last_processed, std::string_view on_behalf_of,
                        std::string_view deliver_to) {
  if (response_to != "cancel" && response_to != "replace") {
    throw nb::value_error("response_to is cancel or replace");
  }
  fix::CancelReject reject;
  reject.order_id = order_id;
  reject.client_order_id = client_order_id;
  reject.original_client_order_id = original_client_order_id;
  reject.account = account;
  reject.text = text;
  reject.status = letter(status, "status");
  reject.response_to = response_to == "cancel" ? '1' : '2';
  reject.reason = reason;
  reject.transact_time_ns = transact_time_ns;
  return encoded(
      header_of(codec, sequence, sending_time_ns, last_processed, on_behalf_of, deliver_to),
      reject);
}

nb::bytes mass_cancel_report(const Codec& codec, std::uint64_t sequence,
                             std::int64_t sending_time_ns, std::string_view order_id,
                             std::string_view client_order_id, std::string_view request_type,
                             std::string_view response, int reject_reason,
                             std::uint64_t total_affected, std::string_view text,
                             std::int64_t transact_time_ns, std::string_view account,
                             std::string_view symbol, std::string_view side,
                             std::string_view report_id, std::uint64_t last_processed,
                             std::string_view on_behalf_of, std::string_view deliver_to) {
  fix::MassCancelReport report;
  report.order_id = order_id;
  report.client_order_id = client_order_id;
  report.account = account;
  report.symbol = symbol;
  report.text = text;
  report.report_id = report_id;
  report.request_type = letter(request_type, "request_type");
  report.response = letter(response, "response");
  report.side = side_letter(side);
  report.reject_reason = reject_reason;
  report.total_affected = total_affected;
  report.transact_time_ns = transact_time_ns;
  return encoded(
      header_of(codec, sequence, sending_time_ns, last_processed, on_behalf_of, deliver_to),
      report);
}

nb::bytes session_reject(const Codec& codec, std::uint64_t sequence, std::int64_t sending_time_ns,
                         std::uint64_t reference_sequence, nb::handle reference_tag,
                         std::string_view reference_type, int reason, std::string_view text,
                         std::uint64_t last_processed, std::string_view on_behalf_of,
                         std::string_view deliver_to) {
  fix::SessionReject reject;
  reject.reference_sequence = reference_sequence;
  reject.names_tag = !reference_tag.is_none();
  if (reject.names_tag) reject.reference_tag = nb::cast<std::int64_t>(reference_tag);
  reject.reference_type = reference_type;
  reject.reason = reason;
  reject.text = text;
  return encoded(
      header_of(codec, sequence, sending_time_ns, last_processed, on_behalf_of, deliver_to),
      reject);
}

nb::bytes business_reject(const Codec& codec, std::uint64_t sequence, std::int64_t sending_time_ns,
                          std::uint64_t reference_sequence, std::string_view reference_type,
                          int reason, std::string_view reference_id, std::string_view text,
                          std::uint64_t last_processed, std::string_view on_behalf_of,
                          std::string_view deliver_to) {
  fix::BusinessReject reject;
  reject.reference_sequence = reference_sequence;
  reject.reference_type = reference_type;
  reject.reference_id = reference_id;
  reject.reason = reason;
  reject.text = text;
  return encoded(
      header_of(codec, sequence, sending_time_ns, last_processed, on_behalf_of, deliver_to),
      reject);
}

}  // namespace

void bind_fix_codec(nb::module_& module) {
  bind_request(module);
  module.def("order_status", [](nb::handle order) {
    const char status = status_of_row(Row(order));
    return latin_1({&status, 1});
  });
  nb::class_<Codec>(module, "FixCodec")
      .def("__init__", &make_codec, nb::kw_only(), "begin_string"_a, "sender"_a, "target"_a,
           "sender_sub"_a = "", "target_sub"_a = "", "application_version"_a = "",
           "precision"_a = 3)
      .def("execution_report", &execution_report, "order"_a, "event"_a, nb::kw_only(), "sequence"_a,
           "sending_time_ns"_a, "execution_id"_a, "transact_time_ns"_a, "client_order_id"_a = "",
           "original_client_order_id"_a = "", "symbol"_a = "", "last_price"_a = "",
           "last_quantity"_a = "", "text"_a = "", "reject_reason"_a = fix::kNoReason,
           "restatement_reason"_a = fix::kNoReason, "execution_reference"_a = "",
           "liquidity"_a = "", "last_capacity"_a = "", "last_market"_a = "",
           "status_request_id"_a = "", "mass_status_id"_a = "", "total_reports"_a = 0,
           "is_last_report"_a = false, "is_possible_resend"_a = false, "last_processed"_a = 0,
           "on_behalf_of"_a = "", "deliver_to"_a = "")
      .def("cancel_reject", &cancel_reject, nb::kw_only(), "sequence"_a, "sending_time_ns"_a,
           "order_id"_a, "client_order_id"_a, "original_client_order_id"_a, "status"_a,
           "response_to"_a, "reason"_a = fix::kNoReason, "text"_a = "", "transact_time_ns"_a = 0,
           "account"_a = "", "last_processed"_a = 0, "on_behalf_of"_a = "", "deliver_to"_a = "")
      .def("mass_cancel_report", &mass_cancel_report, nb::kw_only(), "sequence"_a,
           "sending_time_ns"_a, "order_id"_a, "client_order_id"_a, "request_type"_a, "response"_a,
           "reject_reason"_a = fix::kNoReason, "total_affected"_a = 0, "text"_a = "",
           "transact_time_ns"_a = 0, "account"_a = "", "symbol"_a = "", "side"_a = "",
           "report_id"_a = "", "last_processed"_a = 0, "on_behalf_of"_a = "", "deliver_to"_a = "")
      .def("session_reject", &session_reject, nb::kw_only(), "sequence"_a, "sending_time_ns"_a,
           "reference_sequence"_a, "reference_tag"_a.none() = nb::none(), "reference_type"_a = "",
           "reason"_a = fix::kNoReason, "text"_a = "", "last_processed"_a = 0,
           "on_behalf_of"_a = "", "deliver_to"_a = "")
      .def("business_reject", &business_reject, nb::kw_only(), "sequence"_a, "sending_time_ns"_a,
           "reference_sequence"_a, "reference_type"_a, "reason"_a, "reference_id"_a = "",
           "text"_a = "", "last_processed"_a = 0, "on_behalf_of"_a = "", "deliver_to"_a = "");
}

}  // namespace gateway
