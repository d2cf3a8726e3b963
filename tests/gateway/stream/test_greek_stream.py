"""Greeks are shown from the view's rows and the daemon's marks, to whom the positions may be shown;
what is missing is named; a file of options that cannot be one says so."""

from types import MappingProxyType

import pytest

from gateway.analytics.aggregation import MapEntry
from gateway.journal import Mark, Step
from gateway.stream.authority import Authority
from gateway.stream.channels import CHANNELS
from gateway.stream.greek_stream import GreekDesk
from gateway.stream.subscriptions import Filter
from gateway.stream.view import View

NOW = 1_780_000_000 * 10**9
CALL = "BTC-USD-260626-60000-C"
MARKS = [Mark("SWAP", "60000", NOW), Mark(CALL, "0.03", NOW)]
CURRENCIES = [{"name": "USD", "rate": "1"}, {"name": "BTC", "rate": "0"}]
INSTRUMENTS = [
    {"name": CALL, "venue": "okx", "venue_symbol": CALL, "kind": "linear", "base": "BTC",
     "quote": "BTC", "settle": "BTC", "multiplier": "0.1"},
    {"name": "SWAP", "venue": "okx", "venue_symbol": "BTC-USD-SWAP", "kind": "inverse",
     "base": "BTC", "quote": "USD", "settle": "BTC", "multiplier": "100"},
]  # fmt: skip


def position(instrument, quantity, account="main"):
    return {"account": account, "venue": "okx", "instrument": instrument, "leg": "net",
            "margin_mode": "cross", "strategy": "s", "quantity": quantity, "cost": "0",
            "sequence": 1}  # fmt: skip


@pytest.fixture
def view():
    made = View(lambda: 0.0)
    held = [position(CALL, "10"), position("SWAP", "-300"), position("SWAP", "60", "other")]
    rows = {f"{row['account']}|{row['instrument']}": row for row in held}
    made.apply(Step(1, 1, is_caught_up=True, is_reset=True, rows={"position": rows}, followed=1))
    return made


def shown(view, marks=MARKS, path=None, clock_ns=lambda: NOW, same=MappingProxyType({})):
    desk = GreekDesk(path, lambda: marks, clock_ns, 1000, same)
    positions = list(view.channels["positions"].rows.values())
    step = desk.step(positions, INSTRUMENTS, CURRENCIES)
    return view.take_greeks(step.rows, step.waiting)


def test_greeks_are_rolled_up_by_the_assets_of_the_map(view):
    assert shown(view, same={"SWAP": MapEntry(asset="COIN")})
    rows = view.channels["greeks"].rows
    assert {key for key in rows if key.startswith("asset|")} == {"asset|BTC", "asset|COIN"}
    assert rows["asset|COIN"]["delta_cash"] == "-24000"


def test_positions_and_sums_are_shown_and_told_again_only_when_they_move(view):
    assert view.channels["greeks"].waiting == CHANNELS["greeks"].waits
    assert shown(view)
    rows = view.channels["greeks"].rows
    call = rows[f"position|main|{CALL}|net|cross|s"]
    assert call["underlying"] == "SWAP" and 0.2 < float(call["volatility"]) < 0.4
    assert rows["account|other"]["delta_cash"] == "6000"
    assert rows["position|main|SWAP|net|cross|s"]["delta_cash"] == "-30000"
    sums = float(rows["account|main"]["delta_cash"]) + 6000
    assert float(rows["firm|firm"]["delta_cash"]) == pytest.approx(sums)
    revision = view.channels["greeks"].revision
    assert not shown(view) and view.channels["greeks"].revision == revision


def test_the_two_legs_of_a_hedge_are_two_rows(view):
    legs = [position("SWAP", "5") | {"leg": "long"}, position("SWAP", "-4") | {"leg": "short"}]
    rows = {str(number): row for number, row in enumerate(legs)}
    view.apply(Step(1, 1, is_caught_up=True, is_reset=True, rows={"position": rows}, followed=1))
    shown(view)
    found = view.channels["greeks"].rows
    assert found["position|main|SWAP|long|cross|s"]["delta_cash"] == "500"
    assert found["position|main|SWAP|short|cross|s"]["delta_cash"] == "-400"
    assert found["firm|firm"]["delta_cash"] == "100"


def test_who_may_not_see_a_part_sees_no_sum_of_it(view):
    shown(view)
    authority = Authority.of(("other",), "all", "all")
    seen = Filter("greeks", {}, authority).takes
    assert {key for key, row in view.channels["greeks"].rows.items() if seen(row)} == {
        "position|other|SWAP|net|cross|s", "account|other",
    }  # fmt: skip
    calls = Filter("greeks", {"level": "position", "instrument": "BTC-*"}).takes
    assert sum(map(calls, view.channels["greeks"].rows.values())) == 1


def test_a_stale_mark_is_named_and_in_no_sum(view):
    shown(view, [MARKS[0], Mark(CALL, "0.03", NOW - 5 * 10**9)])
    rows = view.channels["greeks"].rows
    assert rows["firm|firm"]["excluded"] == [f"{CALL}: its mark is 5000 ms old"]
    assert (
        rows["firm|firm"]["delta_cash"] == "-24000"
        and f"position|main|{CALL}|net|cross|s" not in rows
    )


def test_a_file_that_cannot_be_one_is_why_there_are_none(view, tmp_path):
    path = tmp_path / "options.toml"
    path.write_text('[venues]\nokx = "nothing"\n')
    shown(view, path=path)
    assert "UNKNOWN_NAME" in view.channels["greeks"].waiting
    assert view.channels["greeks"].rows == {}


def test_a_journal_opened_afresh_forgets_them(view):
    shown(view)
    view.apply(Step(1, 0, is_caught_up=True, is_reset=True, rows={}, followed=1))
    assert view.channels["greeks"].waiting == CHANNELS["greeks"].waits
