"""Turns sealed journal segments into Parquet files, one segment at a time, each exactly once. The
journal is only read. Killed anywhere, the next run makes the same files and loses or doubles no
row; a damaged segment is named and nothing behind it is archived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.history.catalog import VERSION, Catalog, Manifest
from gateway.history.columns import TABLES, tables_of
from gateway.history.durable import locked, make_directory, remove_temporary
from gateway.history.faults import ArchiveFault
from gateway.history.key_states import KEYED, KeyStates
from gateway.history.marks import close_days
from gateway.history.segment_files import SegmentFiles
from gateway.history.segments import Seal, check_segment, sealed_segments
from gateway.history.written_files import publish_written
from gateway.journal import JournalPlace

__all__ = [
    "BATCH_ROWS",
    "Archived",
    "Archiver",
    "default_archive",
    "open_extractor",
    "refusal_words",
]

BATCH_ROWS = 130_000  # of the fullest table; twice so many are in memory
SNAPSHOT_EVERY_SEGMENTS = 16
STATE_DIRECTORY = "snapshots"


@dataclass(frozen=True, slots=True)
class Archived:
    """One segment that went into the archive."""

    segment: int
    records: int
    rows: int
    segment_bytes: int
    file_bytes: int


def default_archive(directory: Path) -> Path:
    """Where the archive of a journal lies unless a setting says otherwise."""
    return JournalPlace(directory, Path()).archive


def refusal_words() -> list[str | None]:
    """Names of refusals by number."""
    from gateway._core import types

    by_number = {row[0]: row[1] for row in types.REFUSALS}
    return [by_number.get(number) for number in range(max(by_number) + 1)]


def open_extractor(directory: Path, archive: Path, until: int, ring_directory: str = "") -> Any:
    """An extractor that stands behind record `until` (0 = before the first), from the nearest
    snapshot. ArchiveFault: the journal does not reach so far."""
    from gateway._core import history

    places = [str(archive / STATE_DIRECTORY), str(directory)] if until else []
    try:
        extractor = history.Extractor(str(directory), ring_directory, places, until)
        while extractor.sequence < until and extractor.skip(until):
            pass
    except RuntimeError as error:
        raise ArchiveFault("BAD_JOURNAL", str(error)) from None
    if extractor.sequence != until:
        text = f"the journal ends at record {extractor.sequence}, the archive at {until}"
        raise ArchiveFault("FOREIGN_ARCHIVE", text)
    return extractor


def archived_tables(
    found: Mapping[str, Any], extractor: Any, refusals: list[str | None]
) -> dict[str, pa.Table]:
    """Every table of what was extracted. ArchiveFault: a number that no column holds."""
    try:
        return tables_of(found, extractor.names(), refusals)
    except ArithmeticError as error:
        text = f"up to record {extractor.sequence}: {error}"
        raise ArchiveFault("AMOUNT_TOO_LARGE", text) from None


def _check_files(catalog: Catalog) -> None:
    """ArchiveFault: a file that a manifest names is not there, or of another size."""
    for file in catalog.present():
        path = catalog.directory / file.path
        found = path.stat().st_size if path.exists() else 0
        if found != file.bytes:
            text = f"{path}: {found} bytes, written were {file.bytes}"
            raise ArchiveFault("BAD_ARCHIVE", text)


class Archiver:
    """Keeps what is needed from one segment to the next. One thread at a time."""

    def __init__(
        self,
        directory: Path,
        archive: Path,
        *,
        batch_rows: int = BATCH_ROWS,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`step` hears the name of each step on the way to the disk before it is made."""
        self._directory = directory
        self._archive = archive
        self._batch_rows = batch_rows
        self._step = step
        self._refusals = refusal_words()
        self._extractor: Any = None
        self._states: KeyStates | None = None
        self._since_snapshot = 0
        self._is_checked = False
        self.catalog = Catalog(archive)

    def pending(self) -> list[Seal]:
        """Sealed segments that are not archived yet. ArchiveFault: they are of another journal, or
        one between them and the archive is missing."""
        seals = sealed_segments(self._directory)
        known = {each.segment: each for each in self.catalog.manifests}
        for seal in seals:
            manifest = known.get(seal.index)
            if manifest is not None and manifest.seal_sha256 != seal.sha256:
                text = f"{seal.path.name} is not the segment that was archived"
                raise ArchiveFault("FOREIGN_ARCHIVE", text)
        pending = [seal for seal in seals if seal.index not in known]
        after = self.catalog.sequence
        # Also at the start: key states that began later would lack what was there before.
        if pending and pending[0].first_sequence != after + 1:
            text = f"{pending[0].path.name} begins at record {pending[0].first_sequence}"
            raise ArchiveFault("MISSING_SEGMENT", f"{text}, the archive ends at {after}")
        return pending

    def step(self) -> Archived | None:
        """Archive the next sealed segment; None when there is none. ArchiveFault names what is
        wrong with it, or that somebody else is changing the archive."""
        with locked(self._archive):
            self._look_again()
            pending = self.pending()
            return self._archive_segment(pending[0]) if pending else None

    def close(self) -> None:
        """Leave a snapshot, so that the next run starts here."""
        if self._extractor is not None and self._since_snapshot:
            with locked(self._archive):
                self._write_snapshot()

    def close_days(self, now_ns: int) -> list[str]:
        """Files of marks for the days that are over; which ones."""
        with locked(self._archive):
            return close_days(self._archive, now_ns, self._step)

    def _look_again(self) -> None:
        """What others did to the archive since the last step. ArchiveFault: a file is lost."""
        remove_temporary(self._archive)
        catalog = Catalog(self._archive)
        if catalog.sequence != self.catalog.sequence:
            self._extractor = self._states = None  # they stand where we were
        self.catalog = catalog
        if not self._is_checked:
            _check_files(catalog)
            self._is_checked = True

    def _archive_segment(self, seal: Seal) -> Archived:
        check_segment(seal)
        extractor = self._extractor_at(seal.first_sequence - 1)
        states = self._states_behind(seal.first_sequence - 1)
        files = SegmentFiles(self._archive, seal.index, self._step, self._batch_rows)
        try:
            records = self._write_rows(extractor, seal, files, states)
            whole = [*files.finish(), *states.write(self._archive, seal.index)]
            written = publish_written(self._archive, whole, self._step)
        except BaseException:
            self._extractor = self._states = None  # they stand within the segment
            files.abandon()
            raise
        manifest = Manifest(
            version=VERSION,
            segment=seal.index,
            instance=seal.instance,
            seal_sha256=seal.sha256,
            segment_bytes=seal.bytes,
            first_sequence=seal.first_sequence,
            last_sequence=seal.last_sequence,
            first_time_ns=files.first_time_ns,
            last_time_ns=extractor.time_ns,  # also of a segment without records: time goes on
            files=written,
        )
        self.catalog.write(manifest, self._step)
        self._snapshot_sometimes()
        rows = sum(file.rows for file in written if file.day)
        return Archived(seal.index, records, rows, seal.bytes, sum(file.bytes for file in written))

    def _write_rows(
        self, extractor: Any, seal: Seal, files: SegmentFiles, states: KeyStates
    ) -> int:
        records = 0
        while extractor.sequence < seal.last_sequence:
            self._step(f"read segment {seal.index}")
            try:
                found = extractor.extract(seal.last_sequence, self._batch_rows)
            except RuntimeError as error:
                text = f"{seal.path.name}: {error}"
                raise ArchiveFault("DAMAGED_SEGMENT", text) from None
            if found["records"] == 0:
                text = f"{seal.path.name}: no record behind {extractor.sequence}"
                raise ArchiveFault("DAMAGED_SEGMENT", text)
            records += found["records"]
            tables = archived_tables(found, extractor, self._refusals)
            files.write(tables)
            states.take(tables)
        return records

    def _extractor_at(self, sequence: int) -> Any:
        if self._extractor is None or self._extractor.sequence != sequence:
            self._extractor = open_extractor(self._directory, self._archive, sequence)
        return self._extractor

    def _states_behind(self, sequence: int) -> KeyStates:
        if self._states is None:
            before = self.catalog.newest if self.catalog.sequence == sequence else None
            self._states = KeyStates.read(self._archive, before)
        return self._states

    def _snapshot_sometimes(self) -> None:
        self._since_snapshot += 1
        if self._since_snapshot >= SNAPSHOT_EVERY_SEGMENTS:
            self._write_snapshot()

    def _write_snapshot(self) -> None:
        place = self._archive / STATE_DIRECTORY
        make_directory(place)
        self._step("snapshot")
        self._extractor.write_snapshot(str(place))
        self._since_snapshot = 0


assert set(KEYED) <= set(TABLES)
