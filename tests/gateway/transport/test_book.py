"""A book follows its venue's rule or is no book: recorded traffic, generated traffic, holes."""

import json
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_traffic import recorded_lines

from gateway.api import VenueProtocolError
from gateway.transport import BookBuilder, BookLevel, BookUpdate

Message = dict[str, Any]


def recorded() -> tuple[dict[str, Message], list[Message]]:
    """(snapshot by symbol, depth updates in order)."""
    snapshots = {
        address.partition("symbol=")[2].partition("&")[0]: json.loads(document)
        for address, document in recorded_lines("http.txt")
        if "/depth?symbol=" in address
    }
    frames = [frame for _, frame in recorded_lines("ws.txt") if '"depthUpdate"' in frame]
    return snapshots, [json.loads(frame)["data"] for frame in frames]


def generated(seed: int = 1, steps: int = 400) -> tuple[dict[str, Message], list[Message]]:
    """The same shape from a seed: two symbols, numbers with holes, a snapshot in the middle."""
    random, updates, snapshots, number = Random(seed), list[Message](), {}, 1_000
    for symbol in ("AAA", "BBB"):
        sides: list[dict[str, str]] = [{}, {}]
        previous = number
        for step in range(steps):
            first = number + random.randint(1, 9)
            number = first + random.randint(0, 9)
            rows: list[list[list[str]]] = [[], []]
            for side in (0, 1):
                for _ in range(random.randint(0, 4)):
                    tick = random.randint(1, 60)
                    price = f"{1_000 - tick if side == 0 else 1_000 + tick:04d}"
                    price = f"{int(price[:-2])}.{price[-2:]}"
                    quantity = random.choice(["0", "0.000", f"{random.randint(1, 999)}.5"])
                    rows[side].append([price, quantity])
                    sides[side][price] = quantity
            updates.append({"s": symbol, "U": first, "u": number, "pu": previous,
                            "b": rows[0], "a": rows[1]})  # fmt: skip
            previous = number
            if step == 40:
                held = [[[p, q] for p, q in each.items() if q.strip("0.")] for each in sides]
                snapshots[symbol] = {"lastUpdateId": number - random.randint(0, 1),
                                     "bids": held[0], "asks": held[1]}  # fmt: skip
    return snapshots, updates


def naive(snapshot: Message, updates: list[Message]) -> tuple[list[Any], list[Any]]:
    """The book without any cleverness: decimals in dictionaries, no check of any number."""
    sides = [dict[Decimal, tuple[str, str]](), dict[Decimal, tuple[str, str]]()]
    rows = [(snapshot["bids"], snapshot["asks"])]
    rows += [(each["b"], each["a"]) for each in updates if each["u"] >= snapshot["lastUpdateId"]]
    for both in rows:
        for side, changes in zip(sides, both, strict=True):
            for price, quantity in changes:
                side.pop(Decimal(price), None)
                if Decimal(quantity):
                    side[Decimal(price)] = (price, quantity)
    bids = [sides[0][price] for price in sorted(sides[0], reverse=True)]
    return bids, [sides[1][price] for price in sorted(sides[1])]


def spoken(update: Message) -> BookUpdate:
    return BookUpdate(update["b"], update["a"], update["u"], update["U"], update["pu"])


def opening(snapshot: Message) -> BookUpdate:
    return BookUpdate(snapshot["bids"], snapshot["asks"], snapshot["lastUpdateId"])


@pytest.mark.parametrize("source", [recorded, generated])
@pytest.mark.parametrize("snapshot_after", [0, 7, 10**6])
def test_traffic_of_binance_usdm_makes_the_book_an_independent_reading_makes(
    source: Any, snapshot_after: int
) -> None:
    snapshots, updates = source()
    assert len(snapshots) >= 2 and len(updates) > 500
    for symbol, snapshot in snapshots.items():
        mine = [each for each in updates if each["s"] == symbol]
        book, shown, late = BookBuilder("previous_update"), 0, 0
        # The snapshot is asked for while the stream runs, and comes when it comes.
        come = next(at for at, each in enumerate(mine) if each["u"] >= snapshot["lastUpdateId"])
        come = min(come + snapshot_after, len(mine) - 1)
        for at, each in enumerate(mine):
            if at == come:
                assert book.snapshot(opening(snapshot))
            late += book.update(spoken(each)) is False and at > come
            if at >= come and (at % 50 == 0 or at == len(mine) - 1):
                assert list(book.depth(10**6)) == list(naive(snapshot, mine[: at + 1]))
                shown += 1
        assert book.gaps == 0 and late == 0 and book.state == "live" and shown
        assert list(book.depth(10**6)) == list(naive(snapshot, mine))
        bids, asks = book.depth(1)
        assert book.best() == (bids[0], asks[0])
        assert Decimal(bids[0].price) < Decimal(asks[0].price)


