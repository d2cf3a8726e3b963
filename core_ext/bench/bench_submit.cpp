// Submission: one at a time inline, over the lane to the pinned engine, and sustained.
#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "benches.hpp"
#include "desk.hpp"
#include "gateway_core/engine/order_template.hpp"

namespace gateway::bench {
namespace {

constexpr std::size_t kOpen = 100'000;
constexpr std::size_t kBatch = 64;

std::size_t count_of(const Place& place, double count) {
  return static_cast<std::size_t>(count * place.scale) + 1'000;
}

void expect_accepted(const Notice& notice) {
  if (notice.refusal != 0) {
    throw std::runtime_error("bench: an order was refused, code " + std::to_string(notice.refusal));
  }
}

/// Removes old segments so that the disk holds a bounded tail while the journal runs on.
class Recycler {
 public:
  explicit Recycler(std::string directory)
      : directory_(std::move(directory)), thread_([this] { run(); }) {}
  ~Recycler() {
    is_stopping_.store(true);
    thread_.join();
  }

 private:
  static constexpr std::size_t kKept = 16;

  void run() {
    while (!is_stopping_.load()) {
      step();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  void step() {
    std::vector<std::filesystem::path> segments;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
      const std::string name = entry.path().filename().string();
      const bool is_segment = name.rfind("segment-", 0) == 0;
      if (is_segment && entry.path().extension() != ".seal") segments.push_back(entry.path());
    }
    std::sort(segments.begin(), segments.end());
    for (std::size_t i = 0; i + kKept < segments.size(); ++i) {
      std::filesystem::remove(segments[i], ignored);
    }
  }

  std::string directory_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

/// Orders that stand open, oldest first, in a ring of fixed size.
struct Standing {
  OrderId id = 0;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  Side side = Side::kBuy;
};

/// One whole life: accepted by the venue, then canceled on request or filled.
void end_cycle(Desk& desk, const Standing& order, bool is_fill) noexcept {
  if (is_fill) return desk.fill(order.id, order.side, order.price, order.quantity);
  CancelMessage cancel{};
  cancel.header = {MessageKind::kCancel, 1, 0, 1, 0};
  cancel.order_id = order.id;
  keep(desk.engine().cancel(cancel, desk.client().number));
  desk.tell(RecordKind::kOrderCanceled, order.id, FactReason::kRequested);
}

Standing submit_one(Desk& desk, NewOrderMessage& message, TimeInForce tif) {
  desk.fill_order(message, tif);
  Notice notice = desk.engine().submit(message, desk.client().number);
  while (notice.refusal == static_cast<std::uint16_t>(Refusal::kJournalBehind)) {
    desk.drain();
    std::this_thread::yield();  // The disk is behind: this waiting is part of the rate.
    notice = desk.engine().submit(message, desk.client().number);
  }
  expect_accepted(notice);
  return {notice.order_id, message.price, message.quantity, message.side};
}

}  // namespace

Figures submit_latency(const Place& place) {
  Desk desk(place.desk());
  const std::size_t wanted = count_of(place, 1'000'000);
  Samples samples(wanted);
  std::vector<OrderId> open;
  open.reserve(kOpen);
  NewOrderMessage message;
  std::size_t warm = wanted / 10;
  while (!samples.is_full()) {
    desk.fill_order(message, TimeInForce::kIoc);
    const std::uint64_t begin = stamp();
    const Notice notice = desk.engine().submit(message, desk.client().number);
    const std::uint64_t end = stamp();
    expect_accepted(notice);
    if (warm != 0)
      --warm;
    else
      samples.add(begin, end);
    open.push_back(notice.order_id);
    if (open.size() % kBatch == 0) desk.drain();
    if (open.size() < kOpen / 2) continue;
    for (const OrderId id : open) {
      desk.tell(RecordKind::kOrderCanceled, id, FactReason::kTimeInForce);
      if (id % kBatch == 0) desk.drain();
    }
    open.clear();
    desk.wait_for_journal();
    desk.mark();
  }
  desk.stop();
  return {{"p50", samples.quantile_ns(0.5)},
          {"p99", samples.quantile_ns(0.99)},
          {"p999", samples.quantile_ns(0.999)}};
}

namespace {

/// What a caller without a template does for each order.
NewOrderMessage made_by_hand(std::uint64_t number, std::int64_t price,
                             std::int64_t quantity) noexcept {
  NewOrderMessage message{};
  message.header = {MessageKind::kNewOrder, 1, 0, 1, number};
  message.client_number = number;
  message.price = price;
  message.quantity = quantity;
  message.instrument = message.account = message.strategy = 1;
  message.type = OrderType::kLimit;
  message.side = Side::kBuy;
  message.time_in_force = TimeInForce::kIoc;
  return message;
}

OrderTemplate compiled(const Registry& registry) {
  OrderTemplate form;
  NewOrderMessage order = made_by_hand(0, 0, 0);
  const Holes open = holes({Hole::kQuantity, Hole::kPrice});
  if (OrderTemplate::compile(registry, order, open, form) != Refusal::kNone) {
    throw std::runtime_error("bench: the template was refused");
  }
  return form;
}

}  // namespace

Figures submit_template(const Place& place) {
  Desk desk(place.desk());
  const std::size_t wanted = count_of(place, 400'000);
  Samples by_hand(wanted);
  Samples by_template(wanted);
  const OrderTemplate form = compiled(desk.engine().state().registry);
  std::vector<OrderId> open;
  NewOrderMessage seed;
  NewOrderMessage place_of_template{};
  std::uint64_t number = 0;
  while (!by_template.is_full()) {
    desk.fill_order(seed, TimeInForce::kIoc);  // prices and quantities as in submit_ns
    ++number;
    const bool is_template = (number & 1) == 0;
    const std::uint64_t begin = stamp();
    Notice notice;
    if (is_template) {
      const HoleValues values{
          .client_number = number, .quantity = seed.quantity, .price = seed.price};
      keep(form.fill(values, number, &place_of_template));
      notice = desk.engine().submit(place_of_template, desk.client().number);
    } else {
      const NewOrderMessage message = made_by_hand(number, seed.price, seed.quantity);
      notice = desk.engine().submit(message, desk.client().number);
    }
    const std::uint64_t end = stamp();
    expect_accepted(notice);
    (is_template ? by_template : by_hand).add(begin, end);
    open.push_back(notice.order_id);
    if (open.size() % kBatch == 0) desk.drain();
    if (open.size() < kOpen / 2) continue;
    for (const OrderId id : open) {
      desk.tell(RecordKind::kOrderCanceled, id, FactReason::kTimeInForce);
      if (id % kBatch == 0) desk.drain();
    }
    open.clear();
    desk.wait_for_journal();
    desk.mark();
  }
  desk.stop();
  const double hand = by_hand.quantile_ns(0.5);
  const double filled = by_template.quantile_ns(0.5);
  return {{"generic_p50", hand}, {"template_p50", filled}, {"ratio", filled / hand}};
}

Figures submit_pinned(const Place& place) {
  Desk desk(place.desk());
  const std::size_t wanted = count_of(place, 200'000);
  Samples samples(wanted);
  if (!desk.runtime().start_pinned(place.engine_cpu)) {
    throw std::runtime_error("bench: the engine's CPU was refused");
  }
  if (place.other_cpu >= 0) (void)pin_to(place.other_cpu);
  NewOrderMessage message;
  auto& outbound = desk.venue().outbound;
  auto& notices = desk.client().notices;
  std::size_t warm = wanted / 10;
  while (!samples.is_full()) {
    desk.fill_order(message, TimeInForce::kIoc);
    const std::uint64_t begin = stamp();
    (void)desk.client().orders.push(&message);
    while (outbound.size() == 0) continue;
    const std::uint64_t end = stamp();
    if (warm != 0)
      --warm;
    else
      samples.add(begin, end);
    OutboundEntry entry;
    std::memcpy(&entry, outbound.peek(), sizeof entry);
    outbound.pop();
    FactMessage fact{};
    fact.header = {MessageKind::kFact, 2, 2, 0, 0};  // kOrderCanceled
    fact.fact.order_id = entry.order_id;
    fact.fact.cumulative = -1;
    fact.fact.reason = static_cast<std::uint32_t>(FactReason::kTimeInForce);
    (void)desk.venue().facts.push(&fact, 2);
    for (int told = 0; told < 2; ++told) {  // the verdict and the end
      while (notices.size() == 0) continue;
      notices.pop();
    }
  }
  desk.stop();
  return {{"p50", samples.quantile_ns(0.5)}, {"p99", samples.quantile_ns(0.99)}};
}

Figures sustained(const Place& place, bool has_cycles) {
  Desk desk(place.desk());
  const Recycler recycler(place.directory);
  std::vector<Standing> standing(kOpen / 2);
  NewOrderMessage message;
  const double resident_start = resident_mib();
  double resident_warm = 0;
  auto& commit = desk.runtime().journal().commit();
  std::uint64_t done = 0;
  std::uint64_t done_warm = 0;
  std::uint64_t bytes_warm = 0;
  std::int64_t begin_ns = steady_ns();
  const auto wanted_ns = static_cast<std::int64_t>(place.seconds * 1e9);
  const TimeInForce tif = has_cycles ? TimeInForce::kGtc : TimeInForce::kIoc;
  // Warm-up: every slot, index line and ring page has been used once when the clock starts.
  const std::uint64_t warm = 400'000;
  while (done < warm || steady_ns() - begin_ns < wanted_ns) {
    for (std::size_t i = 0; i < kBatch; ++i, ++done) {
      Standing& place_of_order = standing[done % standing.size()];
      if (place_of_order.id != 0) {
        if (has_cycles)
          end_cycle(desk, place_of_order, (done & 1) != 0);
        else
          desk.tell(RecordKind::kOrderCanceled, place_of_order.id, FactReason::kTimeInForce);
      }
      place_of_order = submit_one(desk, message, tif);
      if (has_cycles) desk.tell(RecordKind::kOrderAccepted, place_of_order.id);
    }
    desk.drain();
    if (done % (kBatch * 1'024) == 0) desk.mark();
    if (done == warm) {
      desk.wait_for_journal();
      resident_warm = resident_mib();
      done_warm = done;
      bytes_warm = commit.bytes_written();
      begin_ns = steady_ns();
    }
  }
  const double seconds = static_cast<double>(steady_ns() - begin_ns) / 1e9;
  const double bytes = static_cast<double>(commit.bytes_written() - bytes_warm);
  const double resident_end = resident_mib();
  desk.stop();
  return {{"per_second", static_cast<double>(done - done_warm) / seconds},
          {"seconds", seconds},
          {"record_bytes", sizeof(RecordHeader) + sizeof(OrderNew)},
          {"disk_mib_per_second", bytes / seconds / (1 << 20)},
          {"resident_mib_open", resident_start},
          {"resident_mib_start", resident_warm},
          {"resident_mib_end", resident_end}};
}

}  // namespace gateway::bench
