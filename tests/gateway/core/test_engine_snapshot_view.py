"""A snapshot of the engine's journal opened as numpy arrays: the rows the engine itself shows, in
place, with the layouts that the public C header states."""

import hashlib
import subprocess
from decimal import Decimal
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from gateway.journal import snapshot_view as door

ROOT = Path(__file__).parents[3]
HEADERS = ROOT / "core_ext/include"
READER = ROOT / "tests/core_ext/state/read_snapshot.c"
SCALE = Decimal(10) ** -18


@pytest.fixture
def desk(open_world):
    """A desk that traded, stopped; its snapshot lies in the journal's directory."""
    from gateway._core.journal import Replica

    world = open_world(orders_max=256)
    for number in range(12):
        side = 1 + number % 2
        order_id = world.working(side, "3")
        if number % 3:
            world.fill(order_id, f"1.{number:03d}", side=side)
    inverse = world.working(1, "500", instrument=world.inverse)
    world.fill(inverse, "500", instrument=world.inverse)
    world.engine.stop()
    replica = Replica(world.journal, "", False)
    replica.follow(1 << 20)
    replica.write_snapshot()
    return replica, Path(world.journal)


def money(rows):
    """Decimals of 128-bit rows."""
    return [
        (high * 2**64 + low) * SCALE
        for low, high in zip(rows["low"].tolist(), rows["high"].tolist(), strict=True)
    ]


def shown(texts):
    """Texts of rows as str."""
    return [text.decode() for text in texts.tolist()]


def test_orders_positions_and_balances_are_those_the_replica_shows(desk):
    replica, journal = desk
    path = door.newest_snapshot(journal)
    view = door.SnapshotView(path)
    assert view.sequence == replica.sequence
    instruments = view["instruments"]
    rows = {row["order_id"]: row for row in replica.orders(False)}
    orders = view["orders"]
    assert [str(number) for number in orders["order_id"].tolist()] == sorted(rows, key=int)
    for order in orders:
        row = rows[str(order["order_id"])]
        scale = Decimal(10) ** -int(instruments[order["instrument"] - 1]["quantity_scale"])
        assert int(order["quantity"]) * scale == Decimal(row["quantity"])
        assert int(order["cumulative"]) * scale == Decimal(row["cumulative_quantity"])
        assert order["venue_order_id"].decode() == row["venue_order_id"]
        assert int(order["sequence"]) == row["sequence"]
    positions = view["positions"]
    symbols = shown(instruments["symbol"][positions["instrument"] - 1])
    ours = {row["instrument"]: row for row in replica.positions()}
    assert sorted(symbols) == sorted(ours)
    for symbol, cost, realised in zip(
        symbols, money(positions["cost_e18"]), money(positions["realised_e18"]), strict=True
    ):
        assert cost == Decimal(ours[symbol]["cost"]), symbol
        assert realised == Decimal(ours[symbol]["realised"]), symbol
    balances = view["balances"]
    codes = shown(view["currencies"]["code"][balances["currency"] - 1])
    totals = {row["currency"]: Decimal(row["total"]) for row in replica.balances()}
    assert dict(zip(codes, money(balances["total_e18"]), strict=True)) == totals


def test_the_arrays_lie_over_the_file_and_cannot_be_written(desk):
    _, journal = desk
    path = door.newest_snapshot(journal)
    view = door.SnapshotView(path)
    mapped = view._file
    first = mapped.__array_interface__["data"][0]
    for name, (_, dtype) in door.TABLES.items():
        rows = view[name]
        assert rows.dtype == dtype
        assert not rows.flags.owndata and not rows.flags.writeable
        address = rows.__array_interface__["data"][0]
        assert address % 64 == 0, name
        assert first < address <= first + len(mapped), name
        assert address + rows.nbytes <= first + len(mapped), name


def test_a_view_outlives_what_opened_it_and_the_file(desk):
    _, journal = desk
    path = door.newest_snapshot(journal)
    positions = door.SnapshotView(path)["positions"]
    before = positions.tolist()
    path.unlink()
    assert positions.tolist() == before


