// What this kernel would allow, asked now. A mechanism without a backend is a slot: it is listed
// with what is missing and never pretended.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "gateway_core/platform/topology.hpp"
#include "gateway_core/transport/io_uring.hpp"
#include "gateway_core/transport/transport.hpp"

namespace gateway::transport {
namespace {

constexpr int kFamilyXdp = 44;  // AF_XDP, which not every build machine names

Mechanism epoll() {
  Mechanism out{.name = "epoll", .is_built = true};
  const auto made = make_epoll_transport({.connections_max = 1}, out.reason);
  out.is_available = made != nullptr;
  if (out.is_available) out.reason = "the default";
  return out;
}

Mechanism io_uring() {
  Mechanism out{.name = "io_uring", .is_built = true};
  IoUring ring;
  out.is_available = ring.open(8, 16, out.reason);
  if (out.is_available) out.reason = "set up and probed";
  return out;
}

Mechanism af_xdp() {
  Mechanism out{.name = "af_xdp"};
  const int fd = ::socket(kFamilyXdp, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    ::close(fd);
    out.is_available = true;
    out.reason = "the kernel gives the socket; this gateway has no backend for it";
  } else if (errno == EAFNOSUPPORT) {
    out.reason = "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)";
  } else if (errno == EPERM) {
    out.reason = "AF_XDP needs CAP_NET_RAW";
  } else {
    out.reason = std::string("socket(AF_XDP): ") + std::strerror(errno);
  }
  return out;
}

Mechanism dpdk() {
  Mechanism out{.name = "dpdk"};
  const platform::KernelText text;
  const auto reserved = text.read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
  if (!reserved || std::atoll(reserved->c_str()) == 0) out.reason = "no huge pages are reserved";
  if (::access("/dev/vfio/vfio", F_OK) != 0) {
    if (!out.reason.empty()) out.reason += "; ";
    out.reason += "no /dev/vfio/vfio to hand a network card to a process";
  }
  out.is_available = out.reason.empty();
  if (out.is_available) out.reason = "the kernel has what it needs; this gateway has no backend";
  return out;
}

}  // namespace

std::vector<Mechanism> mechanisms() { return {epoll(), io_uring(), af_xdp(), dpdk()}; }

}  // namespace gateway::transport
