"""Writes the audit trail with the records it is about, so that others can prove it
(verify_export.py), and holds such a file to its own records. Never writes into a journal.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gateway.journal import reader
from gateway.journal.audit_trail import trail
from gateway.journal.verify_export import CLOSING, MIDDLE, OPENING, START, prove

__all__ = ["Exported", "check_words", "export", "is_export"]

_SEGMENT_HEADER_BYTES = 52
_BATCH = 1024


class Exported(msgspec.Struct, frozen=True):
    """What was written."""

    records: int
    sequence: int
    segments: int
    sealed: int
    chain: str


class _Lines:
    """Writes lines that hang together."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.chain = START

    def add(self, body: Any) -> None:
        encoded = msgspec.json.encode(body)
        self.chain = hashlib.sha256(self.chain + encoded).digest()
        self._file.write(OPENING + encoded + MIDDLE + self.chain.hex().encode() + CLOSING)


def export(
    directory: Path,
    file: BinaryIO,
    *,
    ring_directory: str = "",
    progress: Callable[[int], None] = lambda sequence: None,
) -> Exported:
    """Every record of the journal. RuntimeError: it cannot be read from its beginning."""
    segments = _segments(directory)
    lines = _Lines(file)
    lines.add({"export": "gateway-audit/1", "segments": segments})
    records = sequence = 0
    waiting: list[bytes] = []
    for row in trail(_decoded(_raw(directory, ring_directory), waiting)):
        lines.add({"raw": _text(waiting.pop()), "row": row})
        records, sequence = records + 1, row["sequence"]
        if records % 65536 == 0:
            progress(sequence)
    if not records:
        raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
    lines.add({"end": {"records": records, "sequence": sequence}})
    sealed = sum(bool(each["seal"]) for each in segments)
    return Exported(records, sequence, len(segments), sealed, lines.chain.hex())


def is_export(path: Path) -> bool:
    """Whether a file begins as every line of an export does; also one that was tampered with."""
    with path.open("rb") as file:
        return file.read(len(OPENING)) == OPENING


def check_words(path: Path, seals: Path | None = None) -> int:
    """Proves the file and that the words beside each record are what its bytes say; how many
    records. ValueError names the first line that is not so."""
    try:
        proof = prove(path, seals)
    except Exception as error:
        raise ValueError(str(error)) from None
    told: list[Any] = []
    expected = trail(_decoded(_exported(path, told), []))
    for number, row in enumerate(expected, start=2):
        if msgspec.json.decode(msgspec.json.encode(row)) != told.pop():
            raise ValueError(f"line {number}: the words beside record {row['sequence']} are others")
    return proof.records


def _exported(path: Path, told: list[Any]) -> Iterator[bytes]:
    """The records of an export, and what it says of each."""
    with path.open("rb") as file:
        for line in file:
            body = msgspec.json.decode(line)["body"]
            if "raw" in body:
                told.append(body["row"])
                yield base64.b64decode(body["raw"])


def _raw(directory: Path, ring_directory: str) -> Iterator[bytes]:
    found = reader.open_reader(directory, ring_directory)
    while batch := found.read(_BATCH):
        for _, record in batch:
            yield record


def _decoded(records: Iterable[bytes], waiting: list[bytes]) -> Iterator[dict[str, Any]]:
    """Each record decoded, its bytes put aside until it was written."""
    for record in records:
        waiting.append(record)
        yield reader.decode(record)


def _segments(directory: Path) -> list[dict[str, str]]:
    """Header and seal of every segment file there is now, oldest first."""
    found = []
    for path in sorted(directory.glob("segment-*.journal")):
        with path.open("rb") as file:
            header = file.read(_SEGMENT_HEADER_BYTES)
        seal = path.with_suffix(".seal")
        try:
            found.append({"header": _text(header), "seal": _text(seal.read_bytes())})
        except FileNotFoundError:
            found.append({"header": _text(header), "seal": ""})
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
