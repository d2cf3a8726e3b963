// Operations as Python gives them: cut to their fields, then one record.
#include <nanobind/stl/array.h>
#include <nanobind/stl/string_view.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "control.hpp"
#include "gateway_core/record/operation.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

Sequence note_operation(EngineHandle& handle, std::uint32_t operation, std::string_view actor,
                        std::string_view subject, std::string_view detail, std::string_view reason,
                        nb::bytes digest, std::array<std::int64_t, 3> values, std::uint32_t unnoted,
                        PrincipalId principal) {
  if (operation < kOperationMin || operation > kOperationMax)
    refuse("BAD_ENUM", "operation", std::to_string(operation), "1 to 11");
  if (digest.size() != 0 && digest.size() != sizeof OperationNoted::digest)
    refuse("RANGE", "digest", std::to_string(digest.size()), "32 bytes or none");
  OperationNoted record =
      operation_of(operation, actor, subject, detail, reason,
                   {reinterpret_cast<const std::uint8_t*>(digest.c_str()), digest.size()});
  record.unnoted = unnoted;
  record.values = values;
  Sequence sequence = 0;
  handle.runtime->run([&] {
    sequence =
        handle.runtime->engine().record_control(RecordKind::kOperationNoted, record, principal);
  });
  if (sequence == 0) refuse("JOURNAL_BEHIND", "journal", "", "no room");
  return sequence;
}

}  // namespace

void bind_operation(nb::class_<EngineHandle>& engine) {
  engine.def("note_operation", &note_operation, "operation"_a, "actor"_a, "subject"_a,
             "detail"_a = "", "reason"_a = "", "digest"_a = nb::bytes("", 0),
             "values"_a = std::array<std::int64_t, 3>{-1, -1, -1}, "unnoted"_a = 0,
             "principal"_a = 0);
}

}  // namespace gateway
