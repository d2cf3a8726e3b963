"""The journal commands drive the native door in steps, compare hashes and report faults."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.journal import reader


class ReplicaInMemory:
    """A journal of `last` records; the hash names the sequence and how the state was reached."""

    last = 100
    snapshot = 40
    is_snapshot_wrong = False

    def __init__(self, directory: str, ring_directory: str = "", use_snapshot: bool = True) -> None:
        self.sequence = self.snapshot if use_snapshot else 0
        self.mark = "x" if use_snapshot and self.is_snapshot_wrong else ""

    def follow(self, limit: int = 65536) -> int:
        count = min(limit, self.last - self.sequence)
        self.sequence += count
        return count

    def state_hash(self) -> str:
        return f"{self.sequence:064x}{self.mark}"


class NativeInMemory:
    """The native part's face, over records that only exist here."""

    Replica = ReplicaInMemory

    class Reader:
        def __init__(
            self, directory: str, ring_directory: str = "", from_sequence: int = 1
        ) -> None:
            self.next = from_sequence

        def read(self, limit: int = 1024) -> list[tuple[int, bytes]]:
            found = [(number, b"%d" % number) for number in range(self.next, 11)][:4]
            self.next += len(found)
            return found

    @staticmethod
    def decode(record: bytes) -> dict[str, Any]:
        kind = "OrderNew" if int(record) % 2 else "OrderFilled"
        return {"sequence": int(record), "kind": kind, "time_ns": 5, "price": "1"}

    @staticmethod
    def verify(directory: str, ring_directory: str = "") -> dict[str, Any]:
        fault = {"code": "CORRUPT", "segment": "1", "offset": 64, "sequence": 3, "text": "crc"}
        is_bad = Path(directory).name == "bad"
        return {
            "ok": not is_bad,
            "records": 10,
            "sequence": 10,
            "segments": [],
            "faults": [fault] if is_bad else [],
        }


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_native", lambda: NativeInMemory)


def call(*words: object) -> tuple[int, Any]:
    """Exit code and JSON answer of a command."""
    result = CliRunner().invoke(root, [*map(str, words), "--json"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, lines[0] if len(lines) == 1 else lines


def test_a_replay_stops_exactly_where_it_is_told(tmp_path: Path) -> None:
    code, found = call("replay", tmp_path, "--to", 70)
    assert code == 0
    assert (found["sequence"], found["records"]) == (70, 70)
    assert "equal" not in found


def test_a_verified_replay_compares_two_ways_to_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = call("replay", tmp_path, "--verify")
    assert (code, found["equal"], found["sequence"]) == (0, True, 100)
    assert set(found) == {"sequence", "state_hash", "records", "seconds", "equal"}
    monkeypatch.setattr(ReplicaInMemory, "is_snapshot_wrong", True)
    code, found = call("replay", tmp_path, "--verify")
    assert (code, found["equal"]) == (1, False)


def test_a_journal_with_a_fault_is_never_equal(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    assert call("replay", tmp_path / "bad", "--verify")[1]["equal"] is False
    code, found = call("verify", tmp_path / "bad")
    assert code == 1 and found["faults"][0]["code"] == "CORRUPT"
    assert call("verify", tmp_path)[0] == 0


def test_records_are_printed_counted_and_exported(tmp_path: Path) -> None:
    (tmp_path / "segment-0000000001.journal").touch()
    _, records = call("journal", "cat", tmp_path, "--from", 3, "--to", 8)
    assert [record["sequence"] for record in records] == [3, 4, 5, 6, 7, 8]
    _, counts = call("journal", "stat", tmp_path)
    assert counts == {"records": 10, "kinds": {"OrderFilled": 5, "OrderNew": 5}}
    target = tmp_path / "records.jsonl"
    assert call("journal", "export", tmp_path, target)[1]["records"] == 10
    assert len(target.read_text(encoding="utf-8").splitlines()) == 10
    assert call("journal", "export", tmp_path, target)[0] == 1


def test_what_the_native_reader_refuses_is_a_named_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise RuntimeError("VERSION 9 is not known")

    monkeypatch.setattr(NativeInMemory, "Replica", refuse)
    code, found = call("replay", tmp_path)
    assert code == 1
    assert found["error"]["code"] == "BAD_JOURNAL" and "VERSION 9" in found["error"]["rule"]