@pytest.mark.parametrize("rule", ["previous_update", "update_ranges", "checksum"])
@given(dropped=st.integers(10, 90), seed=st.integers(0, 50))
@settings(max_examples=25)
def test_one_lost_update_is_a_gap_until_a_new_snapshot(rule: Any, dropped: int, seed: int) -> None:
    reasons: list[str] = []
    _, updates = generated(seed, 100)
    mine = [each for each in updates if each["s"] == "AAA"]
    book = BookBuilder(rule, on_gap=reasons.append)
    if rule == "update_ranges":  # numbers without holes
        for each in mine:
            each["U"] = each["pu"] + 1

    def tell(each: Message) -> bool:
        if rule == "checksum":
            return book.update(BookUpdate(each["b"], each["a"], each["u"], previous=each["pu"]))
        return book.update(spoken(each))

    start = {"bids": [], "asks": [], "lastUpdateId": mine[0]["pu"]}
    book.snapshot(opening(start))
    for at, each in enumerate(mine):
        if at != dropped:
            assert tell(each) == (at < dropped)
        if at == dropped + 1:
            assert book.state == "gap" and book.needs_snapshot and book.gaps == 1
            assert book.best() == (None, None) and book.depth(5) == ([], [])
    assert len(reasons) == 1 and "follow" in reasons[0] and book.reason == reasons[0]
    middle = (dropped + 1 + len(mine)) // 2
    held = naive(start, mine[: middle + 1])
    again = BookUpdate(*held, last=mine[middle]["u"])
    if rule == "checksum":
        assert book.update(again._replace(previous=-1))
        for each in mine[middle + 1 :]:
            assert tell(each)
    else:  # what was kept since the hole carries on from there
        assert book.snapshot(again)
    assert list(book.depth(10**6)) == list(naive(start, mine)) and book.state == "live"


def test_a_snapshot_that_is_too_old_is_a_gap_and_a_newer_one_still_follows() -> None:
    snapshots, updates = generated()
    mine = [each for each in updates if each["s"] == "AAA"]
    asked: list[str] = []
    book = BookBuilder("previous_update", on_gap=asked.append)
    for each in mine[45:]:
        book.update(spoken(each))
    assert not book.snapshot(opening(snapshots["AAA"])) and len(asked) == 1
    held = naive(snapshots["AAA"], mine[:60])
    assert book.snapshot(BookUpdate(*held, last=mine[59]["u"]))
    assert list(book.depth(10**6)) == list(naive(snapshots["AAA"], mine))


def test_repeated_and_overlapping_updates_of_spot_are_normal() -> None:
    book = BookBuilder("update_ranges")
    book.snapshot(BookUpdate([["1.0", "1"]], [["2.0", "1"]], 100))
    assert not book.update(BookUpdate([["1.0", "9"]], [], 100, 90))
    assert book.update(BookUpdate([["1.0", "2"]], [], 105, 95))
    assert book.update(BookUpdate([["1.0", "3"]], [], 107, 104))
    assert not book.update(BookUpdate([["1.0", "9"]], [], 107, 106))
    assert book.best()[0] == ("1.0", "3")
    assert not book.update(BookUpdate([], [], 120, 109))
    assert book.state == "gap"


def test_sequence_numbers_of_okx_may_stand_still_and_fall() -> None:
    book = BookBuilder("checksum")
    assert book.update(BookUpdate([["1", "1"]], [["2", "1"]], 10, previous=-1))
    assert book.update(BookUpdate([], [], 10, previous=10))  # nothing for a minute
    assert book.update(BookUpdate([["1", "2"]], [], 15, previous=10))
    assert book.update(BookUpdate([["1", "3"]], [], 3, previous=15))  # maintenance
    assert book.update(BookUpdate([["1", "4"]], [], 5, previous=3))
    assert not book.update(BookUpdate([["1", "9"]], [], 5, previous=3))  # twice
    assert book.state == "live" and book.best()[0] == ("1", "4")


def okx_text(bids: list[Any], asks: list[Any]) -> str:
    """The text that is summed, written anew: pairs while both sides last, then the rest."""
    pairs = [f"{b[0]}:{b[1]}:{a[0]}:{a[1]}" for b, a in zip(bids, asks, strict=False)]
    rest = bids[len(asks) :] or asks[len(bids) :]
    return ":".join(pairs + [f"{each[0]}:{each[1]}" for each in rest])


