// The journal: single appends while the commit thread writes, and recovery of many records.
#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "benches.hpp"
#include "desk.hpp"

namespace gateway::bench {
namespace {

/// One record of 128 bytes. A full ring is waited for: that, too, is what an append costs then.
void append_one(journal::Writer& writer, std::int64_t now_ns, std::uint64_t number) noexcept {
  constexpr std::uint32_t kLength = sizeof(RecordHeader) + sizeof(Anomaly);
  static_assert(kLength == 128);
  Anomaly payload{};
  payload.order_id = number;
  std::uint8_t* record = writer.reserve(kLength);
  while (record == nullptr) record = writer.reserve(kLength);
  auto* header = reinterpret_cast<RecordHeader*>(record);
  header->length = kLength;
  header->type = static_cast<std::uint16_t>(RecordKind::kAnomaly);
  header->cause = header->origin_sequence = 0;
  header->time_ns = now_ns;
  header->actor = header->origin_port = 0;
  std::memcpy(record + sizeof(RecordHeader), &payload, sizeof payload);
  keep(writer.publish(kLength));
}

}  // namespace

Figures append(const Place& place) {
  Desk desk(place.desk());
  journal::Writer& writer = desk.engine().writer();
  Samples samples(static_cast<std::size_t>(2'000'000 * place.scale) + 10'000);
  for (std::size_t i = 0; !samples.is_full(); ++i) {
    const std::int64_t now = desk.engine().now_ns();
    const std::uint64_t begin = stamp();
    append_one(writer, now, i);
    samples.add(begin, stamp());
    if (i % 256 == 0) desk.wait_for_journal();
  }
  desk.stop();
  return {{"p50", samples.quantile_ns(0.5)},
          {"p999", samples.quantile_ns(0.999)},
          {"p9999", samples.quantile_ns(0.9999)}};
}

Figures append_paced(const Place& place) {
  Desk desk(place.desk());
  journal::Writer& writer = desk.engine().writer();
  constexpr double kPeriod_ns = 1'000;  // a million a second
  const double period_ticks = kPeriod_ns / Timer::get().ns_per_tick;
  Samples samples(static_cast<std::size_t>(3'000'000 * place.scale) + 10'000);
  desk.wait_for_journal();
  std::uint64_t late = 0;
  std::uint64_t number = 0;
  const std::uint64_t start = stamp();
  while (!samples.is_full()) {
    // The schedule is never moved: what was late is made up for, as real orders would come.
    const auto due = start + static_cast<std::uint64_t>(static_cast<double>(number) * period_ticks);
    const std::int64_t now = desk.engine().now_ns();
    std::uint64_t begin = stamp();
    late += begin > due + static_cast<std::uint64_t>(period_ticks) ? 1 : 0;
    while (begin < due) begin = stamp();
    append_one(writer, now, number++);
    samples.add(begin, stamp());
  }
  const double seconds = static_cast<double>(stamp() - start) * Timer::get().ns_per_tick / 1e9;
  desk.stop();
  return {{"p50", samples.quantile_ns(0.5)},
          {"p999", samples.quantile_ns(0.999)},
          {"p9999", samples.quantile_ns(0.9999)},
          {"per_second", static_cast<double>(number) / seconds},
          {"late_percent", 100.0 * static_cast<double>(late) / static_cast<double>(number)}};
}

Figures disk_sequential(const Place& place) {
  const std::string path = place.directory + "/sequential.probe";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto blocks = static_cast<std::int64_t>(512 * place.scale) + 16;
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  if (file < 0 || ::posix_fallocate(file, 0, blocks * static_cast<off_t>(kBlock)) != 0) {
    if (file >= 0) ::close(file);
    throw std::runtime_error("bench: no probe file in " + place.directory);
  }
  const std::vector<char> block(kBlock, 'x');
  const std::int64_t begin = steady_ns();
  bool is_whole = true;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const auto at = static_cast<off_t>(static_cast<std::size_t>(i) * kBlock);
    is_whole &= ::pwrite(file, block.data(), kBlock, at) == static_cast<ssize_t>(kBlock);
    if (i % 16 == 15) is_whole &= ::fdatasync(file) == 0;  // as the commit thread groups its own
  }
  is_whole &= ::fdatasync(file) == 0;
  const double seconds = static_cast<double>(steady_ns() - begin) / 1e9;
  ::close(file);
  ::unlink(path.c_str());
  if (!is_whole) throw std::runtime_error("bench: the probe file could not be written");
  return {{"mib_per_second", static_cast<double>(blocks) / seconds}};
}

// Of four records two are submits, one is an acknowledgement, one a fill: every other order is
// acknowledged and rests, the others are filled before anything else is heard of them.
Figures recover(const Place& place, std::uint64_t records) {
  std::uint64_t counts[3] = {};
  DeskOptions options = place.desk();
  options.open_orders_side_max = 100'000'000;
  const std::uint64_t orders = records / 4 + 65'536;  // what rests, and what is being filled
  options.orders_max = std::max(options.orders_max, static_cast<std::uint32_t>(orders));
  {
    Desk desk(options);
    NewOrderMessage message;
    while (desk.engine().writer().next_sequence() <= records) {
      for (int i = 0; i < 64; ++i) {
        desk.fill_order(message);
        const Notice made = desk.engine().submit(message, desk.client().number);
        if (made.refusal != 0)
          throw std::runtime_error("bench: refused " + std::to_string(made.refusal));
        if (i % 2 == 0) {
          desk.tell(RecordKind::kOrderAccepted, made.order_id);
        } else {
          desk.fill(made.order_id, message.side, message.price, message.quantity);
        }
      }
      desk.drain();
      desk.wait_for_journal();
      desk.mark();
    }
    for (const RecordKind kind :
         {RecordKind::kOrderNew, RecordKind::kOrderAccepted, RecordKind::kOrderFilled}) {
      counts[static_cast<int>(kind == RecordKind::kOrderAccepted) +
             2 * static_cast<int>(kind == RecordKind::kOrderFilled)] =
          desk.state().counts[static_cast<int>(kind) & 63];
    }
    if (!desk.stop()) throw std::runtime_error("bench: the journal did not close");
  }
  Desk again(options);
  const double open = again.state().orders.open_count();
  const auto& report = again.runtime().journal().recovery();
  const double seconds = again.runtime().recovery_seconds();
  const auto total = static_cast<double>(report.records);
  again.stop();
  return {{"records", total},
          {"new", static_cast<double>(counts[0])},
          {"accepted", static_cast<double>(counts[1])},
          {"filled", static_cast<double>(counts[2])},
          {"open", open},
          {"bytes", static_cast<double>(report.end.position)},
          {"seconds", seconds}};
}

}  // namespace gateway::bench
