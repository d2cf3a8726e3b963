// Guards and linked orders: groups are seen by the duplicate window and by the size memory, and no
// guard that is meant for what a desk takes on holds back the way out.
#include "linked_desk.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::int64_t kMs = 1'000'000;

void set_duplicate_window(World& world, std::uint32_t window_ms) {
  LimitsSet limits{};
  limits.level = static_cast<std::uint32_t>(Level::kStrategy);
  limits.id = 1;
  limits.version = 2;
  limits.fields = world.engine.state().registry.level(Level::kStrategy, 1).limits;
  limits.fields.duplicate_window_ms = window_ms;
  limits.actor.assign("ops");
  world.engine.record_control(RecordKind::kLimitsSet, limits);
}

void set_guards(World& world, const GuardFields& fields) {
  GuardsSet guards{};
  guards.level = static_cast<std::uint32_t>(Level::kFirm);
  guards.fields = fields;
  world.engine.record_control(RecordKind::kGuardsSet, guards);
}

void refuse_self_trades(World& world) {
  GuardFields fields{};
  fields.self_trade_refused = 1;
  set_guards(world, fields);
}

/// Teaches the route that its orders are worth `quantity` at 100.00.
void make_usual(Desk& desk, std::int64_t quantity) {
  for (std::uint32_t i = 0; i < SizeMemory::kOrdersMin; ++i) {
    CHECK_EQUAL(desk.engine.submit(desk.world.order(Side::kBuy, quantity), 1).refusal, 0);
    desk.world.drain();
  }
}

const SizeMemory& sizes(Desk& desk) { return desk.state.routes.at(0).sizes; }

}  // namespace

TEST(a_group_sent_twice_within_the_window_is_a_duplicate_by_any_of_its_first_orders) {
  Desk desk;
  set_duplicate_window(desk.world, 1'000);
  CHECK(desk.submit(LinkKind::kBracket, desk.bracket()) != 0);
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, desk.bracket()), 0U);
  CHECK(desk.last_refusal == Refusal::kDuplicateOrder);
  // Another entry with the same exits is another intent.
  auto other = desk.bracket();
  other[0].price = 10'001;
  CHECK(desk.submit(LinkKind::kBracket, other) != 0);
  CHECK(desk.submit(LinkKind::kOneCancelsOther, desk.pair()) != 0);
  auto half = desk.pair();
  half[0].price = 10'501;
  CHECK_EQUAL(desk.submit(LinkKind::kOneCancelsOther, half), 0U);
  CHECK(desk.last_refusal == Refusal::kDuplicateOrder);
  desk.advance(1'000 * kMs);
  CHECK(desk.submit(LinkKind::kBracket, desk.bracket()) != 0);
}

TEST(a_plain_order_and_a_member_of_a_group_see_each_other) {
  Desk desk;
  set_duplicate_window(desk.world, 1'000);
  CHECK(desk.submit(LinkKind::kBracket, desk.bracket()) != 0);
  const auto plain = [&](std::size_t place) {
    return desk.engine.submit(desk.bracket()[place], 1).refusal;
  };
  CHECK_EQUAL(plain(0), static_cast<int>(Refusal::kDuplicateOrder));
  CHECK_EQUAL(plain(1), 0);  // the exit waits here: nothing like it was sent
  desk.advance(2'000 * kMs);
  CHECK_EQUAL(plain(0), 0);
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, desk.bracket()), 0U);
  CHECK(desk.last_refusal == Refusal::kDuplicateOrder);
}

TEST(an_exit_is_never_a_duplicate_but_what_repeats_it_is) {
  Desk desk;
  set_duplicate_window(desk.world, 1'000);
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  CHECK_EQUAL(desk.engine.submit(desk.bracket()[1], 1).refusal, 0);  // the exit's twin was first
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {{kNew, head + 1, kQuantity}, {kNew, head + 2, kQuantity}});
  CHECK_EQUAL(desk.engine.submit(desk.bracket()[2], 1).refusal,
              static_cast<int>(Refusal::kDuplicateOrder));
}

TEST(members_of_a_group_make_what_is_usual_and_are_held_against_it) {
  Desk desk;
  GuardFields fields{};
  fields.fat_finger_soft = 6;
  set_guards(desk.world, fields);
  for (int i = 0; i < 16; ++i) CHECK(desk.submit(LinkKind::kOneCancelsOther, desk.pair()) != 0);
  CHECK_EQUAL(sizes(desk).orders, SizeMemory::kOrdersMin);
  CHECK(sizes(desk).mean_e4 > 0);
  auto large = desk.pair();
  for (auto& leg : large) leg.quantity = 20 * kQuantity;
  CHECK_EQUAL(desk.submit(LinkKind::kOneCancelsOther, large), 0U);
  CHECK(desk.last_refusal == Refusal::kFatFingerWarning);
}

TEST(a_group_of_unequal_orders_passes_whole_though_its_first_one_makes_smaller_ones_usual) {
  Desk desk;
  GuardFields fields{};
  fields.fat_finger_soft = 6;
  set_guards(desk.world, fields);
  make_usual(desk, kQuantity);
  const std::int64_t edge = sizes(desk).max_e4(6);
  auto pair = desk.pair();
  pair[0].quantity = 1;
  pair[1] = desk.leg(Side::kSell, 10'500, OrderType::kLimit, edge / 100'000 * kQuantity);
  while (desk.submit(LinkKind::kOneCancelsOther, pair) == 0) {
    CHECK(pair[1].quantity > kQuantity);
    pair[1].quantity -= kQuantity / 10;
    for (auto& leg : pair) leg.client_number = leg.header.request = ++desk.world.number;
  }
  EXPECT_SENT(desk,
              {{kNew, desk.last_head(2), 1}, {kNew, desk.last_head(2) + 1, pair[1].quantity}});
  CHECK(sizes(desk).max_e4(6) < edge + edge / 2);
}

