"""The venue's rules, example by example, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from gateway_paper.venue.orders import Refused
from gateway_paper.venue.settings import AccountSettings, FeeTierSettings, Listing

VenueMaker = Callable[..., Any]


def kinds(venue: Any) -> list[tuple[str, str]]:
    return [(row.get("event", row["kind"]), row.get("state", "")) for row in venue.events]


def test_market_order_takes_levels_and_pays_the_taker_fee(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "1")
    venue.level("sell", "100.5", "1")
    venue.submit("buy", "1.5")
    fills = [row for row in venue.events if row["kind"] == "fill"]
    assert [(f["price"], f["quantity"], f["fee"], f["liquidity"]) for f in fills] == [
        ("100", "1", "0.05", "taker"),
        ("100.5", "0.5", "0.025125", "taker"),
    ]
    assert venue.order("c1")["state"] == "filled"
    assert venue.position("net", "BTCUSDT", "net") == Fraction("1.5")


def test_resting_order_fills_behind_the_displayed_queue(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("buy", "100", "5")
    venue.submit("buy", "2", "100")
    venue.trade("100", "5", "sell")
    assert venue.order("c1")["cumulative_quantity"] == "0"
    venue.trade("100", "1", "sell")
    assert venue.order("c1")["cumulative_quantity"] == "1"
    venue.trade("99.9", "10", "sell")
    row = venue.order("c1")
    assert (row["state"], row["cumulative_quantity"]) == ("filled", "2")
    assert {f["liquidity"] for f in venue.events if f["kind"] == "fill"} == {"maker"}


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"time_in_force": "ioc"}, "canceled"),
        ({"time_in_force": "fok"}, "canceled"),
        ({"is_post_only": True}, "rejected"),
        ({"time_in_force": "gtc"}, "partially_filled"),
    ],
)
def test_what_is_not_matched_ends_as_the_order_says(
    memory_venue: VenueMaker, more: dict[str, Any], state: str
) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "1")
    row = venue.submit("buy", "2", "100", **more)
    assert row["state"] == state
    assert row["cumulative_quantity"] == (
        "1" if more.get("time_in_force") in ("ioc", "gtc") else "0"
    )


def test_gtd_and_day_orders_expire(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.submit("buy", "1", "90", time_in_force="gtd", expires_ns=venue.now_ns + 1_000)
    venue.submit("buy", "1", "90", time_in_force="day")
    venue.now_ns += 2_000
    venue.exchange.advance()
    assert [venue.order(c)["state"] for c in ("c1", "c2")] == ["expired", "new"]
    venue.now_ns += 86_400_000_000_000
    venue.exchange.advance()
    assert venue.order("c2")["state"] == "expired"


@pytest.mark.parametrize(("kind", "price"), [("stop", None), ("stop_limit", "101")])
def test_a_stop_waits_then_trades(memory_venue: VenueMaker, kind: str, price: str | None) -> None:
    venue = memory_venue()
    venue.level("sell", "101", "3")
    row = venue.submit("buy", "1", price, type=kind, time_in_force="gtc", trigger_price="100.5")
    assert row["state"] == "untriggered"
    venue.trade("100.5", "1", "buy")
    assert venue.order("c1")["state"] == "filled"
    assert [event for event, _ in kinds(venue)] == ["untriggered", "triggered", "fill"]


def test_a_client_order_id_is_unique_for_ever_per_account(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.submit("buy", "1", "90", client_order_id="x")
    venue.exchange.cancel("net", "x")
    with pytest.raises(Refused, match="duplicate_client_order_id"):
        venue.submit("buy", "1", "90", client_order_id="x")
    venue.open()
    with pytest.raises(Refused, match="duplicate_client_order_id"):
        venue.submit("buy", "1", "90", client_order_id="x")
    row = venue.submit("buy", "1", "90", client_order_id="x", account="hedge", leg="long")
    assert row["state"] == "new"


def test_reduce_only_never_opens_and_never_turns_a_net_position(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "5")
    venue.level("buy", "99", "50")
    assert venue.submit("sell", "1", "101", is_reduce_only=True)["reason"] == "reduce_only_rejected"
    venue.submit("buy", "3")
    row = venue.submit("sell", "5", is_reduce_only=True)
    assert (row["state"], row["reason"], row["cumulative_quantity"]) == (
        "canceled", "reduce_only", "3",
    )  # fmt: skip
    assert venue.position("net", "BTCUSDT", "net") == 0


def test_resting_reduce_only_orders_shrink_with_the_position(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "3")
    venue.level("buy", "99", "50")
    venue.submit("buy", "3")
    for client_order_id in ("r1", "r2"):
        venue.submit("sell", "3", "105", client_order_id=client_order_id, is_reduce_only=True)
    venue.submit("sell", "1")  # plain: the position is 2 now
    venue.trade("106", "50", "buy")
    assert venue.position("net", "BTCUSDT", "net") == 0
    rows = [venue.order(name) for name in ("r1", "r2")]
    assert [(row["state"], row["cumulative_quantity"]) for row in rows] == [
        ("canceled", "2"),
        ("canceled", "0"),
    ]


def test_hedge_legs_are_separate_and_closing_never_turns_them(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "50")
    venue.level("buy", "99", "50")
    venue.submit("buy", "2", account="hedge", leg="long")
    venue.submit("sell", "1", account="hedge", leg="short")
    venue.submit("sell", "5", account="hedge", leg="long")
    assert venue.position("hedge", "BTCUSDT", "long") == 0
    assert venue.position("hedge", "BTCUSDT", "short") == -1
    assert venue.submit("buy", "1", account="hedge")["reason"] == "position_mode_mismatch"
    assert venue.submit("buy", "1", leg="long")["reason"] == "position_mode_mismatch"


def test_mode_changes_only_when_flat_and_survives_a_restart(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.submit("buy", "1", "90")
    with pytest.raises(Refused, match="mode_change_needs_flat"):
        venue.exchange.set_hedge_mode("net", True)
    venue.exchange.cancel("net", "c1")
    venue.exchange.set_hedge_mode("net", True)
    venue.open()
    assert venue.exchange.accounts["net"].is_hedge_mode


def test_spot_fee_of_a_buy_is_paid_in_the_base_currency(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.level("sell", "100", "5", "BTCSPOT")
    venue.submit("buy", "2", instrument="BTCSPOT")
    balances = {
        row["currency"]: row["total"] for row in venue.exchange.accounts["net"].balance_rows()
    }
    assert balances == {"BTC": "1.999", "USDT": "800"}


def test_replace_changes_price_and_total_or_nothing(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.submit("buy", "3", "100")
    venue.trade("100", "1", "sell")
    row = venue.exchange.replace("net", "c1", "2", "99.5")
    assert (row["quantity"], row["price"], row["cumulative_quantity"]) == ("2", "99.5", "1")
    with pytest.raises(Refused, match="quantity_below_filled"):
        venue.exchange.replace("net", "c1", "1", None)
    assert venue.order("c1")["quantity"] == "2"
    venue.trade("99.4", "50", "sell")
    assert venue.order("c1")["state"] == "filled"
    with pytest.raises(Refused, match="order_closed"):
        venue.exchange.replace("net", "c1", "5", None)


def test_large_fills_come_in_pieces(memory_venue: VenueMaker) -> None:
    venue = memory_venue(fill_quantity_max="0.4")
    venue.level("sell", "100", "5")
    venue.submit("buy", "1")
    fills = [row for row in venue.events if row["kind"] == "fill"]
    assert [f["quantity"] for f in fills] == ["0.4", "0.4", "0.2"]
    assert [f["state"] for f in fills] == ["partially_filled", "partially_filled", "filled"]
    assert len({f["trade_id"] for f in fills}) == 3


def test_funding_is_paid_once_per_boundary(memory_venue: VenueMaker) -> None:
    venue = memory_venue(funding_interval_s=3600)
    venue.level("sell", "100", "2")
    venue.submit("buy", "2")
    venue.exchange.advance()
    venue.now_ns += 3_600_000_000_000
    venue.exchange.advance()
    venue.exchange.advance()
    paid = [row for row in venue.events if row["kind"] == "funding"]
    assert [(row["amount"], row["currency"]) for row in paid] == [("-0.02", "USDT")]
    venue.open()
    venue.exchange.pay_funding(int(paid[0]["reference"].split("-")[1]) * 1_000_000)
    assert len([row for row in venue.events if row["kind"] == "funding"]) == 1


def test_bad_numbers_and_names_are_refused_by_code(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    for more, code in [
        ({"quantity": "0.0001"}, "bad_number"),
        ({"quantity": "1e3"}, "bad_number"),
        ({"quantity": "-1"}, "bad_number"),
        ({"instrument": "NOPE"}, "unknown_instrument"),
        ({"account": "NOPE"}, "unknown_account"),
        ({"client_order_id": "a b"}, "bad_client_order_id"),
    ]:
        with pytest.raises(Refused, match=code):
            venue.submit("buy", **({"quantity": "1", "price": "90"} | more))
    assert venue.submit("buy", "0", "90")["reason"] == "quantity_below_minimum"


def test_an_iceberg_shows_its_display_also_after_a_restart(memory_venue: VenueMaker) -> None:
    venue = memory_venue()
    venue.submit("buy", "1", "100", display_quantity="0.3")
    assert venue.exchange.depth_rows("BTCUSDT", 5)["bids"] == [["100", "0.3"]]
    venue.trade("100", "0.8", "sell")
    assert venue.order("c1")["cumulative_quantity"] == "0.8"
    venue.open()
    assert venue.exchange.depth_rows("BTCUSDT", 5)["bids"] == [["100", "0.2"]]
    assert venue.order("c1")["display_quantity"] == "0.3"
    row = venue.submit("buy", "1", "100", display_quantity="2")
    assert (row["state"], row["reason"]) == ("rejected", "display_range")


@pytest.mark.parametrize(
    ("scope", "states"),
    [("account", ["filled", "filled"]), ("group", ["canceled", "filled"])],
)
def test_accounts_of_one_group_do_not_trade_when_the_listing_says_so(
    memory_venue: VenueMaker, scope: str, states: list[str]
) -> None:
    names = {"net": "desk", "twin": "desk", "other": ""}
    venue = memory_venue(
        listing={"self_trade": "cancel_oldest", "self_trade_scope": scope},
        accounts=tuple(AccountSettings(name=n, group=g) for n, g in names.items()),
    )
    venue.submit("sell", "1", "100", account="net")
    venue.submit("sell", "1", "100", account="other")
    taken = "1" if scope == "group" else "2"
    assert venue.submit("buy", taken, "100", account="twin")["state"] == "filled"
    assert [venue.order("c1")["state"], venue.order("c2", "other")["state"]] == states
    assert venue.order("c1")["reason"] == ("self_trade" if scope == "group" else "")


def test_a_pro_rata_listing_shares_out(memory_venue: VenueMaker) -> None:
    venue = memory_venue(listing={"allocation": "pro_rata", "allocation_min": "0.1"})
    venue.submit("sell", "1", "100")
    venue.submit("sell", "3", "100")
    venue.trade("100", "0.8", "buy")
    assert [venue.order(c)["cumulative_quantity"] for c in ("c1", "c2")] == ["0.2", "0.6"]
    venue.trade("100", "0.2", "buy")  # Exact shares 0.05 and 0.15: the first is below the minimum.
    assert [venue.order(c)["cumulative_quantity"] for c in ("c1", "c2")] == ["0.249", "0.751"]


def test_fee_tiers_follow_what_was_traded_in_thirty_days(memory_venue: VenueMaker) -> None:
    tiers = (
        FeeTierSettings(volume_min="0", maker_rate="0.0002", taker_rate="0.0005"),
        FeeTierSettings(volume_min="200", maker_rate="-0.0001", taker_rate="0.0004"),
    )
    venue = memory_venue(listing={"fee_tiers": tiers})

    def fee_of_one() -> str:
        venue.level("sell", "100", "1")
        venue.submit("buy", "1")
        return str(venue.events[-1]["fee"])

    assert [fee_of_one() for _ in range(3)] == ["0.05", "0.05", "0.04"]
    venue.submit("buy", "1", "99")
    venue.trade("98", "1", "sell")
    assert venue.events[-1]["fee"] == "-0.0099"
    venue.open()
    assert fee_of_one() == "0.04"
    venue.now_ns += 30 * 86_400_000_000_000
    assert fee_of_one() == "0.05"


def test_a_listing_whose_fee_tiers_fall_is_refused() -> None:
    tier = FeeTierSettings(volume_min="5", maker_rate="0", taker_rate="0")
    words = dict.fromkeys(("symbol", "name", "base", "quote", "settle"), "X")
    with pytest.raises(ValueError, match="begin at volume 0"):
        Listing(**words, kind="linear", tick="1", lot="1", fee_tiers=(tier,))
