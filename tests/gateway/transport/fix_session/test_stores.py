"""What a session remembers: equal answers of both stores, and a file that was cut or damaged."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.transport.fix_session import FileStore, MemoryStore, SessionStore, StoreError
from gateway.transport.fix_session.message import encode

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.binary(max_size=40)),
        st.tuples(st.just("expected"), st.integers(1, 10**9)),
        st.tuples(st.just("outgoing"), st.integers(1, 10**9)),
        st.tuples(st.just("reset"), st.integers(1, 10**18)),
        st.tuples(st.just("flush"), st.none()),
    ),
    max_size=25,
)


def apply(store: SessionStore, steps: list[tuple[str, object]]) -> None:
    for word, value in steps:
        match word:
            case "save":
                assert isinstance(value, bytes)
                store.save(store.next_outgoing, value)
            case "expected":
                assert isinstance(value, int)
                store.set_next_expected(value)
            case "outgoing":
                assert isinstance(value, int)
                store.set_next_outgoing(value)
            case "reset":
                assert isinstance(value, int)
                store.reset(value)
            case _:
                store.flush()


def told(store: SessionStore) -> tuple[object, ...]:
    kept = list(store.range(max(1, store.next_outgoing - 50), store.next_outgoing))
    return store.next_outgoing, store.next_expected, store.created_ns, kept


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_both_stores_answer_alike_and_the_file_after_a_restart(
    tmp_path: Path, steps: list[tuple[str, object]]
) -> None:
    path = tmp_path / "one.session"
    path.unlink(missing_ok=True)
    memory, file = MemoryStore(7), FileStore(path, now_ns=7)
    apply(memory, steps)
    apply(file, steps)
    assert told(file) == told(memory)
    file.close()
    size = path.stat().st_size
    again = FileStore(path, now_ns=9)
    assert told(again) == told(memory) and path.stat().st_size == size
    again.close()


def filled(path: Path) -> tuple[bytes, list[tuple[object, ...]]]:
    """The bytes of a store and what it told after every record."""
    store = FileStore(path, now_ns=1)
    states = [told(store)]
    for number in range(1, 5):
        store.save(number, b"message %d" % number)
        store.flush()
        states.append(told(store))
        store.set_next_expected(number + 1)
        store.flush()
        states.append(told(store))
    store.close()
    return path.read_bytes(), states


def test_a_file_that_ends_anywhere_is_cut_to_its_last_whole_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, states = filled(tmp_path / "whole.session")
    path = tmp_path / "cut.session"
    seen = []
    for length in range(33, len(data) + 1):
        path.write_bytes(data[:length])
        caplog.clear()
        store = FileStore(path, now_ns=1)
        cut = length - path.stat().st_size
        assert (f"torn tail of {cut} bytes cut" in caplog.text) == (cut > 0), length
        assert told(store) in states, length
        if not seen or seen[-1] != told(store):
            seen.append(told(store))
        store.save(store.next_outgoing, b"after")
        store.close()
        caplog.clear()
        again = FileStore(path, now_ns=1)
        assert list(again.range(1, 99))[-1][1] == b"after" and not caplog.text
        again.close()
    assert seen == states


def test_a_damaged_middle_is_refused_by_name_and_byte(tmp_path: Path) -> None:
    data, _ = filled(tmp_path / "whole.session")
    path = tmp_path / "bad.session"
    for position in range(35, len(data) - 40, 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x40]) + data[position + 1 :])
        with pytest.raises(StoreError, match=r"bad\.session: damaged at byte"):
            FileStore(path, now_ns=1)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.session"
    path.write_bytes(b"x" * 100)
    with pytest.raises(StoreError, match="no session store"):
        FileStore(path, now_ns=1)


def test_a_session_is_open_once(tmp_path: Path) -> None:
    first = FileStore(tmp_path / "one.session", now_ns=1)
    with pytest.raises(StoreError, match="in use"):
        FileStore(tmp_path / "one.session", now_ns=1)
    first.close()
    FileStore(tmp_path / "one.session", now_ns=1).close()


def test_after_a_failed_write_nothing_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path / "one.session", now_ns=1)
    store.save(1, b"good")
    store.flush()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        store.save(2, b"bad")
        with pytest.raises(StoreError, match="No space left"):
            store.flush()
    with pytest.raises(StoreError, match="failed before"):
        store.flush()
    store.close()
    again = FileStore(tmp_path / "one.session", now_ns=1)
    assert again.next_outgoing == 2
    again.close()


def test_what_is_not_flushed_yet_can_be_sent_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "one.session", now_ns=1, is_synced=True)
    store.save(1, b"fresh")
    assert list(store.range(1, 5)) == [(1, b"fresh")]
    store.close()


@pytest.mark.parametrize(
    ("kind", "tag"), [(b"A", 96), (b"A", 553), (b"A", 554), (b"BE", 554), (b"BF", 925)]
)
def test_a_secret_is_never_in_the_file_and_its_number_is_filled(
    tmp_path: Path, kind: bytes, tag: int
) -> None:
    path = tmp_path / "one.session"
    store = FileStore(path, now_ns=5)
    store.save(1, encode([(8, b"FIX.4.4"), (35, b"8"), (34, b"1"), (58, b"told")]))
    secret = [(8, b"FIX.4.4"), (35, kind), (34, b"2"), (95, b"7"), (tag, b"hunter2")]
    store.save(2, encode(secret))
    store.save(3, encode([(8, b"FIX.4.4"), (35, b"8"), (34, b"3"), (58, b"later")]))
    assert [number for number, _ in store.range(1, 3)] == [1, 3]
    store.close()
    assert b"hunter2" not in path.read_bytes() and b"later" in path.read_bytes()
    again = FileStore(path, now_ns=9)
    assert (again.next_outgoing, [number for number, _ in again.range(1, 9)]) == (4, [1, 3])
    again.close()


def test_of_prices_a_store_keeps_no_more_than_their_number(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "one.session", now_ns=5)
    store.save(1, encode([(8, b"FIX.4.4"), (35, b"W"), (34, b"1"), (270, b"99.5")]))
    assert store.next_outgoing == 2 and list(store.range(1, 2)) == []
    store.close()
    assert b"99.5" not in store.path.read_bytes()


def test_a_side_that_repeats_nothing_keeps_numbers_alone_and_waits_only_for_its_own(
    tmp_path, monkeypatch
):
    """What was received last may come again; what was sent may not have a number twice."""
    waits = []
    monkeypatch.setattr(os, "fdatasync", waits.append)
    path = tmp_path / "desk.session"
    store = FileStore(path, now_ns=7, is_synced=True, is_numbers_only=True)
    store.save(1, b"8=FIX.4.4\x0135=D\x01")
    store.flush()
    assert len(waits) == 1
    for number in range(2, 70_000):
        store.set_next_expected(number)
        if number % 100 == 0:
            store.flush()
    store.flush()
    assert len(waits) == 1, "prices wait for no disk"
    assert path.stat().st_size <= (1 << 20) + 100 * 17
    assert list(store.range(1, 1)) == []
    store.close()
    again = FileStore(path, now_ns=9, is_numbers_only=True)
    assert (again.next_outgoing, again.next_expected, again.created_ns) == (2, 69_999, 7)
    again.close()
