"""What the archive holds and what of it is kept: days, bytes and room, oldest day first. Deletes
Parquet files of whole segments; a journal segment only when an option says so, and then only one
that is archived, outside the kept days and behind the newest snapshots of its gateway."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from gateway.history.catalog import ArchivedFile, Catalog, Manifest
from gateway.history.durable import locked, sync_directory
from gateway.history.mark_samples import day_of
from gateway.history.marks import delete_days, mark_files
from gateway.history.segments import Seal, sealed_segments
from gateway.journal import reader

__all__ = ["Retention", "apply_retention", "status_of"]

_DAY_NS = 86_400_000_000_000
SNAPSHOTS_NEEDED = 2  # a journal segment goes only when so many snapshots are younger than it


@dataclass(frozen=True, slots=True)
class Retention:
    """0 = no bound. `deletes_segments`: journal segments may go too, once they are archived."""

    days: int = 0
    bytes_max: int = 0
    deletes_segments: bool = False
    free_bytes_min: int = 0  # room on the archive's disk


def status_of(directory: Path, archive: Path) -> dict[str, Any]:
    """Numbers for people and programs; `ratio` is bytes of segments per byte of archive."""
    catalog = Catalog(archive)
    kept, present = catalog.kept, list(catalog.present())
    known = {each.segment for each in catalog.manifests}
    pending = [seal for seal in sealed_segments(directory) if seal.index not in known]
    segment_bytes = sum(each.segment_bytes for each in kept)
    file_bytes = sum(file.bytes for file in present)
    return {
        "archive": str(archive),
        "sequence": catalog.sequence,
        "segments": len(kept),
        "expired_segments": len(catalog.manifests) - len(kept),
        "pending_segments": len(pending),
        "merged_days": len(catalog.days),
        "segment_bytes": segment_bytes,
        "file_bytes": file_bytes,
        "ratio": f"{segment_bytes / file_bytes:.1f}" if file_bytes else None,
        "tables": _tables(present),
    }


def _tables(present: Iterable[ArchivedFile]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in present:
        if not file.day:
            continue
        row = found.setdefault(
            file.table,
            {"table": file.table, "files": 0, "rows": 0, "bytes": 0, "first_day": file.day},
        )
        row["files"] += 1
        row["rows"] += file.rows
        row["bytes"] += file.bytes
        row["first_day"] = min(row["first_day"], file.day)
        row["last_day"] = max(row.get("last_day", file.day), file.day)
    return sorted(found.values(), key=lambda row: str(row["table"]))


def apply_retention(
    directory: Path,
    archive: Path,
    retention: Retention,
    now_ns: int,
    step: Callable[[str], None] = lambda name: None,
    *,
    free_bytes_of: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> dict[str, int]:
    """Forget what is too old or too much, or in the way of what comes, oldest first; never the
    newest archived segment. Ended anywhere, the next call goes on. {files, bytes, journal_segments}
    that went. ArchiveFault: somebody else is changing the archive."""
    with locked(archive):
        catalog = Catalog(archive)
        # What an ended run has marked goes before the room is measured, or as much goes again.
        gone = _delete(directory, catalog, retention, now_ns, step)
        wanted_bytes = max(retention.free_bytes_min - free_bytes_of(archive), 0)
        frees_segments = retention.deletes_segments and _are_on_one_disk(directory, archive)
        for piece in _in_the_way(catalog, retention, now_ns, wanted_bytes, frees_segments):
            if isinstance(piece, Manifest):
                # Marked first: a file without a manifest is none, one that is named must be there.
                catalog.write(structs.replace(piece, is_expired=True), step)
            else:
                _delete_marks(piece, gone, step)
        went = _delete(directory, catalog, retention, now_ns, step)
        return {name: gone[name] + went[name] for name in gone}


def _are_on_one_disk(directory: Path, archive: Path) -> bool:
    return directory.stat().st_dev == archive.stat().st_dev


def _delete_marks(path: Path, gone: dict[str, int], step: Callable[[str], None]) -> None:
    step(f"delete {path.name}")
    size = path.stat().st_size
    path.unlink()
    gone["files"] += 1
    gone["bytes"] += size


def _delete(
    directory: Path,
    catalog: Catalog,
    retention: Retention,
    now_ns: int,
    step: Callable[[str], None],
) -> dict[str, int]:
    gone = {"files": 0, "bytes": 0, "journal_segments": 0}
    for manifest in catalog.manifests:
        if manifest.is_expired and manifest.files:
            _delete_files(catalog, manifest, gone, step)
    _delete_merged(catalog, gone, step)
    if retention.days:
        gone["files"] += delete_days(catalog.directory, retention.days, now_ns)
    if retention.deletes_segments:
        _delete_segments(directory, catalog, gone, step)
    return gone


def _in_the_way(
    catalog: Catalog, retention: Retention, now_ns: int, wanted_bytes: int, frees_segments: bool
) -> list[Manifest | Path]:
    """Of segments and days of marks, oldest first, what goes: never the newest of either."""
    kept = [(each, catalog.bytes_of(each)) for each in catalog.kept]
    marks = mark_files(catalog.directory)
    total = sum(size for _, size in kept) + sum(size for _, _, size in marks)
    oldest_ns = now_ns - retention.days * _DAY_NS if retention.days else None
    newest_day = max((day for day, _, _ in marks), default="")
    found: list[Manifest | Path] = []
    for piece, size in _oldest_first(kept[:-1], [each for each in marks if each[0] < newest_day]):
        is_old = (
            oldest_ns is not None
            and isinstance(piece, Manifest)
            and 0 < piece.last_time_ns < oldest_ns
        )
        is_much = 0 < retention.bytes_max < total
        if not (is_old or is_much or wanted_bytes > 0):
            if isinstance(piece, Path):
                continue  # its days are counted elsewhere: an older segment may be behind it
            break
        found.append(piece)
        total -= size
        wanted_bytes -= size
        if frees_segments and isinstance(piece, Manifest):
            wanted_bytes -= piece.segment_bytes
    return found


def _oldest_first(
    segments: list[tuple[Manifest, int]], marks: list[tuple[str, Path, int]]
) -> Iterator[tuple[Manifest | Path, int]]:
    """Segments keep their order, and a day of marks goes before a segment that ended later."""
    waiting = list(marks)
    for manifest, segment_size in segments:
        ended_on = day_of(max(manifest.last_time_ns, 0))
        while waiting and waiting[0][0] < ended_on:
            _, path, size = waiting.pop(0)
            yield path, size
        yield manifest, segment_size
    for _, path, size in waiting:
        yield path, size


def _delete_files(
    catalog: Catalog, manifest: Manifest, gone: dict[str, int], step: Callable[[str], None]
) -> None:
    for file in manifest.files:
        _delete_file(catalog, file, gone, step)
    catalog.write(structs.replace(manifest, files=()), step)


def _delete_file(
    catalog: Catalog, file: ArchivedFile, gone: dict[str, int], step: Callable[[str], None]
) -> None:
    """It may be gone already: merged, or by a run that was ended."""
    step(f"delete {file.path}")
    path = catalog.directory / file.path
    if path.exists():
        path.unlink()
        gone["files"] += 1
        gone["bytes"] += file.bytes


def _delete_merged(catalog: Catalog, gone: dict[str, int], step: Callable[[str], None]) -> None:
    """The files of a day go with the last of its segments."""
    expired = {each.segment for each in catalog.manifests if each.is_expired}
    for day in [each for each in catalog.days.values() if each.last_segment in expired]:
        for file in day.files:
            _delete_file(catalog, file, gone, step)
        catalog.forget_day(day, step)


def _delete_segments(
    directory: Path, catalog: Catalog, gone: dict[str, int], step: Callable[[str], None]
) -> None:
    """Oldest first and without gaps. The segment goes before its seal, as in recycling: a seal
    alone says that its segment went, a segment without a seal would say that it was never full."""
    expired = {each.segment: each for each in catalog.manifests if each.is_expired}
    _delete_lone_seals(directory, expired)
    seals = sealed_segments(directory)
    if not _is_expired(seals, expired):
        return
    needed_from = _needed_from(directory)
    for seal in seals:
        oldest = min(directory.glob("segment-*.journal"), default=None)
        is_next = oldest == seal.path and _is_expired([seal], expired)
        if not is_next or seal.last_sequence >= needed_from:
            return  # from here on everything stays
        step(f"delete {seal.path.name}")
        seal.path.unlink()
        sync_directory(directory)
        step(f"delete the seal of {seal.path.name}")
        seal.path.with_suffix(".seal").unlink(missing_ok=True)
        gone["journal_segments"] += 1


def _is_expired(seals: list[Seal], expired: dict[int, Manifest]) -> bool:
    """Whether the first of them is archived, and its files went."""
    manifest = expired.get(seals[0].index) if seals else None
    return manifest is not None and manifest.seal_sha256 == seals[0].sha256


def _delete_lone_seals(directory: Path, expired: dict[int, Manifest]) -> None:
    """Of segments that went when a run was ended between the two."""
    for index in expired:
        seal = directory / f"segment-{index:010d}.seal"
        if not seal.with_suffix(".journal").exists():
            seal.unlink(missing_ok=True)


def _needed_from(directory: Path) -> int:
    """The record from which recovery reads at worst; 0 = from the first. Only a snapshot that loads
    and whose record the journal's files hold counts, as in recovery: a name proves nothing."""
    until = 0
    for _ in range(SNAPSHOTS_NEEDED):
        try:
            until = _snapshot_before(directory, until)
        except RuntimeError:
            return 0
        if not until:
            return 0
    return until


def _snapshot_before(directory: Path, bound: int) -> int:
    """The newest snapshot before a record (0 = of all) that a replica opens at; 0 = none."""
    if bound == 1:
        return 0
    replica = reader.open_replica(directory, use_snapshot=True, until=max(bound - 1, 0))
    sequence: int = replica.sequence
    return sequence
