"""What a journal's sealed segments say about themselves. Reads seals and the sizes and hashes of
segment files; never opens one for writing."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from gateway.history.faults import ArchiveFault

__all__ = ["ArchiveFault", "Seal", "check_segment", "sealed_segments"]

_SEAL = struct.Struct("<8sIIIIQQQ32s44sI")  # docs/reference/journal_format.md
_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """A full segment: which records it holds and what its bytes hash to."""

    index: int
    instance: int
    first_sequence: int
    last_sequence: int  # first_sequence - 1 when it holds none
    bytes: int
    sha256: str
    path: Path  # of the segment


def sealed_segments(directory: Path) -> list[Seal]:
    """Seals whose segment is there, by index. ArchiveFault: a seal that is none."""
    found = []
    for path in sorted(directory.glob("segment-*.seal")):
        segment = path.with_suffix(".journal")
        if segment.exists():
            found.append(_read_seal(path, segment))
    return found


def _read_seal(path: Path, segment: Path) -> Seal:
    data = path.read_bytes()
    if len(data) != _SEAL.size or data[:8] != b"GWSEAL01":
        raise ArchiveFault("DAMAGED_SEGMENT", f"{path.name}: no seal")
    _, _, instance, index, _, first, last, size, digest, _, _ = _SEAL.unpack(data)
    return Seal(index, instance, first, last, size, digest.hex(), segment)


def check_segment(seal: Seal) -> None:
    """Reads the whole file. ArchiveFault when it is not what was sealed."""
    found = seal.path.stat().st_size
    if found != seal.bytes:
        text = f"{seal.path.name}: {found} bytes, sealed were {seal.bytes}"
        raise ArchiveFault("DAMAGED_SEGMENT", text)
    digest = hashlib.sha256()
    with seal.path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != seal.sha256:
        raise ArchiveFault("DAMAGED_SEGMENT", f"{seal.path.name}: does not match its seal's hash")
