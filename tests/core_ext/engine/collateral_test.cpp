// The margin mode of a position and what lies in it, by its venue's word: journaled when it
// changed, the amount ended by the fill that makes the position flat, the same in a follower and
// behind a snapshot.
#include "check.hpp"
#include "engine/engine_world.hpp"

using namespace desk;  // NOLINT

namespace {

PositionCollateral told_of(Int128 amount, std::int64_t venue_time_ns = 0, std::uint32_t leg = 0) {
  PositionCollateral told{};
  told.account = told.instrument = 1;
  told.amount.e18 = amount;
  told.venue_time_ns = venue_time_ns;
  told.leg = leg;
  told.evidence = static_cast<std::uint32_t>(Evidence::kStream);
  return told;
}

PositionCollateral told_of(VenueMarginMode mode, Int128 amount) {
  PositionCollateral told = told_of(amount);
  told.venue_margin_mode = static_cast<std::uint32_t>(mode);
  return told;
}

VenueMarginMode mode_of(const State& state) {
  const Collateral* row = state.collaterals.find(1, 1, 0);
  return row == nullptr ? VenueMarginMode::kNotTold : row->mode();
}

Int128 held(const State& state, std::uint32_t leg = 0) {
  const Collateral* row = state.collaterals.find(1, 1, leg);
  return row == nullptr ? 0 : row->amount_e18;
}

std::uint64_t written(const World& world) {
  return world.engine.state().counts[static_cast<int>(RecordKind::kPositionCollateral)];
}

/// EXTERNAL trades, at a venue time.
void trade(World& world, Side side, std::int64_t quantity, std::int64_t venue_time_ns) {
  OrderFilled fill = world.fill(0, side, quantity);
  fill.venue_time_ns = venue_time_ns;
  world.engine.on_fill(fill);
}

}  // namespace

TEST(an_amount_is_journaled_when_it_is_another_one_and_not_otherwise) {
  World world;
  world.engine.on_collateral(told_of(500));
  world.engine.on_collateral(told_of(500, 7));  // the same again, later
  CHECK_EQUAL(written(world), 1U);
  CHECK_EQUAL(world.engine.counters().facts_repeated, 1U);
  world.engine.on_collateral(told_of(400));
  world.engine.on_collateral(told_of(300, 0, 2));  // another leg is another position
  CHECK(held(world.engine.state()) == 400 && held(world.engine.state(), 2) == 300);
  world.engine.on_collateral(told_of(0));
  world.engine.on_collateral(told_of(0));
  CHECK(held(world.engine.state()) == 0);
  CHECK_EQUAL(written(world), 4U);
}

TEST(a_mode_is_journaled_when_it_is_another_one_and_not_otherwise) {
  World world;
  const State& state = world.engine.state();
  world.engine.on_collateral(told_of(VenueMarginMode::kCross, 0));
  world.engine.on_collateral(told_of(VenueMarginMode::kCross, 0));
  CHECK_EQUAL(written(world), 1U);
  CHECK(mode_of(state) == VenueMarginMode::kCross);
  world.engine.on_collateral(told_of(VenueMarginMode::kIsolated, 500));
  CHECK(mode_of(state) == VenueMarginMode::kIsolated && held(state) == 500);
  world.engine.on_collateral(told_of(VenueMarginMode::kUnknown, 0));
  CHECK(mode_of(state) == VenueMarginMode::kUnknown && held(state) == 0);
  CHECK_EQUAL(written(world), 3U);
}

TEST(a_venue_that_does_not_say_the_mode_leaves_it_but_an_amount_is_that_of_an_isolated_one) {
  World world;
  const State& state = world.engine.state();
  world.engine.on_collateral(told_of(500));  // no mode was ever told: as in older journals
  CHECK_EQUAL(state.collaterals.find(1, 1, 0)->venue_margin_mode, 0U);
  CHECK(mode_of(state) == VenueMarginMode::kIsolated);
  world.engine.on_collateral(told_of(0));
  CHECK(mode_of(state) == VenueMarginMode::kNotTold);
  world.engine.on_collateral(told_of(VenueMarginMode::kCross, 0));
  world.engine.on_collateral(told_of(0));
  CHECK(mode_of(state) == VenueMarginMode::kCross);
  world.engine.on_collateral(told_of(400));
  CHECK(mode_of(state) == VenueMarginMode::kIsolated && held(state) == 400);
  CHECK_EQUAL(written(world), 4U);
}

TEST(the_fill_that_makes_a_position_flat_leaves_the_mode) {
  World world;
  const State& state = world.engine.state();
  trade(world, Side::kBuy, 5, 10);
  PositionCollateral told = told_of(VenueMarginMode::kIsolated, 500);
  told.venue_time_ns = 11;
  world.engine.on_collateral(told);
  trade(world, Side::kSell, 5, 20);
  CHECK(mode_of(state) == VenueMarginMode::kIsolated && held(state) == 0);
}