@pytest.mark.parametrize("bid_count", [0, 1, 24, 25, 40])
@pytest.mark.parametrize("ask_count", [0, 3, 25, 40])
def test_the_checksum_is_over_the_venues_own_text(bid_count: int, ask_count: int) -> None:
    bids = [[f"{100 - at}.10", f"{at}.00", "0", "1"] for at in range(1, bid_count + 1)]
    asks = [[f"{100 + at}.0", f"{at}.500", "0", "1"] for at in range(1, ask_count + 1)]
    told = crc32(okx_text(bids[:25], asks[:25]).encode())
    signed = told - 2**32 if told >= 2**31 else told  # the venue writes it signed
    book = BookBuilder("checksum")
    assert book.update(BookUpdate(bids, asks, 5, previous=-1, checksum=signed))
    for silent in (0, None):  # the venue no longer computes it
        assert book.update(BookUpdate([], [], 5, previous=5, checksum=silent))
    if told:
        assert not book.update(BookUpdate([], [], 6, previous=5, checksum=signed ^ 1))
        assert book.state == "gap" and "checksum" in book.reason


def test_the_summed_text_alternates_bids_and_asks() -> None:
    text = okx_text([["3366.1", "7"], ["3366", "6"]], [["3366.8", "9"], ["3368", "8"]])
    assert text == "3366.1:7:3366.8:9:3366:6:3368:8"
    book = BookBuilder("checksum")
    bids = [["3366.1", "7", "0", "3"], ["3366", "6", "3", "4"]]
    asks = [["3366.8", "9", "10", "3"], ["3368", "8", "3", "4"]]
    assert book.update(BookUpdate(bids, asks, 1, previous=-1, checksum=crc32(text.encode())))
    assert book.depth(2) == (
        [BookLevel("3366.1", "7"), BookLevel("3366", "6")],
        [BookLevel("3366.8", "9"), BookLevel("3368", "8")],
    )


def test_whole_books_replace_each_other_and_old_ones_are_passed_over() -> None:
    book = BookBuilder("snapshots")
    assert book.update(BookUpdate([["1", "1"]], [["2", "1"]], 5))
    assert not book.update(BookUpdate([["1", "9"]], [["2", "9"]], 5))
    assert book.update(BookUpdate([["1.5", "2"], ["1.2", "0"]], [], 6))
    assert book.depth(9) == ([("1.5", "2")], [])


def test_a_cut_line_loses_the_book() -> None:
    reasons: list[str] = []
    book = BookBuilder("checksum", on_gap=reasons.append)
    book.lose("nothing to lose yet")
    assert book.update(BookUpdate([["1", "1"]], [], 10, previous=-1))
    for _ in "twice":
        book.lose("cut")
    assert reasons == ["cut"] and book.state == "gap" and book.gaps == 1


@pytest.mark.parametrize(
    "row",
    [["", "1"], ["x", "1"], ["1e5", "1"], ["-1", "1"], ["1", ""], ["1", "x"], ["1", "-1"],
     ["1", "1e5"], ["NaN", "1"], ["٣", "1"], ["1", "٣"], ["1." + "1" * 19, "1"], ["1" * 50, "1"],
     ["1.1.1", "1"], ["1", "1.1.1"], [" 1", "1"]],
)  # fmt: skip
def test_nonsense_in_a_level_loses_the_book_and_is_named(row: list[str]) -> None:
    book = BookBuilder("checksum")
    assert book.update(BookUpdate([["1", "1"]], [], 10, previous=-1))
    with pytest.raises(VenueProtocolError):
        book.update(BookUpdate([["2", "1"], row], [], 11, previous=10))
    assert book.state == "gap"


@pytest.mark.parametrize(
    ("rule", "update"),
    [
        ("checksum", BookUpdate([], [], 11)),
        ("previous_update", BookUpdate([], [], 11, 11)),
        ("previous_update", BookUpdate([], [], 11, previous=10)),
        ("update_ranges", BookUpdate([], [], 11, 12)),
    ],
)
def test_an_update_without_its_numbers_is_nonsense(rule: Any, update: BookUpdate) -> None:
    book = BookBuilder(rule)
    book.snapshot(BookUpdate([], [], 10))
    with pytest.raises(VenueProtocolError):
        book.update(update)


def ladder() -> Iterator[tuple[str, str]]:
    for text in (
        "10",
        "9.999999999999999999",
        "9.9",
        "9.90000000000000001",
        "0.000000000000000001",
    ):
        yield text, "1"


def test_prices_are_ordered_exactly() -> None:
    book = BookBuilder("snapshots")
    book.update(BookUpdate(list(ladder()), list(ladder())))
    bids, asks = book.depth(9)
    expected = sorted((price for price, _ in ladder()), key=Decimal)
    assert [each.price for each in asks] == expected
    assert [each.price for each in bids] == expected[::-1]
    with pytest.raises(ValueError):
        BookBuilder("none")