def test_a_snapshot_is_valued_where_it_lies(desk):
    from gateway.valuation.mark import mark_columns, money_integers

    replica, journal = desk
    view = door.SnapshotView(door.newest_snapshot(journal))
    positions = view["positions"]
    instruments = view["instruments"][positions["instrument"] - 1]
    inverse = instruments["kind"] == 3
    contracts = instruments["quantity_scale"] + instruments["multiplier_scale"]
    mark_scale = 2
    valued = mark_columns(
        quantity=np.ascontiguousarray(positions["quantity"]),
        mark=np.full(len(positions), 10_100, np.int64),
        multiplier=np.ascontiguousarray(instruments["multiplier"]),
        cost_e18=np.ascontiguousarray(positions["cost_e18"]),
        scale=np.where(inverse, contracts - mark_scale, contracts + mark_scale).astype(np.int8),
        kind=np.ascontiguousarray(instruments["kind"]),
    )
    for symbol in shown(instruments["symbol"]):
        assert replica.set_mark(symbol, "101.00", 1)
    ours = {row["instrument"]: row["unrealised"] for row in replica.positions()}
    found = dict(zip(shown(instruments["symbol"]), money_integers(valued.unrealised_e18),
                     strict=True))  # fmt: skip
    assert {name: value * SCALE for name, value in found.items()} == {
        name: Decimal(value) for name, value in ours.items()
    }
    assert any(found.values())


def damaged(path, at, new):
    """A copy with other bytes at one place, its checksum of the payload made good."""
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    data[48:80] = hashlib.sha256(bytes(data[128:])).digest()
    copy = path.with_name("snapshot-00000000000000000001.state")
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize(
    ("at", "new", "message"),
    [
        (0, b"GWSNAP02", "no snapshot of version 5"),
        (8, b"\x01", "no snapshot of version 5"),
        (40, b"\x01\x00", "size does not match"),
        (128, b"GWSTATE1", "GWSTATE1"),
        (136, b"\x08", "another layout"),
        (140, b"\x21", "another layout"),
        (144 + 32 * 5 + 4, b"\x01", "orders of another layout"),
        (144 + 32 * 5 + 8, b"\x01", "orders of another layout"),
        (144 + 32 * 5 + 16, b"\xff\xff\xff", "orders reach beyond the file"),
    ],
)
def test_a_file_of_another_layout_is_refused_by_name(desk, at, new, message):
    _, journal = desk
    copy = damaged(door.newest_snapshot(journal), at, new)
    with pytest.raises(ValueError, match=f"{copy.name}: .*{message}"):
        _ = door.SnapshotView(copy)["orders"]


def test_a_flipped_bit_is_found_and_a_cut_file_refused(desk):
    _, journal = desk
    path = door.newest_snapshot(journal)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    copy = path.with_name("snapshot-00000000000000000001.state")
    copy.write_bytes(data)
    with pytest.raises(ValueError, match="SHA-256"):
        door.SnapshotView(copy)
    assert len(door.SnapshotView(copy, is_checked=False)["orders"]) > 0
    copy.write_bytes(data[:200])
    with pytest.raises(ValueError, match="shorter than its header"):
        door.SnapshotView(copy)


@pytest.mark.skipif(which("cc") is None, reason="no C compiler")
def test_every_field_lies_where_the_c_header_says(tmp_path):
    program = tmp_path / "read"
    build = ["cc", "-std=c11", "-Wall", "-Werror", f"-I{HEADERS}", str(READER), "-o", str(program)]
    subprocess.run(build, check=True)
    lines = subprocess.run([program, "layout"], capture_output=True, text=True, check=True).stdout
    stated = {}
    for table, field, offset, size in (line.split() for line in lines.splitlines()):
        stated.setdefault(table, {})[field] = (int(offset), int(size))
    for table, fields in stated.items():
        dtype = getattr(door, table.upper())
        assert fields.pop("-") == (0, dtype.itemsize), table
        ours = {name: (place[1], place[0].itemsize) for name, place in dtype.fields.items()}
        assert fields == {name: ours[name] for name in fields}, table
        links = {"next", "previous", "id_next", "number_next", "venue_id_next", "route", "version"}
        hidden = {name for name in ours if name.startswith("reserved")} | links
        assert set(ours) - set(fields) <= hidden, table