TEST(what_cannot_be_is_kept_as_evidence_and_changes_nothing) {
  World world;
  world.engine.on_collateral(told_of(500));
  const std::string before = world.engine.state().hash();
  std::vector<PositionCollateral> bad(8, told_of(1));
  bad[0].account = 2;
  bad[1].instrument = 2;
  bad[2].instrument = 0;
  bad[3].leg = 3;
  bad[4].amount.e18 = -1;
  bad[5].amount.e18 = kInt128Max;
  bad[6].venue_margin_mode = static_cast<std::uint32_t>(VenueMarginMode::kCross);
  bad[7].venue_margin_mode = 4;
  for (const PositionCollateral& each : bad) world.engine.on_collateral(each);
  CHECK_EQUAL(world.engine.counters().anomalies, 8U);
  CHECK_EQUAL(written(world), 1U);
  CHECK_EQUAL(world.engine.state().hash(), before);
}

TEST(the_fill_that_makes_a_position_flat_ends_what_lies_in_it) {
  World world;
  trade(world, Side::kBuy, 5, 10);
  world.engine.on_collateral(told_of(500, 11));
  trade(world, Side::kSell, 3, 20);
  CHECK(held(world.engine.state()) == 500);
  trade(world, Side::kSell, 2, 30);
  CHECK(held(world.engine.state()) == 0);
  world.engine.on_collateral(told_of(0, 30));  // the venue says so too
  CHECK_EQUAL(written(world), 1U);
}

TEST(a_word_about_the_next_position_outlives_the_fill_that_closed_the_last_one) {
  World world;
  trade(world, Side::kBuy, 5, 10);
  world.engine.on_collateral(told_of(500, 40));
  trade(world, Side::kSell, 5, 40);  // the same moment: the amount may be the next position's
  CHECK(held(world.engine.state()) == 500);
  trade(world, Side::kBuy, 1, 0);
  trade(world, Side::kSell, 1, 0);  // a venue that tells no times
  CHECK(held(world.engine.state()) == 0);
}

TEST(while_another_strategy_holds_the_position_it_is_not_flat) {
  World world;
  trade(world, Side::kBuy, 5, 10);
  world.engine.on_collateral(told_of(500, 11));
  const Notice notice = world.engine.submit(world.order(Side::kBuy, 4), world.client->number);
  OrderFilled fill = world.fill(notice.order_id, Side::kBuy, 4);
  fill.venue_time_ns = 20;
  world.engine.on_fill(fill);
  trade(world, Side::kSell, 5, 30);  // EXTERNAL is flat, alpha holds 4
  CHECK(held(world.engine.state()) == 500);
}

TEST(a_bust_that_undoes_the_only_fill_ends_it_too) {
  World world;
  OrderFilled fill = world.fill(0, Side::kBuy, 5);
  fill.venue_time_ns = 10;
  world.engine.on_fill(fill);
  world.engine.on_collateral(told_of(500, 11));
  FillRevised bust{};
  bust.account = bust.instrument = 1;
  bust.trade_id = fill.trade_id;
  bust.revision = 1;
  bust.venue_time_ns = 20;
  world.engine.on_fill_revised(bust, fill.venue_order_id);
  CHECK(world.engine.state().routes.position(0).book.quantity == 0);
  CHECK(held(world.engine.state()) == 0);
}

TEST(a_snapshot_brings_it_back_and_leaves_out_what_has_ended) {
  World world;
  world.engine.on_collateral(told_of(500, 11));
  world.engine.on_collateral(told_of(300, 12, 1));
  world.engine.on_collateral(told_of(0, 13, 1));
  PositionCollateral cross = told_of(VenueMarginMode::kCross, 0);
  cross.leg = 2;
  world.engine.on_collateral(cross);
  const State& live = world.engine.state();
  std::vector<std::uint8_t> bytes;
  live.serialize(bytes);
  State restored(live.capacity);
  CHECK(restored.restore(bytes.data(), bytes.size()));
  CHECK_EQUAL(restored.hash(), live.hash());
  CHECK_EQUAL(restored.collaterals.count(), 2U);
  CHECK(restored.collaterals.find(1, 1, 2)->mode() == VenueMarginMode::kCross);
  const Collateral* row = restored.collaterals.find(1, 1, 0);
  CHECK(row != nullptr && row->amount_e18 == 500 && row->venue_time_ns == 11);
  CHECK_EQUAL(row->sequence, live.collaterals.find(1, 1, 0)->sequence);
}
