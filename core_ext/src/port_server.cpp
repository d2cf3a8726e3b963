// Polling, judging and ending of shared-memory ports.
#include "gateway_core/engine/port_server.hpp"

#include <algorithm>
#include <utility>

#include "gateway_core/engine/engine.hpp"

namespace gateway {
namespace {

constexpr std::size_t kRequestsPerPort = 64;  // in one turn; then the next port is looked at
constexpr std::int64_t kCancelPeriod_ns = 10'000'000;
constexpr std::int64_t kCancelLongest_ns = 60'000'000'000;

/// Whether a text is 1 to 64 printable characters without space, and nothing behind its end.
[[nodiscard]] bool is_client_id(const ClientId& id) noexcept {
  const std::size_t length = id.view().size();
  for (std::size_t i = 0; i < ClientId::kCapacity; ++i) {
    const char c = id.bytes[i];
    if (i < length ? (c <= ' ' || c > '~') : c != 0) return false;
  }
  return length != 0;
}

template <typename Field>
[[nodiscard]] bool is_zero(const Field& field) noexcept {
  static_assert(sizeof(Field) <= kEntryBytes);
  static constexpr std::byte kZeros[kEntryBytes] = {};
  return std::memcmp(&field, kZeros, sizeof field) == 0;
}

/// A text id is well formed, and one that is not said to be there is not there.
[[nodiscard]] bool is_text_good(const ClientId& id) noexcept {
  return is_zero(id) || is_client_id(id);
}

/// What this layout reserves must be zero, so that a later one may give it a meaning.
[[nodiscard]] Refusal check_form(const AnyMessage& message) noexcept {
  const MessageHeader& header = message.header();
  bool is_known = true;
  bool is_text = true;
  switch (header.kind) {
    case MessageKind::kNewOrder: {
      const auto& order = message.as<NewOrderMessage>();
      // Said once for the whole port, at its login.
      if ((order.flags & kCancelOnDisconnect) != 0) return Refusal::kUnsupportedFlag;
      is_known = header.detail == 0 && is_zero(order.reserved_bytes) && is_zero(order.reserved) &&
                 is_zero(order.reserved_tail);
      is_text = header.entries == 1 || is_client_id(order.client_id);
      break;
    }
    case MessageKind::kCancel: {
      const auto& cancel = message.as<CancelMessage>();
      is_known = header.detail == 0 && cancel.reason == CancelReason{} && is_zero(cancel.reserved);
      break;
    }
    case MessageKind::kReplace: {
      const auto& change = message.as<ReplaceMessage>();
      is_known = header.detail == 0 && is_zero(change.reserved);
      is_text = is_text_good(change.client_id);
      break;
    }
    case MessageKind::kMassCancel: {
      const auto& mass = message.as<MassCancelMessage>();
      is_known = header.detail == 0 && mass.origin_port == 0 && mass.reserved_word == 0 &&
                 mass.reason == CancelReason{} && is_zero(mass.reserved);
      break;
    }
    default: {  // a query, or a ping, which is an empty one
      const auto& query = message.as<QueryMessage>();
      is_known = header.detail <= kQueryAllOpen && is_zero(query.reserved);
      is_text = is_text_good(query.client_id);
    }
  }
  if (!is_known || header.principal != 0) return Refusal::kUnknownField;
  return is_text ? Refusal::kNone : Refusal::kBadClientId;
}

/// The kind of a reply that refuses a request of this kind.
[[nodiscard]] std::uint16_t refused_kind(MessageKind kind) noexcept {
  switch (kind) {
    case MessageKind::kNewOrder:
      return static_cast<std::uint16_t>(RecordKind::kOrderRefused);
    case MessageKind::kReplace:
      return static_cast<std::uint16_t>(RecordKind::kReplaceRejected);
    case MessageKind::kQuery:
      return static_cast<std::uint16_t>(ReplyKind::kOrderImage);
    case MessageKind::kPing:
      return static_cast<std::uint16_t>(ReplyKind::kPong);
    default:
      return static_cast<std::uint16_t>(RecordKind::kCancelRejected);
  }
}

[[nodiscard]] PortReply reply_of(const Notice& notice, const Order* order) noexcept {
  PortReply out{};
  out.notice = notice;
  if (order == nullptr) return out;
  const auto value = static_cast<unsigned __int128>(order->value_e18);
  out.client_number = order->client_number;
  out.price = order->price;
  out.quantity = order->quantity;
  out.cumulative = order->cumulative;
  out.value_low = static_cast<std::uint64_t>(value);
  out.value_high = static_cast<std::int64_t>(value >> 64);
  out.instrument = order->instrument;
  out.state = order->state;
  out.overlay = order->overlay;
  out.side = static_cast<std::uint8_t>(order->side);
  out.type = static_cast<std::uint8_t>(order->type);
  out.account = order->account;
  out.strategy = order->strategy;
  return out;
}

[[nodiscard]] PortEnd end_of(Take fault) noexcept {
  switch (fault) {
    case Take::kBadIndex:
      return PortEnd::kBadIndex;
    case Take::kBadKind:
      return PortEnd::kBadKind;
    default:
      return PortEnd::kBadLength;
  }
}

}  // namespace

SharedPort::SharedPort(const SharedPortTerms& port_terms, std::uint32_t port_number,
                       SharedLaneMemory requests_lane, SharedLaneMemory replies_lane) noexcept
    : terms(port_terms),
      number(port_number),
      request_memory(std::move(requests_lane)),
      reply_memory(std::move(replies_lane)),
      rate(Rate::of(port_terms.requests_per_second, port_terms.request_burst == 0
                                                        ? port_terms.requests_per_second
                                                        : port_terms.request_burst)) {}

PortServer::PortServer(Engine& engine) noexcept : engine_(engine) {}

std::uint32_t PortServer::next_number() const noexcept {
  constexpr std::uint32_t kGenerations = (~kFirstNumber + 1U) / kPortsMax;
  if (generation_ >= kGenerations) return 0;
  for (std::uint32_t place = 0; place < kPortsMax; ++place) {
    if (ports_[place] == nullptr) {
      return kFirstNumber + generation_ * static_cast<std::uint32_t>(kPortsMax) + place;
    }
  }
  return 0;
}

void PortServer::attach(std::unique_ptr<SharedPort> port) noexcept {
  ++generation_;
  port->epoch = engine_.state().epoch;
  auto& place = ports_[port->number % kPortsMax];
  place = std::move(port);
  list_ports();
}

void PortServer::list_ports() noexcept {
  ports_in_use_ = 0;
  for (const auto& port : ports_) {
    if (port != nullptr) listed_[ports_in_use_++] = port.get();
  }
}

SharedPort* PortServer::find(std::uint32_t number) const noexcept {
  SharedPort* port = ports_[number % kPortsMax].get();
  return port != nullptr && port->number == number ? port : nullptr;
}

void PortServer::end(std::uint32_t number, PortEnd why) noexcept {
  SharedPort* port = find(number);
  if (port == nullptr || port->end != PortEnd::kNone) return;
  if (why == PortEnd::kClient) drain(*port);
  finish(*port, why);
}

void PortServer::drain(SharedPort& port) noexcept {
  // At most what fits into the lane: a client that closed its socket may still be publishing.
  for (std::size_t left = port.request_memory.capacity(); left != 0;) {
    const std::size_t done = poll_port(port, left);
    if (done == 0) return;
    left -= std::min(left, done);
  }
}

std::unique_ptr<SharedPort> PortServer::release(std::uint32_t number) noexcept {
  SharedPort* port = find(number);
  if (port == nullptr || port->end == PortEnd::kNone || port->is_cancelling) return nullptr;
  std::unique_ptr<SharedPort> out = std::exchange(ports_[number % kPortsMax], nullptr);
  list_ports();
  return out;
}

std::vector<SharedPortRow> PortServer::rows() const {
  std::vector<SharedPortRow> out;
  for (const auto& port : ports_) {
    if (port == nullptr) continue;
    out.push_back({port->number, port->terms.principal, port->end, port->is_cancelling,
                   port->requests, port->writer.count(), port->writer.overruns(),
                   port->orders_left});
  }
  return out;
}

std::size_t PortServer::poll_ports(std::size_t limit) noexcept {
  std::size_t done = 0;
  if (++first_polled_ >= ports_in_use_) first_polled_ = 0;
  for (std::size_t i = 0; i < ports_in_use_; ++i) {
    const std::size_t place = first_polled_ + i;
    SharedPort* port = listed_[place < ports_in_use_ ? place : place - ports_in_use_];
    if (port->is_cancelling) {
      if (engine_.now_ns() >= port->cancel_due_ns) cancel_own(*port);
    } else if (port->end == PortEnd::kNone && done < limit) {
      done += poll_port(*port, std::min(limit - done, kRequestsPerPort));
    }
  }
  return done;
}

std::size_t PortServer::poll_port(SharedPort& port, std::size_t limit) noexcept {
  AnyMessage message;
  std::size_t done = 0;
  Take taken = Take::kNothing;
  while (done < limit && port.end == PortEnd::kNone &&
         (taken = port.reader.take(message)) == Take::kMessage) {
    ++done;
    port.writer.prefetch();
    const bool is_long = message.header().kind == MessageKind::kMassCancel ||
                         message.header().detail == kQueryAllOpen;
    handle(port, message);
    if (is_long) break;  // A walk over all open orders is enough for one turn.
  }
  port.requests += done;
  if (done != 0) port.reader.release();
  if (port.end != PortEnd::kNone) return done;
  if (taken != Take::kNothing && taken != Take::kMessage) finish(port, end_of(taken));
  if (port.writer.is_broken()) finish(port, PortEnd::kBadIndex);
  return done;
}

Refusal PortServer::check_rate(SharedPort& port) noexcept {
  if (port.rate.interval_ns == 0) return Refusal::kNone;
  const std::int64_t now = engine_.now_ns();
  if (port.limit.has_token(now, port.rate)) {
    port.limit.take(now, port.rate);
    port.throttled = 0;
    return Refusal::kNone;
  }
  if (++port.throttled >= kThrottledMax) finish(port, PortEnd::kTooFast);
  return Refusal::kTooManyRequests;
}

Refusal PortServer::check(SharedPort& port, const AnyMessage& message) noexcept {
  if (const Refusal found = check_rate(port); found != Refusal::kNone) return found;
  const auto needs = [&](std::uint32_t scope) {
    return (port.terms.scopes & scope) != 0 ? Refusal::kNone : Refusal::kNotPermitted;
  };
  Refusal found = Refusal::kNone;
  switch (message.header().kind) {
    case MessageKind::kNewOrder:
    case MessageKind::kReplace:
      found = needs(kScopeTrade);
      if (found == Refusal::kNone && message.header().kind == MessageKind::kNewOrder &&
          message.as<NewOrderMessage>().overrides != 0) {
        found = needs(kScopeOverride);
      }
      if (found == Refusal::kNone) found = admission_;
      break;
    case MessageKind::kCancel:
    case MessageKind::kMassCancel:
      found = needs(kScopeCancel);
      break;
    case MessageKind::kQuery:
      found = needs(kScopeRead);
      break;
    default:
      break;
  }
  return found != Refusal::kNone ? found : check_form(message);
}

void PortServer::handle(SharedPort& port, AnyMessage& message) noexcept {
  const Refusal found = check(port, message);
  if (found != Refusal::kNone) return refuse(port, message.header(), found);
  // The message is this engine's own copy; the client's word about who it is counts for nothing.
  auto& header = *reinterpret_cast<MessageHeader*>(message.bytes);
  header.principal = port.terms.principal;
  switch (header.kind) {
    case MessageKind::kNewOrder: {
      auto& order = *reinterpret_cast<NewOrderMessage*>(message.bytes);
      if (port.terms.cancels_on_disconnect) order.flags |= kCancelOnDisconnect;
      engine_.submit(order, port.number);
      return;
    }
    case MessageKind::kCancel:
      engine_.cancel(message.as<CancelMessage>(), port.number);
      return;
    case MessageKind::kReplace:
      engine_.replace(message.as<ReplaceMessage>(), port.number);
      return;
    case MessageKind::kMassCancel: {
      MassCancelMessage mass = message.as<MassCancelMessage>();
      mass.reason = CancelReason::kMassCancel;
      engine_.mass_cancel(mass, port.number);
      return;
    }
    case MessageKind::kQuery:
      return answer_query(port, message.as<QueryMessage>());
    default: {
      Notice pong{};
      pong.sequence = engine_.writer().next_sequence() - 1;
      pong.request = header.request;
      pong.kind = static_cast<std::uint16_t>(ReplyKind::kPong);
      (void)port.writer.push(reply_of(pong, nullptr));
    }
  }
}

void PortServer::refuse(SharedPort& port, const MessageHeader& header, Refusal refusal) noexcept {
  Notice no{};
  no.request = header.request;
  no.kind = refused_kind(header.kind);
  no.refusal = static_cast<std::uint16_t>(refusal);
  (void)port.writer.push(reply_of(no, nullptr));
}

void PortServer::answer(std::uint32_t number, const Notice& notice) noexcept {
  SharedPort* port = find(number);
  if (port == nullptr || port->end != PortEnd::kNone) return;
  State& state = engine_.state();
  const std::uint32_t slot = notice.order_id == 0 ? kNoSlot : state.orders.find(notice.order_id);
  const Order* order = slot == kNoSlot ? nullptr : &state.orders.at(slot);
  if (order != nullptr) {
    const bool is_foreign = order->principal != port->terms.principal;
    // A port of an earlier boot may have had this number: what became of its order is not for this
    // one, and nobody here asked.
    const bool is_namesake = order->origin_port == number && !port->is_origin_of(*order);
    if (notice.request == 0 && (is_foreign || is_namesake)) return;
    if (is_foreign && notice.refusal != 0) order = nullptr;  // A refusal tells nothing of it.
  }
  (void)port->writer.push(reply_of(notice, order));
}

void PortServer::tell(const Order& order, const Notice& notice) noexcept {
  for (std::size_t i = 0; i < ports_in_use_; ++i) {
    SharedPort* port = listed_[i];
    if (port->end != PortEnd::kNone) continue;
    if (port->terms.principal != order.principal) continue;
    if ((port->terms.scopes & kScopeRead) != 0 || port->is_origin_of(order)) {
      (void)port->writer.push(reply_of(notice, &order));
    }
  }
}

void PortServer::send_image(SharedPort& port, const Order& order, std::uint64_t request) noexcept {
  Notice image{};
  image.sequence = order.sequence;
  image.request = request;
  image.order_id = order.order_id;
  image.kind = static_cast<std::uint16_t>(ReplyKind::kOrderImage);
  (void)port.writer.push(reply_of(image, &order));
}

void PortServer::answer_query(SharedPort& port, const QueryMessage& query) noexcept {
  if (query.header.detail == kQueryAllOpen) return send_all_open(port, query.header.request);
  State& state = engine_.state();
  OrderId id = query.order_id;
  if (id == 0 && query.client_number != 0) {
    id = engine_.order_of_number(port.terms.principal, query.client_number);
  } else if (id == 0 && !query.client_id.empty()) {
    id = state.names.find_text(port.terms.principal, query.client_id);
  }
  const std::uint32_t slot = id == 0 ? kNoSlot : state.orders.find(id);
  if (slot == kNoSlot || state.orders.at(slot).principal != port.terms.principal) {
    return refuse(port, query.header, Refusal::kUnknownOrder);
  }
  send_image(port, state.orders.at(slot), query.header.request);
}

void PortServer::send_all_open(SharedPort& port, std::uint64_t request) noexcept {
  std::int64_t sent = 0;
  std::int64_t left_out = 0;
  State& state = engine_.state();
  state.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state.orders.at(slot);
    if (order.principal != port.terms.principal) return;
    // The last place is for the end: a snapshot that is cut says so instead of being a gap.
    if (port.writer.free_entries() < 2) {
      ++left_out;
      return;
    }
    send_image(port, order, request);
    ++sent;
  });
  Notice end{};
  end.sequence = engine_.writer().next_sequence() - 1;
  end.request = request;
  end.kind = static_cast<std::uint16_t>(ReplyKind::kImagesEnd);
  end.current = sent;
  end.would_be = left_out;
  (void)port.writer.push(reply_of(end, nullptr));
}

