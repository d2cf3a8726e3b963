"""Proves an audit export with nothing but Python's own library: `python3 verify_export.py FILE`.
Shares no code with what wrote it and imports none; must run from a copy of this one file.

What it proves: no byte of the file was changed, no line is missing, moved or added (the chain of
lines), every record is the one that its checksum covers and follows the one before (the journal's
own chain), and all records of a sealed segment together are what its seal says (SHA-256). With
`--seals FOLDER` the seals are those that were kept elsewhere, so that whoever wrote this file anew
is found too: every seal of the folder must be met, but those of segments that end before the file
begins. What it does not prove: that nothing came behind the newest kept seal, and that the words
beside a record say what its bytes say; `gateway audit check` does the latter.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import sys
from itertools import pairwise
from pathlib import Path

PAGE = 4096
CASTAGNOLI = 0x82F63B78
HEADER = struct.Struct("<IHBBQQqQIIIIII")
SEAL = struct.Struct("<8sIIIIQQQ32s44sI")
SEGMENT = struct.Struct("<8sIIIIQQqI")
OPENING, MIDDLE, CLOSING = b'{"body":', b',"chain":"', b'"}\n'
START = bytes(32)


def crc_table() -> list[int]:
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (CASTAGNOLI if register & 1 else 0)
        table.append(register)
    return table


TABLE = crc_table()


def advanced(register: int, data: bytes) -> int:
    table = TABLE
    for byte in data:
        register = table[(register ^ byte) & 255] ^ register >> 8
    return register


def shift_tables() -> list[list[int]]:
    """What 2048 zero bytes make of a register is linear: one table for each of its four bytes."""
    bits = [advanced(1 << bit, bytes(2048)) for bit in range(32)]
    tables = []
    for place in range(4):
        table = [0] * 256
        for value in range(256):
            for bit in range(8):
                if value >> bit & 1:
                    table[value] ^= bits[8 * place + bit]
        tables.append(table)
    return tables


SHIFTS = shift_tables()


def shifted(register: int) -> int:
    first, second, third, fourth = SHIFTS
    return (
        first[register & 255]
        ^ second[register >> 8 & 255]
        ^ third[register >> 16 & 255]
        ^ fourth[register >> 24]
    )


def record_crc(record: bytes, previous: int) -> int:
    """docs/reference/journal_format.md, checksum of a record."""
    plain = record[:52] + bytes(8) + record[60:]
    lanes = [1, 2, 3]
    for lane in range(3):
        words = b"".join(plain[at : at + 8] for at in range(8 * lane, len(plain), 24))
        lanes[lane] = advanced(lanes[lane], words)
    register = shifted(shifted(lanes[0]) ^ lanes[1]) ^ lanes[2]
    return advanced(register, struct.pack("<I", previous))


def crc32c(data: bytes) -> int:
    return advanced(0xFFFFFFFF, data) ^ 0xFFFFFFFF


class Fault(Exception):
    """What is wrong, and in which line."""


class Segment:
    """One segment file, put together again from its records."""

    def __init__(self, told: dict[str, str], kept: dict[int, bytes] | None) -> None:
        page = base64.b64decode(told["header"], validate=True)
        if len(page) != SEGMENT.size:
            raise Fault(f"a segment's header has {len(page)} bytes, not {SEGMENT.size}")
        padded = page + bytes(PAGE - 4 - len(page))
        self.sha256 = hashlib.sha256(padded + struct.pack("<I", crc32c(padded)))
        self.bytes = PAGE
        _, _, self.instance, self.index, _, self.first, _, _, self.previous_crc = SEGMENT.unpack(
            page
        )
        self.seal = base64.b64decode(told["seal"], validate=True)
        self.is_sealed = bool(self.seal)
        if kept is not None and kept.get(self.index, b"") != self.seal:
            raise Fault(f"segment {self.index}: the seal is not the one that was kept")

    def add(self, record: bytes) -> None:
        self.sha256.update(record)
        self.bytes += len(record)

    def check(self, last: int) -> bool:
        """Whether it was sealed; a Fault when the seal says otherwise."""
        if not self.seal:
            return False
        name = f"segment {self.index}"
        if len(self.seal) != SEAL.size:
            raise Fault(f"{name}: a seal has {SEAL.size} bytes")
        magic, _, instance, index, _, first, final, size, digest, _, crc = SEAL.unpack(self.seal)
        if magic != b"GWSEAL01" or crc != crc32c(self.seal[:-4]):
            raise Fault(f"{name}: its seal is damaged")
        if (instance, index, first) != (self.instance, self.index, self.first):
            raise Fault(f"{name}: the seal of another segment")
        if (final, size) != (last, self.bytes):
            raise Fault(
                f"{name}: sealed up to {final} with {size} bytes, found {last}, {self.bytes}"
            )
        if digest != self.sha256.digest():
            raise Fault(f"{name}: its records are not what the seal covers")
        return True


def kept_seals(folder: Path) -> dict[int, bytes]:
    """Every seal of a folder, by the number in its name."""
    found = {}
    for path in folder.glob("segment-*.seal"):
        data = path.read_bytes()
        if len(data) != SEAL.size or SEAL.unpack(data)[-1] != crc32c(data[:-4]):
            raise Fault(f"{path}: a kept seal is damaged")
        found[int(path.stem.removeprefix("segment-"))] = data
    return found


class Proof:
    """Goes through the lines of one export."""

    def __init__(self, seals: Path | None) -> None:
        self.kept = None if seals is None else kept_seals(seals)
        self.chain = START
        self.segments: list[Segment] = []
        self.is_begun = False
        self.first = 0
        self.place = -1
        self.sequence = 0
        self.crc = 0
        self.records = 0
        self.sealed = 0
        self.is_ended = False

    def line(self, raw: bytes) -> None:
        """The next line, with its end."""
        at = len(raw) - len(CLOSING) - 64
        is_whole = raw.startswith(OPENING) and raw.endswith(CLOSING)
        if not is_whole or raw[at - len(MIDDLE) : at] != MIDDLE:
            raise Fault("not a line of an audit export")
        if self.is_ended:
            raise Fault("a line behind the end")
        body = raw[len(OPENING) : at - len(MIDDLE)]
        self.chain = hashlib.sha256(self.chain + body).digest()
        if raw[at : at + 64] != self.chain.hex().encode():
            raise Fault("changed, or lines before it are missing, moved or added")
        self._take(json.loads(body))

    def _take(self, body: dict) -> None:  # type: ignore[type-arg]
        if ("export" in body) is self.is_begun:
            raise Fault("an export begins with one line that says so, and has no other")
        if "export" in body:
            if body["export"] != "gateway-audit/1":
                raise Fault("another kind of export")
            self._begin([Segment(each, self.kept) for each in body["segments"]])
        elif "end" in body:
            if body["end"] != {"records": self.records, "sequence": self.sequence}:
                raise Fault("the end counts other records")
            self._finish()
            self.is_ended = True
        else:
            self._record(base64.b64decode(body["raw"], validate=True), body["row"])

    def _begin(self, segments: list[Segment]) -> None:
        for before, after in pairwise(segments):
            name = f"segment {after.index}"
            if after.index != before.index + 1 or after.instance != before.instance:
                raise Fault(f"{name} does not follow segment {before.index}")
            if after.is_sealed and not before.is_sealed:
                raise Fault(f"{name} is sealed and segment {before.index} before it is not")
        self.segments, self.is_begun = segments, True

    def _finish(self) -> None:
        """Whether every segment was met, those of the kept seals too."""
        self._close()
        for segment in self.segments[self.place + 1 :]:
            is_empty = segment.first == self.sequence + 1
            if segment.seal:
                is_empty = is_empty and SEAL.unpack(segment.seal)[6] == self.sequence
            if not is_empty:
                raise Fault(f"segment {segment.index}: its records are missing")
            segment.check(self.sequence)
        if self.kept is None:
            return
        listed = {segment.index for segment in self.segments}
        for index, seal in sorted(self.kept.items()):
            if index not in listed and SEAL.unpack(seal)[6] >= self.first:
                text = "its seal was kept, and the file does not list it"
                raise Fault(f"segment {index}: {text}: cut off, or exported before it was sealed")
        if not self.sealed:
            raise Fault("no kept seal covers a record of it")

    def _record(self, record: bytes, row: dict) -> None:  # type: ignore[type-arg]
        if len(record) < HEADER.size or len(record) % 64:
            raise Fault("a record of an impossible length")
        fields = HEADER.unpack_from(record)
        length, _, _, _, sequence, cause, time_ns = fields[:7]
        previous, crc = fields[11], fields[12]
        if length != len(record):
            raise Fault("a record of another length than it says")
        if self.records and sequence != self.sequence + 1:
            raise Fault(f"record {sequence} follows record {self.sequence}")
        self.first = self.first or sequence
        self._enter(sequence, previous)
        if self.records and previous != self.crc:
            raise Fault(f"record {sequence} does not follow the one before it")
        if record_crc(record, previous) != crc:
            raise Fault(f"record {sequence} is not what its checksum covers")
        if (row["sequence"], row["time_ns"], row["cause"]) != (sequence, time_ns, cause):
            raise Fault(f"record {sequence}: the words beside it are of another record")
        if self.place >= 0:
            self.segments[self.place].add(record)
        self.sequence, self.crc = sequence, crc
        self.records += 1

    def _enter(self, sequence: int, previous: int) -> None:
        """The next segment, where one begins with this record; one without records ends there."""
        while (following := self.place + 1) < len(self.segments):
            segment = self.segments[following]
            if segment.first != sequence:
                break
            self._close()
            self.place = following
            if segment.previous_crc != previous:
                raise Fault(f"segment {segment.index} follows other records")
        if self.segments and self.place < 0:
            raise Fault(f"record {sequence} is in no segment that is listed")

    def _close(self) -> None:
        if self.place >= 0 and self.segments[self.place].check(self.sequence):
            self.sealed = self.sequence


def prove(path: Path, seals: Path | None = None) -> Proof:
    """The whole file. Fault: what is wrong in which line."""
    proof, number = Proof(seals), 0
    with path.open("rb") as file:
        for raw in file:
            number += 1
            try:
                proof.line(raw)
            except (Fault, ValueError, KeyError, TypeError, struct.error, OSError) as error:
                raise Fault(f"line {number}: {error}") from None
    if not proof.is_ended:
        raise Fault(f"behind line {number}: the end is missing")
    return proof


def main() -> int:
    parser = argparse.ArgumentParser(description="Proves an audit export.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seals", type=Path, help="folder of segment-*.seal kept elsewhere")
    chosen = parser.parse_args()
    try:
        proof = prove(chosen.file, chosen.seals)
    except (Fault, OSError) as error:
        print(f"TAMPERED {error}")
        return 1
    print(f"whole: {proof.records} records up to {proof.sequence}, sealed up to {proof.sealed}")
    if proof.first > 1:
        print(f"it begins at record {proof.first}: what was before is not in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
