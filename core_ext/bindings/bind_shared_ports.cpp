// The engine's shared-memory ports for the door: attach, end, release, list. What a port may do is
// fixed when it is attached; the requests themselves never pass through Python.
#include <fcntl.h>
#include <nanobind/nanobind.h>

#include <cerrno>
#include <system_error>

#include "bind.hpp"
#include "engine_handle.hpp"
#include "shared_ports.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

/// A descriptor of the caller's own.
int duplicate(int descriptor) {
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (own < 0) throw std::system_error(errno, std::generic_category(), "shared port");
  return own;
}

nb::object open_shared_port(EngineHandle& handle, PrincipalId principal, std::uint32_t scopes,
                            bool cancels_on_disconnect, bool needs_wake,
                            std::uint32_t requests_per_second, std::uint32_t request_burst,
                            std::size_t request_entries, std::size_t reply_entries) {
  PortServer& server = handle.runtime->shared_ports();
  std::uint32_t number = 0;
  handle.runtime->run([&] { number = server.next_number(); });
  if (number == 0) return nb::none();
  SharedPortTerms terms;
  terms.principal = principal;
  terms.scopes = scopes;
  terms.cancels_on_disconnect = cancels_on_disconnect;
  terms.needs_wake = needs_wake;
  terms.requests_per_second = requests_per_second;
  terms.request_burst = request_burst;
  terms.request_entries = request_entries;
  terms.reply_entries = reply_entries;
  SharedLaneMemory requests;
  SharedLaneMemory replies;
  std::string error;
  const std::uint64_t epoch = handle.runtime->state().epoch;
  if (!requests.create("gateway.requests", request_entries, epoch, number, needs_wake, error) ||
      !replies.create("gateway.replies", reply_entries, epoch, number, false, error)) {
    throw std::runtime_error(error);
  }
  const int files[] = {duplicate(requests.descriptor()), duplicate(replies.descriptor())};
  auto port = std::make_unique<SharedPort>(terms, number, std::move(requests), std::move(replies));
  handle.runtime->run([&] { server.attach(std::move(port)); });
  return nb::make_tuple(number, files[0], files[1]);
}

nb::list shared_port_rows(EngineHandle& handle) {
  std::vector<SharedPortRow> rows;
  handle.runtime->run([&] { rows = handle.runtime->shared_ports().rows(); });
  nb::list out;
  for (const SharedPortRow& row : rows) {
    nb::dict one;
    one["number"] = row.number;
    one["principal"] = row.principal;
    one["end"] = static_cast<std::uint32_t>(row.end);
    one["is_cancelling"] = row.is_cancelling;
    one["requests"] = row.requests;
    one["replies"] = row.replies;
    one["replies_lost"] = row.replies_lost;
    one["orders_left"] = row.orders_left;
    out.append(one);
  }
  return out;
}

bool release_shared_port(EngineHandle& handle, std::uint32_t number) {
  std::unique_ptr<SharedPort> gone;
  handle.runtime->run([&] { gone = handle.runtime->shared_ports().release(number); });
  return gone != nullptr;  // unmapped here, off the engine's thread
}

}  // namespace

void bind_shared_ports(nb::class_<EngineHandle>& engine) {
  engine
      .def("open_shared_port", &open_shared_port, "principal"_a, "scopes"_a, nb::kw_only(),
           "cancels_on_disconnect"_a = false, "needs_wake"_a = false, "requests_per_second"_a = 0,
           "request_burst"_a = 0, "request_entries"_a = 1024, "reply_entries"_a = 4096)
      .def(
          "end_shared_port",
          [](EngineHandle& handle, std::uint32_t number, std::uint32_t why) {
            handle.runtime->run(
                [&] { handle.runtime->shared_ports().end(number, static_cast<PortEnd>(why)); });
          },
          "number"_a, "why"_a)
      .def("release_shared_port", &release_shared_port, "number"_a)
      .def(
          "admit_shared_ports",
          [](EngineHandle& handle, std::uint16_t refusal) {
            handle.runtime->run(
                [&] { handle.runtime->shared_ports().admit(static_cast<Refusal>(refusal)); });
          },
          "refusal"_a)
      .def("shared_ports", &shared_port_rows);
}

}  // namespace gateway
