// The screen of good messages and the plain encoder for Python: one call for each message.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "fix_frame.hpp"
#include "gateway_core/fix/number.hpp"
#include "gateway_core/fix/screen.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using FieldRow = std::tuple<std::int64_t, int, std::vector<std::string>>;
using MemberRow = std::tuple<std::int64_t, int, bool>;
using MessageRow = std::tuple<std::string, std::vector<MemberRow>>;

struct Table {
  fix::ScreenTable rules;
};

void make_table(Table* place, const std::vector<FieldRow>& fields,
                const std::vector<MessageRow>& messages) {
  fix::ScreenTable table;
  for (const auto& [tag, form, values] : fields) {
    if (form < 0 || form > static_cast<int>(fix::ScreenForm::kOdd) ||
        !table.add_field(tag, static_cast<fix::ScreenForm>(form), values)) {
      throw nb::value_error("fields: a tag twice or out of range, too many, or no such form");
    }
  }
  for (const auto& [type, members] : messages) {
    table.add_message(type);
    for (const auto& [tag, part, is_required] : members) {
      if (part < 1 || part > 3 ||
          !table.add_member(type, tag, static_cast<fix::ScreenPlace>(part), is_required)) {
        throw nb::value_error("messages: a member that is no field, or no such part");
      }
    }
  }
  new (place) Table{std::move(table)};
}

/// Kept alive by the table it looks at.
struct Screen {
  nb::object keeper;
  const fix::ScreenTable* table;
  fix::ScreenPeer peer;
};

void make_screen(Screen* place, nb::handle table, const std::string& begin_string,
                 const std::string& sender, const std::string& target,
                 std::int64_t time_difference_ns_max) {
  new (place) Screen{nb::borrow(table),
                     &nb::cast<const Table&>(table).rules,
                     {begin_string, sender, target, time_difference_ns_max}};
}

std::uint64_t check(const Screen& screen, const FrameCopy& frame, std::int64_t now_ns) {
  if (frame.fault != fix::FrameFault::kNone) return 0;
  const auto type = nb::cast<std::string_view>(frame.message_type);
  return fix::screen(*screen.table, screen.peer, type, {frame.data.c_str(), frame.data.size()},
                     now_ns);
}

void put(std::string& out, std::int64_t tag, std::string_view value) {
  out += std::to_string(tag);
  out += '=';
  out += value;
  out += fix::kSoh;
}

struct Pair {
  std::int64_t tag;
  std::string_view value;
};

std::vector<Pair> pairs_of(nb::list fields) {
  std::vector<Pair> pairs;
  pairs.reserve(nb::len(fields));
  for (const nb::handle each : fields) {
    if (!PyTuple_Check(each.ptr()) || PyTuple_GET_SIZE(each.ptr()) != 2)
      throw nb::type_error("fields: (tag, bytes) expected");
    PyObject* const value = PyTuple_GET_ITEM(each.ptr(), 1);
    if (!PyBytes_Check(value)) throw nb::type_error("fields: a value is not bytes");
    pairs.push_back(
        {nb::cast<std::int64_t>(nb::handle(PyTuple_GET_ITEM(each.ptr(), 0))),
         {PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))}});
  }
  return pairs;
}

/// 8, 9, 35, the other fields as they come, 10; 9 and 10 are made here, given ones are left out.
nb::bytes encode_message(nb::list fields) {
  const std::vector<Pair> pairs = pairs_of(fields);
  std::string body;
  body.reserve(256);
  std::string begin_string;
  for (const Pair& pair : pairs) {
    if (pair.tag == 35) put(body, 35, pair.value);
    if (pair.tag == 8) begin_string = pair.value;
  }
  for (const Pair& pair : pairs) {
    const bool is_ours = pair.tag == 8 || pair.tag == 9 || pair.tag == 35 || pair.tag == 10;
    if (!is_ours) put(body, pair.tag, pair.value);
  }
  std::string out;
  out.reserve(body.size() + begin_string.size() + 32);
  put(out, 8, begin_string);
  put(out, 9, std::to_string(body.size()));
  out += body;
  std::uint32_t sum = 0;
  for (const char byte : out) sum += static_cast<unsigned char>(byte);
  const char digits[3] = {static_cast<char>('0' + sum % 256 / 100),
                          static_cast<char>('0' + sum % 256 / 10 % 10),
                          static_cast<char>('0' + sum % 256 % 10)};
  put(out, 10, {digits, sizeof digits});
  return nb::bytes(out.data(), out.size());
}

}  // namespace

void bind_fix_screen(nb::module_& module) {
  nb::class_<Table>(module, "FixScreenTable")
      .def("__init__", &make_table, "fields"_a, "messages"_a);
  nb::class_<Screen>(module, "FixScreen")
      .def("__init__", &make_screen, "table"_a, nb::kw_only(), "begin_string"_a, "sender"_a,
           "target"_a, "time_difference_ns_max"_a)
      .def("check", &check, "frame"_a, "now_ns"_a);
  module.def("encode_message", &encode_message, "fields"_a);
}

}  // namespace gateway
