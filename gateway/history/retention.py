"""What the archive holds and what of it is kept: days and bytes, oldest day first. Deletes Parquet
files of whole segments; a journal segment only when an option says so, and then only one that is
archived, outside the kept days and behind the newest snapshots of its gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from gateway.history.catalog import Catalog, Manifest
from gateway.history.durable import sync_directory
from gateway.history.segments import sealed_segments

__all__ = ["Retention", "apply_retention", "status_of"]

_DAY_NS = 86_400_000_000_000
SNAPSHOTS_NEEDED = 2  # a journal segment goes only when so many snapshots are younger than it


@dataclass(frozen=True, slots=True)
class Retention:
    """0 = no bound. `deletes_segments`: journal segments may go too, once they are archived."""

    days: int = 0
    bytes_max: int = 0
    deletes_segments: bool = False


def status_of(directory: Path, archive: Path) -> dict[str, Any]:
    """Numbers for people and programs; `ratio` is bytes of segments per byte of archive."""
    catalog = Catalog(archive)
    kept = [each for each in catalog.manifests if not each.is_expired]
    known = {each.segment for each in catalog.manifests}
    pending = [seal for seal in sealed_segments(directory) if seal.index not in known]
    segment_bytes = sum(each.segment_bytes for each in kept)
    file_bytes = sum(file.bytes for each in kept for file in each.files)
    return {
        "archive": str(archive),
        "sequence": catalog.sequence,
        "segments": len(kept),
        "expired_segments": len(catalog.manifests) - len(kept),
        "pending_segments": len(pending),
        "segment_bytes": segment_bytes,
        "file_bytes": file_bytes,
        "ratio": f"{segment_bytes / file_bytes:.1f}" if file_bytes else None,
        "tables": _tables(kept),
    }


def _tables(kept: list[Manifest]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for manifest in kept:
        for file in manifest.files:
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
) -> dict[str, int]:
    """Forget what is too old or too much, oldest first; never the newest archived segment. Ended
    anywhere, the next call goes on. {files, bytes, journal_segments} that went."""
    catalog = Catalog(archive)
    gone = {"files": 0, "bytes": 0, "journal_segments": 0}
    for manifest in _expired(catalog, retention, now_ns):
        # Marked first: a file without a manifest is none, one that a manifest names must be there.
        expired = structs.replace(manifest, is_expired=True)
        catalog.write(expired, step)
    for manifest in catalog.manifests:
        if manifest.is_expired and manifest.files:
            _delete_files(catalog, manifest, gone, step)
    if retention.deletes_segments:
        _delete_segments(directory, catalog, gone, step)
    return gone


def _expired(catalog: Catalog, retention: Retention, now_ns: int) -> list[Manifest]:
    kept = [each for each in catalog.manifests if not each.is_expired]
    total = sum(file.bytes for each in kept for file in each.files)
    oldest_ns = now_ns - retention.days * _DAY_NS if retention.days else None
    found = []
    for manifest in kept[:-1]:
        is_old = oldest_ns is not None and 0 < manifest.last_time_ns < oldest_ns
        is_much = 0 < retention.bytes_max < total
        if not (is_old or is_much):
            break
        found.append(manifest)
        total -= sum(file.bytes for file in manifest.files)
    return found


def _delete_files(
    catalog: Catalog, manifest: Manifest, gone: dict[str, int], step: Callable[[str], None]
) -> None:
    for file in manifest.files:
        step(f"delete {file.path}")
        path = catalog.directory / file.path
        path.unlink(missing_ok=True)
        gone["files"] += 1
        gone["bytes"] += file.bytes
    catalog.write(structs.replace(manifest, files=()), step)


def _delete_segments(
    directory: Path, catalog: Catalog, gone: dict[str, int], step: Callable[[str], None]
) -> None:
    """Recovery reads from a snapshot on; without one the first segment is needed, always."""
    snapshots = sorted(int(path.stem.split("-")[1]) for path in directory.glob("snapshot-*.state"))
    if len(snapshots) < SNAPSHOTS_NEEDED:
        return
    needed_from = snapshots[-SNAPSHOTS_NEEDED]
    expired = {each.segment: each for each in catalog.manifests if each.is_expired}
    for seal in sealed_segments(directory):
        manifest = expired.get(seal.index)
        if (
            manifest is None
            or manifest.seal_sha256 != seal.sha256
            or seal.last_sequence >= needed_from
        ):
            return  # from here on everything stays: segments go without gaps, oldest first
        step(f"delete {seal.path.name}")
        seal.path.with_suffix(".seal").unlink(missing_ok=True)
        seal.path.unlink()
        sync_directory(directory)
        gone["journal_segments"] += 1
