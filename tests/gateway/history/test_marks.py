"""What instruments were worth in the past, as far as it was sampled."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.history.archive import Archiver
from gateway.history.durable import locked
from gateway.history.mark_samples import MARKS_DIRECTORY, MarkSampler, day_of
from gateway.history.marks import SAMPLE_NS_MAX, close_days, delete_days, marks_at
from gateway.history.queries import History
from gateway.history.time_machine import state_at
from gateway.history.views import Views
from gateway.journal import JournalPlace
from gateway.market import Reference
from gateway.market.reader import MarketChanges

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
NOON_NS = 1_795_262_400 * SECOND_NS  # 2026-11-21
EXACT = "64000.123456789012345678"


class Market:
    """A market file's reader that tells what a test put there."""

    def __init__(self):
        self.told = []

    def look(self):
        return []

    def changes(self):
        found, self.told = self.told, []
        return MarketChanges([], [], found)

    def tell(self, instrument, mark, time_ns):
        self.told.append(Reference("sim", instrument, mark, time_ns, None, 0))


class Desk:
    """A sampler with everything it reads."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.archive = directory / "history"
        self.now_ns = NOON_NS
        self.market = Market()
        self.sampler = MarkSampler(directory, self.archive, lambda: self.now_ns, self.market)

    def value(self, **marks):
        told = {name: {"mark": mark, "time_ns": time_ns} for name, (mark, time_ns) in marks.items()}
        (self.directory / "marks.json").write_text(json.dumps(told))

    def at(self, time_ns):
        return {each.instrument: each for each in marks_at(self.archive, time_ns)}


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_sample_says_price_source_and_age_to_the_last_digit(desk):
    desk.value(BTC=(EXACT, NOON_NS - 1500_000_000))
    desk.market.tell("ETH", "0.000000000000000001", NOON_NS)
    desk.market.tell("BTC", "1", NOON_NS)
    assert desk.sampler.write() == 3
    found = desk.at(NOON_NS)
    assert found["BTC"] == (NOON_NS, "BTC", EXACT, "engine", 1500)
    assert found["ETH"] == (NOON_NS, "ETH", "0.000000000000000001", "venue", 0)


def test_what_a_venue_said_once_is_in_later_samples_with_its_age(desk):
    desk.market.tell("ETH", "3000", NOON_NS)
    desk.sampler.write()
    desk.now_ns += 60 * SECOND_NS
    assert desk.sampler.write() == 1
    assert desk.at(desk.now_ns)["ETH"].age_ms == 60_000
    assert desk.at(desk.now_ns - 1)["ETH"].age_ms == 0


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1", "0", "", "1e20", "1e-19", "x"])
def test_a_price_that_is_none_or_would_lose_a_digit_is_left_out(desk, price):
    desk.market.tell("BTC", price, NOON_NS)
    desk.market.tell("ETH", "1E+3", NOON_NS)
    assert desk.sampler.write() == 1
    assert desk.at(NOON_NS)["ETH"].mark == "1000"


def test_a_sample_of_the_day_before_counts_for_an_hour(desk):
    desk.now_ns = NOON_NS + 12 * HOUR_NS - SECOND_NS
    desk.market.tell("BTC", "5", desk.now_ns)
    desk.sampler.write()
    assert desk.at(desk.now_ns - 1) == {}
    assert desk.at(desk.now_ns + SAMPLE_NS_MAX)["BTC"].mark == "5"
    assert desk.at(desk.now_ns + SAMPLE_NS_MAX + 1) == {}


def test_a_line_that_was_cut_off_is_none_and_swallows_none(desk):
    desk.market.tell("BTC", "5", NOON_NS)
    desk.sampler.write()
    (path,) = (desk.archive / MARKS_DIRECTORY).iterdir()
    whole = path.read_bytes()
    later = str(NOON_NS + SECOND_NS).encode()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole.replace(str(NOON_NS).encode(), later)[:cut])
        assert desk.at(NOON_NS)["BTC"].mark == "5"
        if cut < len(whole) - 1:
            assert desk.at(NOON_NS + SECOND_NS)["BTC"].time_ns == NOON_NS
    path.write_bytes(whole[:-9])
    desk.sampler.write()
    assert desk.at(NOON_NS)["BTC"].mark == "5"


def test_a_name_that_would_need_a_quote_is_left_out_and_a_cut_quote_swallows_no_line(desk):
    for name in ('B"T', "B,T", "BTC"):
        desk.market.tell(name, "5", NOON_NS)
    assert desk.sampler.write() == 1
    (path,) = (desk.archive / MARKS_DIRECTORY).iterdir()
    path.write_bytes(b'123,"X,Y')
    desk.sampler.write()
    assert desk.at(NOON_NS)["BTC"].mark == "5"
    assert close_days(desk.archive, NOON_NS + 13 * HOUR_NS) == ["2026-11-21"]
    assert desk.at(NOON_NS)["BTC"].mark == "5"


def test_a_text_of_which_whole_lines_would_be_lost_stays(desk):
    desk.market.tell("BTC", "5", NOON_NS)
    desk.sampler.write()
    (path,) = (desk.archive / MARKS_DIRECTORY).iterdir()
    text = path.read_bytes() + b'1,"B,T",5,venue,0,.\n'
    path.write_bytes(text)
    assert close_days(desk.archive, NOON_NS + 13 * HOUR_NS) == []
    assert [each.read_bytes() for each in path.parent.iterdir()] == [text]


def test_a_sample_of_which_a_part_was_written_is_an_error(desk, monkeypatch):
    desk.market.tell("BTC", "5", NOON_NS)
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole_write(file, data[:5]))
    with pytest.raises(OSError, match="5 of"):
        desk.sampler.write()


def test_no_sample_is_written_below_the_room_that_shall_stay(desk):
    desk.market.tell("BTC", "5", NOON_NS)
    room = 100
    sampler = MarkSampler(
        desk.directory, desk.archive, lambda: NOON_NS, desk.market,
        free_bytes_min=100, free_bytes_of=lambda path: room,
    )  # fmt: skip
    assert sampler.write() == 1
    room = 99
    with pytest.raises(OSError, match="free_mib_min"):
        sampler.write()


class Killed(BaseException):
    pass


def killing(place):
    steps = 0

    def step(name):
        nonlocal steps
        if steps == place:
            raise Killed
        steps += 1

    return step


def test_days_that_are_over_become_the_same_file_wherever_a_run_is_killed(desk):
    for price in range(1, 50):
        desk.now_ns += 60 * SECOND_NS
        desk.market.tell("BTC", str(price), desk.now_ns)
        desk.sampler.write()
    before = desk.at(desk.now_ns - 600 * SECOND_NS)
    place = desk.archive / MARKS_DIRECTORY
    written = (place / "day=2026-11-21.csv").read_bytes()
    assert close_days(desk.archive, NOON_NS + 12 * HOUR_NS + HOUR_NS // 2) == []
    later_ns = NOON_NS + 13 * HOUR_NS
    assert close_days(desk.archive, later_ns) == ["2026-11-21"]
    whole = (place / "day=2026-11-21.parquet").read_bytes()
    assert not list(place.glob("*.csv"))
    assert desk.at(desk.now_ns - 600 * SECOND_NS) == before
    for kill in range(4):
        (place / "day=2026-11-21.csv").write_bytes(written)
        (place / "day=2026-11-21.parquet").unlink()
        with pytest.raises(Killed):
            close_days(desk.archive, later_ns, killing(kill))
        assert desk.at(desk.now_ns - 600 * SECOND_NS) == before
        close_days(desk.archive, later_ns)
        assert (place / "day=2026-11-21.parquet").read_bytes() == whole
    assert delete_days(desk.archive, 1, NOON_NS + 24 * HOUR_NS) == 0
    assert delete_days(desk.archive, 1, NOON_NS + 48 * HOUR_NS) == 1
    assert desk.at(desk.now_ns) == {}


def test_sql_reads_samples_of_closed_and_open_days_and_no_samples(desk):
    def ask(query):
        views = Views(None, desk.archive, threads=1)
        views.close_to_files()
        try:
            return History(views).sql(query).rows
        finally:
            views.close()

    count = "SELECT count(*) AS n, sum(mark) AS sum FROM marks"
    assert ask(count) == [{"n": 0, "sum": None}]
    desk.market.tell("BTC", EXACT, desk.now_ns)
    desk.sampler.write()
    archiver = Archiver(desk.directory, desk.archive)
    desk.now_ns += 24 * HOUR_NS
    assert archiver.close_days(desk.now_ns) == [day_of(NOON_NS)]
    desk.sampler.write()
    assert ask(count) == [{"n": 2, "sum": str(2 * Decimal(EXACT))}]


def test_two_programs_close_no_day_together(desk):
    from gateway.history.faults import ArchiveFault

    archiver = Archiver(desk.directory, desk.archive)
    with locked(desk.archive), pytest.raises(ArchiveFault) as caught:
        archiver.close_days(NOON_NS)
    assert caught.value.code == "ARCHIVE_BUSY"


def test_positions_of_the_past_are_worth_what_was_sampled_then(past, desk):
    station = past.stations[3]
    place = JournalPlace(past.directory, past.ring)
    plain = state_at(place, sequence=station["sequence"])
    held = next(row for row in plain.positions if Decimal(row["quantity"]))
    assert held["mark"] is None and held["unrealised"] is None
    desk.now_ns = plain.time_ns
    for name, price in ((held["instrument"], "123.45"), ("NOBODY", "1")):
        desk.market.tell(name, price, plain.time_ns - 2 * SECOND_NS)
    desk.sampler.write()
    found = state_at(
        place, sequence=station["sequence"], marks=lambda time_ns: marks_at(desk.archive, time_ns)
    )
    row = next(each for each in found.positions if each["instrument"] == held["instrument"])
    assert (row["mark"], row["mark_age_ms"]) == ("123.45", 2000)
    profit = Decimal(row["quantity"]) * Decimal("123.45") - Decimal(row["cost"])
    assert Decimal(row["unrealised"]) == profit
    assert found.state_hash == plain.state_hash == station["state_hash"]
