// The journal: single appends while the commit thread writes, and recovery of many records.
#include <stdexcept>
#include <thread>

#include "benches.hpp"
#include "desk.hpp"

namespace gateway::bench {
Figures append(const Place& place) {
  Desk desk(place.desk());
  journal::Writer& writer = desk.engine().writer();
  constexpr std::uint32_t kLength = sizeof(RecordHeader) + sizeof(Anomaly);
  Anomaly payload{};
  Samples samples(static_cast<std::size_t>(2'000'000 * place.scale) + 10'000);
  for (std::size_t i = 0; !samples.is_full(); ++i) {
    const std::int64_t now = desk.engine().now_ns();
    payload.order_id = i;
    const std::uint64_t begin = stamp();
    std::uint8_t* record = writer.reserve(kLength);
    auto* header = reinterpret_cast<RecordHeader*>(record);
    header->length = kLength;
    header->type = static_cast<std::uint16_t>(RecordKind::kAnomaly);
    header->cause = header->origin_sequence = 0;
    header->time_ns = now;
    header->actor = header->origin_port = 0;
    std::memcpy(record + sizeof(RecordHeader), &payload, sizeof payload);
    keep(writer.publish(kLength));
    samples.add(begin, stamp());
    if (i % 256 == 0) desk.wait_for_journal();
  }
  desk.stop();
  return {{"p50", samples.quantile_ns(0.5)},
          {"p999", samples.quantile_ns(0.999)},
          {"p9999", samples.quantile_ns(0.9999)}};
}

// Half the orders end by one fill, half by cancel: new, accepted, then filled or canceled.
Figures recover(const Place& place, std::uint64_t records) {
  std::uint64_t counts[3] = {};
  {
    Desk desk(place.desk());
    NewOrderMessage message;
    while (desk.engine().writer().next_sequence() <= records) {
      for (int i = 0; i < 64; ++i) {
        desk.fill_order(message);
        const Notice made = desk.engine().submit(message, desk.client().number);
        if (made.refusal != 0)
          throw std::runtime_error("bench: refused " + std::to_string(made.refusal));
        desk.tell(RecordKind::kOrderAccepted, made.order_id);
        if (i % 2 == 0) {
          desk.fill(made.order_id, message.side, message.price, message.quantity);
        } else {
          desk.tell(RecordKind::kOrderCanceled, made.order_id, FactReason::kRequested);
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
  Desk again(place.desk());
  const auto& report = again.runtime().journal().recovery();
  const double seconds = again.runtime().recovery_seconds();
  const auto total = static_cast<double>(report.records);
  again.stop();
  return {{"records", total},
          {"new", static_cast<double>(counts[0])},
          {"accepted", static_cast<double>(counts[1])},
          {"filled", static_cast<double>(counts[2])},
          {"canceled", static_cast<double>(counts[0] - counts[2])},
          {"bytes", static_cast<double>(report.end.position)},
          {"seconds", seconds}};
}

}  // namespace gateway::bench
