"""The past answers what the live engine said then, from files and from what is not archived yet."""

import pytest

from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.faults import ArchiveFault, HistoryFault
from gateway.history.key_states import KEYED
from gateway.history.queries import Exact, History, Moment
from gateway.history.views import Views

ORDER_KEYS = ("cumulative_quantity", "instrument", "price", "quantity", "side", "state")
POSITION_KEYS = (
    "account", "instrument", "strategy", "leg", "margin_mode", "quantity", "cost", "realised",
    "fees", "currency", "state", "sequence",
)  # fmt: skip
BALANCE_KEYS = ("account", "currency", "total", "sequence")


@pytest.fixture(scope="module", params=["nothing", "one segment", "everything sealed"])
def history(request, past, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    archiver = Archiver(past.directory, archive)
    if request.param == "one segment":
        archiver.step()
    while request.param == "everything sealed" and archiver.step():
        pass
    views = Views(past.directory, archive, str(past.ring), threads=1)
    yield History(views)
    views.close()


def picked(rows, names):
    return sorted(tuple(row[name] for name in names) for row in rows)


def moments(station):
    return (Moment(sequence=station["sequence"]), Moment(time_ns=station["time_ns"]))


def test_open_orders_positions_and_balances_are_what_the_engine_had(past, history):
    assert len(past.stations) > 10
    for station in past.stations[::3]:
        for moment in moments(station):
            orders = history.as_of("orders", moment).rows
            assert {str(row["order_id"]) for row in orders} == {
                row["order_id"] for row in station["orders"]
            }
            assert picked(orders, ORDER_KEYS) == picked(station["orders"], ORDER_KEYS)
            positions = history.as_of("positions", moment).rows
            assert picked(positions, POSITION_KEYS) == picked(station["positions"], POSITION_KEYS)
            balances = history.as_of("balances", moment).rows
            assert picked(balances, BALANCE_KEYS) == picked(station["balances"], BALANCE_KEYS)


def test_one_key_is_the_same_as_all_keys_and_a_filter(past, history):
    moment = Moment(sequence=past.stations[-1]["sequence"])
    every = history.as_of("positions", moment).rows
    one = history.as_of("positions", moment, {"instrument": "BTC-PERP"}).rows
    assert one == [row for row in every if row["instrument"] == "BTC-PERP"]
    assert len(one) == 1


@pytest.mark.parametrize("table", ["orders", "positions", "balances"])
def test_a_key_asked_for_again_is_found_in_memory_and_is_the_same(past, history, table):
    for station in past.stations[::12]:
        for moment in moments(station):
            every = history.as_of(table, moment).rows
            for row in every[:2]:
                key = {name: Exact(row[name]) for name in KEYED[table] if row[name] is not None}
                wanted = [each for each in every if all(str(each[n]) == key[n] for n in key)]
                for _ in range(2):
                    assert history.as_of(table, moment, key).rows == wanted
            key = {KEYED[table][0]: "404"}
            assert [history.as_of(table, moment, key).rows for _ in range(2)] == [[], []]


def test_a_range_holds_both_ends_and_says_when_it_is_cut(history):
    every = history.range("fills", Moment(sequence=0), Moment(), limit=10_000)
    assert not every.is_cut
    first, last = every.rows[3]["sequence"], every.rows[8]["sequence"]
    found = history.range("fills", Moment(sequence=first), Moment(sequence=last))
    assert found.rows == every.rows[3:9]
    cut = history.range(
        "fills", Moment(sequence=first), Moment(), {}, columns=["sequence"], limit=2
    )
    assert cut.is_cut
    assert cut.rows == [{"sequence": row["sequence"]} for row in every.rows[3:5]]
    between = Moment(time_ns=every.rows[3]["time_ns"]), Moment(time_ns=every.rows[8]["time_ns"])
    timed = history.range("fills", *between).rows
    assert {row["sequence"] for row in found.rows} <= {row["sequence"] for row in timed}


def test_the_last_row_per_key_is_the_one_of_the_highest_sequence(history):
    every = history.range("fills", Moment(sequence=0), Moment(), limit=10_000).rows
    newest = {row["instrument"]: row for row in every}
    assert history.last("fills", ["instrument"], Moment()).rows == [
        newest[name] for name in sorted(newest)
    ]


def test_fewer_rows_per_time_add_up(history):
    every = history.range("fills", Moment(sequence=0), Moment(), limit=10_000).rows
    spans = history.downsample(
        "fills", "quantity", 3_600_000_000_000, (Moment(sequence=0), Moment()), by=["instrument"]
    ).rows
    assert sum(row["count"] for row in spans) == len(every)
    hour, name = spans[1]["begin_ns"], spans[1]["instrument"]
    inside = [
        row
        for row in every
        if row["instrument"] == name and hour <= row["time_ns"] < hour + 3_600_000_000_000
    ]
    assert spans[1]["count"] == len(inside)
    assert (spans[1]["first"], spans[1]["last"]) == (inside[0]["quantity"], inside[-1]["quantity"])


@pytest.mark.parametrize("spoilt", ["gone", "cut"])
def test_a_file_that_is_lost_is_named(past, tmp_path, spoilt):
    Archiver(past.directory, tmp_path).step()
    lost = Catalog(tmp_path).files("fills")[0]
    lost.unlink() if spoilt == "gone" else lost.write_bytes(b"PAR1")
    with pytest.raises(ArchiveFault, match="fills") as caught:
        Views(past.directory, tmp_path, str(past.ring), threads=1)
    assert caught.value.code == "BAD_ARCHIVE"


def test_a_file_lost_under_a_question_is_a_fault_with_a_code(past, tmp_path):
    Archiver(past.directory, tmp_path).step()
    views = Views(past.directory, tmp_path, str(past.ring), threads=1)
    Catalog(tmp_path).files("fills")[0].unlink()
    with pytest.raises(HistoryFault):
        History(views).range("fills", Moment(), Moment(), {"venue": "sim"})
    views.close()


def test_the_tail_can_be_left_half_way(past, tmp_path, monkeypatch):
    class Enough(Exception):
        pass

    monkeypatch.setattr("gateway.history.views.TAIL_ROWS_PER_STEP", 100)
    calls = 0

    def between():
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Enough

    with pytest.raises(Enough):
        Views(past.directory, tmp_path, str(past.ring), threads=1, between=between)
    assert calls == 3


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda h: h.as_of("fills", Moment()), "UNKNOWN_TABLE"),
        (lambda h: h.range("fils", Moment(), Moment()), "UNKNOWN_TABLE"),
        (lambda h: h.range("fills", Moment(), Moment(), {}, columns=["prise"]), "UNKNOWN_COLUMN"),
        (lambda h: h.range("fills", Moment(), Moment(), {"'; DROP": "x"}), "UNKNOWN_COLUMN"),
        (lambda h: h.range("fills", Moment(), Moment(), {"order_id": "x"}), "BAD_VALUE"),
        (lambda h: h.range("fills", Moment(), Moment(), limit=10**9), "BAD_VALUE"),
        (lambda h: h.downsample("fills", "venue", 1, (Moment(), Moment())), "NOT_A_NUMBER"),
        (lambda h: h.downsample("fills", "price", 0, (Moment(), Moment())), "BAD_VALUE"),
    ],
)
def test_a_question_without_an_answer_says_why(history, ask, code):
    with pytest.raises(HistoryFault) as caught:
        ask(history)
    assert caught.value.code == code


def test_an_unknown_column_is_told_the_nearest(history):
    with pytest.raises(HistoryFault, match="did you mean price"):
        history.range("fills", Moment(), Moment(), {}, columns=["prise"])


def test_a_value_is_never_part_of_a_statement(history):
    hostile = "x' OR 1=1 --"
    assert history.range("fills", Moment(), Moment(), {"instrument": hostile}).rows == []