void PortServer::finish(SharedPort& port, PortEnd why) noexcept {
  if (port.end != PortEnd::kNone) return;
  port.end = why;
  port.request_memory.tell_end(why);
  port.reply_memory.tell_end(why);
  if (!port.terms.cancels_on_disconnect) return;
  port.is_cancelling = true;
  port.cancel_until_ns = engine_.now_ns() + kCancelLongest_ns;
  cancel_own(port);
}

void PortServer::cancel_own(SharedPort& port) noexcept {
  std::uint64_t left = 0;
  State& state = engine_.state();
  state.orders.for_each_open([&](std::uint32_t slot) {
    const Order& order = state.orders.at(slot);
    if (!port.is_origin_of(order)) return;
    CancelMessage wish{};
    wish.header = {MessageKind::kCancel, 1, 0, port.terms.principal, 0};
    wish.order_id = order.order_id;
    wish.reason = CancelReason::kDisconnect;
    switch (static_cast<Refusal>(engine_.cancel(wish, port.number).refusal)) {
      case Refusal::kVenueQueueFull:
      case Refusal::kJournalBehind:
      case Refusal::kVenueDown:
      case Refusal::kThrottled:
        ++left;  // has room later
        return;
      default:
        return;  // sent, on its way already, ended meanwhile, or not permitted
    }
  });
  const std::int64_t now = engine_.now_ns();
  port.orders_left = left;
  port.cancel_due_ns = now + kCancelPeriod_ns;
  port.is_cancelling = left != 0 && now < port.cancel_until_ns;
}

}  // namespace gateway
