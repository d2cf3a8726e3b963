// The gate fails closed; own prices are a bound that is made exact before it refuses; guards and
// what they were told survive replay and snapshots.
#include "../check.hpp"
#include "../random.hpp"
#include "engine_world.hpp"

using namespace desk;  // NOLINT

namespace {

int refusal(const Notice& notice) { return notice.refusal; }
constexpr int code(Refusal refusal) { return static_cast<int>(refusal); }

/// Limits beyond any sum, as a record may carry them though no command sets them.
void set_endless_limits(World& world) {
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    LimitsSet limits{};
    limits.level = level;
    limits.id = level == static_cast<std::uint32_t>(Level::kFirm) ? 0 : 1;
    limits.version = 2;
    LimitFields& fields = limits.fields;
    fields.order_quantity_max_e8 = fields.position_long_max_e8 = fields.position_short_max_e8 =
        fields.order_notional_max_e4 = fields.gross_exposure_max_e4 = fields.net_exposure_max_e4 =
            fields.credit_max_e4 = INT64_MAX;
    fields.collar_bps = 1000;
    fields.reference_age_ms_max = 1'000'000;
    fields.orders_per_second = fields.order_burst = fields.open_orders_side_max = 1'000'000;
    world.engine.record_control(RecordKind::kLimitsSet, limits);
  }
}

/// Worth the largest amount there is.
constexpr std::int64_t kHugePrice = 1'000'000'000'000'000;
NewOrderMessage huge(World& world) {
  NewOrderMessage message = world.order(Side::kBuy, 1'000'000'000'000);
  message.price = kHugePrice;
  return message;
}

void mark_huge(World& world) {
  MarkMessage mark{};
  mark.instrument = 1;
  mark.scale = 2;
  mark.mark = kHugePrice;
  world.engine.on_mark(mark);
}

GuardsSet guards(Level level, const GuardFields& fields) {
  GuardsSet out{};
  out.level = static_cast<std::uint32_t>(level);
  out.id = level == Level::kFirm ? 0 : 1;
  out.fields = fields;
  return out;
}

GuardFields no_self_trade() {
  GuardFields fields{};
  fields.self_trade_refused = 1;
  return fields;
}

NewOrderMessage at(World& world, Side side, std::int64_t price) {
  NewOrderMessage message = world.order(side);
  message.price = price;
  return message;
}

void end(World& world, OrderId id) {
  OrderFact fact{};
  fact.order_id = id;
  fact.cumulative = -1;
  world.engine.on_fact(RecordKind::kOrderCanceled, fact);
}

void expect_same_after_restore(World& world) {
  std::vector<std::uint8_t> bytes;
  world.engine.state().serialize(bytes);
  State copy(world.engine.state().capacity);
  CHECK(copy.restore(bytes.data(), bytes.size()));
  CHECK_EQUAL(copy.hash(), world.engine.state().hash());
}

}  // namespace

TEST(an_order_that_the_pass_finds_wrong_and_no_rule_explains_is_refused) {
  World world;
  set_endless_limits(world);
  mark_huge(world);
  int accepted = 0;
  Notice notice{};
  for (; accepted < 20; ++accepted) {
    notice = world.engine.submit(huge(world), 1);
    if (notice.refusal != 0) break;
    world.drain();
  }
  CHECK_EQUAL(accepted, 8);  // 2^58 each; the next makes a sum the gate does not hold
  CHECK_EQUAL(refusal(notice), code(Refusal::kOverflow));
}

TEST(a_replace_that_no_rule_explains_is_refused) {
  World world;
  set_endless_limits(world);
  mark_huge(world);
  const Notice small = world.engine.submit(world.order(Side::kBuy, 1), 1);
  CHECK_EQUAL(refusal(world.engine.submit(world.order(Side::kBuy, 1), 1)), 0);
  for (int i = 0; i < 7; ++i) {
    CHECK_EQUAL(refusal(world.engine.submit(huge(world), 1)), 0);
    world.drain();
  }
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 99};
  replace.order_id = small.order_id;
  replace.quantity = 1'000'000'000'000;
  replace.price = kHugePrice;
  CHECK_EQUAL(refusal(world.engine.replace(replace, 1)), code(Refusal::kOverflow));
}