TEST(the_exits_of_an_entry_that_was_meant_so_large_are_not_held_back_for_their_size) {
  Desk desk;
  GuardFields fields{};
  fields.fat_finger_soft = 6;
  set_guards(desk.world, fields);
  make_usual(desk, kQuantity);
  PrincipalDefined principal = desk.state.registry.principals.at(1).definition;
  ++principal.version;
  principal.scopes |= kScopeOverride;
  desk.engine.record_control(RecordKind::kPrincipalDefined, principal);
  auto large = desk.bracket();
  for (auto& leg : large) leg.quantity = 20 * kQuantity;
  CHECK_EQUAL(desk.submit(LinkKind::kBracket, large), 0U);
  CHECK(desk.last_refusal == Refusal::kFatFingerWarning);
  large = desk.bracket();
  for (auto& leg : large) leg.quantity = 20 * kQuantity;
  large[0].overrides = kOverrideSize;
  const OrderId head = desk.submit(LinkKind::kBracket, large);
  CHECK(head != 0);
  desk.accept(head);
  (void)desk.sent();
  desk.fill(head, 20 * kQuantity);
  EXPECT_SENT(desk, {{kNew, head + 1, 20 * kQuantity}, {kNew, head + 2, 20 * kQuantity}});
  CHECK(desk.told().empty());
}

TEST(an_own_order_does_not_hold_back_the_stop_of_a_bracket_nor_does_its_own_entry) {
  Desk desk;
  refuse_self_trades(desk.world);
  NewOrderMessage bid = desk.world.order(Side::kBuy);
  bid.price = 9'400;  // between the stop and the price that protects it
  CHECK_EQUAL(desk.engine.submit(bid, 1).refusal, 0);
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  (void)desk.sent();
  desk.fill(head, kQuantity / 2);  // the rest of the entry is an own order, too
  EXPECT_SENT(desk, {{kNew, head + 1, kQuantity / 2}, {kNew, head + 2, kQuantity / 2}});
  desk.accept(head + 1);
  desk.accept(head + 2);
  desk.fill(head, kQuantity / 2);
  EXPECT_SENT(desk, {{kResize, head + 1, kQuantity}, {kResize, head + 2, kQuantity}});
  CHECK(desk.told().empty());
}

TEST(a_limit_exit_that_would_trade_with_an_own_order_at_once_waits_until_that_is_gone) {
  Desk desk;
  refuse_self_trades(desk.world);
  NewOrderMessage bid = desk.world.order(Side::kBuy);
  bid.price = 10'600;
  const OrderId in_the_way = desk.engine.submit(bid, 1).order_id;
  const OrderId head = desk.submit(LinkKind::kBracket, desk.bracket());
  desk.accept(head);
  (void)desk.sent();
  desk.fill(head, kQuantity);
  EXPECT_SENT(desk, {{kNew, head + 2, kQuantity}});  // the stop protects meanwhile
  CHECK(desk.told() == (std::vector<Refusal>{Refusal::kSelfTrade}));
  desk.tell(RecordKind::kOrderCanceled, in_the_way);
  desk.advance(5'000 * kMs);
  desk.settle();
  desk.settle();
  EXPECT_SENT(desk, {{kNew, head + 1, kQuantity}});
}

TEST(a_stop_that_only_reduces_passes_an_own_order_and_one_that_opens_does_not) {
  Desk desk;
  refuse_self_trades(desk.world);
  const Notice entry = desk.engine.submit(desk.world.order(Side::kBuy), 1);
  desk.engine.on_fill(desk.world.fill(entry.order_id, Side::kBuy, kQuantity));
  NewOrderMessage bid = desk.world.order(Side::kBuy);
  bid.price = 9'400;
  CHECK_EQUAL(desk.engine.submit(bid, 1).refusal, 0);
  const auto stop = [&](std::uint8_t flags) {
    NewOrderMessage out = desk.leg(Side::kSell, 9'500, OrderType::kStop);
    out.flags = flags;
    return desk.engine.submit(out, 1);
  };
  CHECK_EQUAL(stop(0).refusal, static_cast<int>(Refusal::kSelfTrade));
  const Notice way_out = stop(kReduceOnly);
  CHECK_EQUAL(way_out.refusal, 0);
  desk.accept(way_out.order_id);
  ReplaceMessage less{};
  less.header = {MessageKind::kReplace, 1, 0, 1, ++desk.world.number};
  less.order_id = way_out.order_id;
  less.quantity = kQuantity / 2;
  CHECK_EQUAL(desk.engine.replace(less, 1).refusal, 0);
  NewOrderMessage limit = desk.leg(Side::kSell, 9'300);
  limit.flags = kReduceOnly;
  CHECK_EQUAL(desk.engine.submit(limit, 1).refusal, static_cast<int>(Refusal::kWouldIncrease));
  limit = desk.leg(Side::kSell, 9'300, OrderType::kLimit, kQuantity / 2);
  CHECK_EQUAL(desk.engine.submit(limit, 1).refusal, static_cast<int>(Refusal::kSelfTrade));
}