TEST(an_order_that_meets_an_own_one_is_refused_until_that_is_gone) {
  for (const Side side : {Side::kBuy, Side::kSell}) {
    World world;
    world.engine.record_control(RecordKind::kGuardsSet, guards(Level::kFirm, no_self_trade()));
    const std::int64_t sign = sign_of(side);
    const Notice near = world.engine.submit(at(world, opposite(side), 10'000 + sign), 1);
    const Notice far = world.engine.submit(at(world, opposite(side), 10'000 + 5 * sign), 1);
    CHECK_EQUAL(refusal(far), 0);
    CHECK_EQUAL(refusal(world.engine.submit(at(world, side, 10'000), 1)), 0);
    CHECK_EQUAL(refusal(world.engine.submit(at(world, side, 10'000 + sign), 1)),
                code(Refusal::kSelfTrade));
    end(world, near.order_id);
    CHECK_EQUAL(refusal(world.engine.submit(at(world, side, 10'000 + 4 * sign), 1)), 0);
    const Notice refused = world.engine.submit(at(world, side, 10'000 + 5 * sign), 1);
    CHECK_EQUAL(refusal(refused), code(Refusal::kSelfTrade));
    CHECK_EQUAL(refused.limit, 10'000 + 5 * sign);
    end(world, far.order_id);
    CHECK_EQUAL(refusal(world.engine.submit(at(world, side, 10'000 + 5 * sign), 1)), 0);
    expect_same_after_restore(world);
  }
}

TEST(own_prices_are_those_of_a_scan_over_all_orders) {
  World world;
  check::Random random(20'261'121);
  OrderId open[64] = {};
  for (int step = 0; step < 20'000; ++step) {
    OrderId& place = open[random.next() % 64];
    if (place != 0) {
      end(world, place);
      place = 0;
    } else {
      const Side side = random.next() % 2 == 0 ? Side::kBuy : Side::kSell;
      const auto price = static_cast<std::int64_t>(9'800 + random.next() % 400);
      const Notice notice = world.engine.submit(at(world, side, price), 1);
      CHECK_EQUAL(refusal(notice), 0);
      place = notice.order_id;
    }
    world.drain();
    State& state = world.engine.state();
    for (const Side side : {Side::kBuy, Side::kSell}) {
      std::int64_t best = kGateMax;
      for (const OrderId id : open) {
        if (id == 0) continue;
        const Order& order = state.orders.at(state.orders.find(id));
        if (order.side != side) best = std::min(best, order.price * sign_of(side));
      }
      CHECK(state.own.prices(1)->met_by[index_of(side)] <= best);
      if (step % 16 == 0) {
        (void)state.own.work_out(state.orders, 1, side);
        CHECK_EQUAL(state.own.prices(1)->met_by[index_of(side)], best);
      }
    }
  }
}

TEST(a_pending_replace_counts_at_both_prices) {
  World world;
  world.engine.record_control(RecordKind::kGuardsSet, guards(Level::kStrategy, no_self_trade()));
  const Notice sell = world.engine.submit(at(world, Side::kSell, 10'010), 1);
  ReplaceMessage replace{};
  replace.header = {MessageKind::kReplace, 1, 0, 1, 99};
  replace.order_id = sell.order_id;
  replace.price = 10'005;
  CHECK_EQUAL(refusal(world.engine.replace(replace, 1)), 0);
  CHECK_EQUAL(refusal(world.engine.submit(at(world, Side::kBuy, 10'005), 1)),
              code(Refusal::kSelfTrade));
  OrderFact refused{};
  refused.order_id = sell.order_id;
  refused.cumulative = -1;
  world.engine.on_fact(RecordKind::kReplaceRejected, refused);
  CHECK_EQUAL(refusal(world.engine.submit(at(world, Side::kBuy, 10'009), 1)), 0);
  CHECK_EQUAL(refusal(world.engine.submit(at(world, Side::kBuy, 10'010), 1)),
              code(Refusal::kSelfTrade));
}

TEST(greeks_follow_orders_fills_and_what_is_told_anew) {
  World world;
  GuardFields fields{};
  fields.delta_max_e4 = 100'000;  // ten
  world.engine.record_control(RecordKind::kGuardsSet, guards(Level::kAccount, fields));
  CHECK_EQUAL(refusal(world.engine.submit(world.order(), 1)), code(Refusal::kDeltaLimit));
  RiskMeasured told{};
  told.level = static_cast<std::uint32_t>(Level::kInstrument);
  told.id = 1;
  told.told = kToldGreeks;
  told.greeks_e8[0] = 50'000'000;  // a half per unit
  world.engine.record_control(RecordKind::kRiskMeasured, told);
  const Notice first = world.engine.submit(world.order(Side::kBuy, 16'000), 1);  // delta 8
  CHECK_EQUAL(refusal(first), 0);
  CHECK_EQUAL(refusal(world.engine.submit(world.order(Side::kBuy, 4'001), 1)),
              code(Refusal::kDeltaLimit));
  world.engine.on_fill(world.fill(first.order_id, Side::kBuy, 6'000));
  expect_same_after_restore(world);
  told.greeks_e8[0] = 60'000'000;  // 16 units are 9.6 now
  world.engine.record_control(RecordKind::kRiskMeasured, told);
  CHECK_EQUAL(refusal(world.engine.submit(world.order(Side::kBuy, 667), 1)),
              code(Refusal::kDeltaLimit));
  CHECK_EQUAL(refusal(world.engine.submit(world.order(Side::kBuy, 666), 1)), 0);
  end(world, first.order_id);
  const LevelEntity& account = world.engine.state().registry.level(Level::kAccount, 1);
  CHECK(account.greeks[0].position == static_cast<Int128>(600'000'000) * 6'000);
  CHECK(account.greeks[0].working_up == static_cast<Int128>(600'000'000) * 666);
  told.greeks_e8[0] = -60'000'000;  // the same orders, the other way round
  world.engine.record_control(RecordKind::kRiskMeasured, told);
  CHECK(account.greeks[0].position == static_cast<Int128>(-600'000'000) * 6'000);
  CHECK(account.greeks[0].working_up == 0);
  CHECK(account.greeks[0].working_down == static_cast<Int128>(-600'000'000) * 666);
  expect_same_after_restore(world);
}

TEST(who_is_refused_by_the_same_own_quote_again_costs_no_look_at_any_other_order) {
  for (const int quotes : {16, 900}) {
    World world;
    world.engine.record_control(RecordKind::kGuardsSet, guards(Level::kFirm, no_self_trade()));
    OrderId best = 0;
    for (int i = 0; i < quotes; ++i) {
      best = world.engine.submit(at(world, Side::kSell, 10'900 - i), 1).order_id;
      world.drain();
    }
    const auto rows_of_refusals = [&](int refusals, std::int64_t price) {
      const std::uint64_t before = world.engine.counters().rows_explained;
      for (int i = 0; i < refusals; ++i) {
        const Notice refused = world.engine.submit(at(world, Side::kBuy, price), 1);
        CHECK_EQUAL(refusal(refused), code(Refusal::kSelfTrade));
        RefusalDetails details;
        CHECK(world.engine.refusal_details(1, refused.request, details));
      }
      return world.engine.counters().rows_explained - before;
    };
    const std::int64_t lowest = 10'900 - quotes + 1;
    CHECK_EQUAL(rows_of_refusals(20, lowest), 0U);
    end(world, best);  // who met it asks once what is left
    CHECK_EQUAL(refusal(world.engine.submit(at(world, Side::kBuy, lowest), 1)), 0);
    CHECK_EQUAL(rows_of_refusals(20, lowest + 1), 0U);
    expect_same_after_restore(world);
  }
}

TEST(the_unknown_share_of_a_refusal_looks_at_unknown_orders_alone) {
  for (const int orders : {16, 900}) {
    World world;
    std::vector<OrderId> ids;
    for (int i = 0; i < orders; ++i) {
      ids.push_back(world.engine.submit(world.order(Side::kBuy, 1'000), 1).order_id);
      world.drain();
    }
    const auto lose = [&](OrderId id) {
      OrderFact fact{};
      fact.order_id = id;
      fact.cumulative = -1;
      world.engine.on_fact(RecordKind::kOrderUnknown, fact);
    };
    for (const std::size_t place : {0U, 7U, 3U, 5U}) lose(ids[place]);
    end(world, ids[7]);
    LimitsSet limits{};
    limits.level = static_cast<std::uint32_t>(Level::kVenue);
    limits.id = 1;
    limits.version = 2;
    limits.fields = world.engine.state().registry.level(Level::kVenue, 1).limits;
    limits.fields.position_long_max_e8 = 1;
    world.engine.record_control(RecordKind::kLimitsSet, limits);
    const Notice refused = world.engine.submit(world.order(Side::kBuy, 1'000), 1);
    CHECK_EQUAL(refusal(refused), code(Refusal::kPositionLimit));
    RefusalDetails details;
    CHECK(world.engine.refusal_details(1, refused.request, details));
    CHECK_EQUAL(details.unknown, 3'000);
    CHECK_EQUAL(world.engine.counters().rows_explained, 3U);
    CHECK_EQUAL(world.engine.state().orders.unknown_count(), 3U);
    expect_same_after_restore(world);
  }
}
