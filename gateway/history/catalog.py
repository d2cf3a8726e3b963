"""The archive's directory: which segments are in it, and in which files. A segment is archived when
its manifest is there, and the manifest is written last; a file that no manifest names is none. The
manifest of a day names files that were made of those of its segments, and stands for them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from gateway.history.durable import Step, make_directory, sync_directory, write_file
from gateway.history.faults import ArchiveFault

__all__ = ["ArchivedFile", "Catalog", "DayManifest", "Manifest", "RowFile", "stamp_of"]

VERSION = 2
_READABLE = (1, VERSION)  # columns of 2: gateway/history/columns.py
_MANIFESTS = "manifests"


class ArchivedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file; `path` is relative to the archive."""

    table: str
    day: str  # UTC, "" = the state of every key behind the segment
    path: str
    rows: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One archived segment."""

    version: int
    segment: int
    instance: int
    seal_sha256: str
    segment_bytes: int
    first_sequence: int
    last_sequence: int
    first_time_ns: int  # 0 = it holds no record
    last_time_ns: int
    files: tuple[ArchivedFile, ...]
    is_expired: bool = False  # its files are gone, by retention


class DayManifest(msgspec.Struct, frozen=True, kw_only=True):
    """One day that is over, a file for each table that had several: they stand for the files of
    this day and these tables in the segments from first to last."""

    version: int
    day: str
    first_segment: int
    last_segment: int
    files: tuple[ArchivedFile, ...]
    merged_ns: int
    holds_replaced: bool = True  # the files that were merged are there still

    def stands_for(self, segment: int, file: ArchivedFile) -> bool:
        return self.first_segment <= segment <= self.last_segment and any(
            own.table == file.table for own in self.files
        )


class RowFile(NamedTuple):
    """Where rows are read: those behind record `after` and up to `until` (0 = no bound), in the
    columns of `version`."""

    path: Path
    version: int
    after: int = 0
    until: int = 0


M = TypeVar("M", Manifest, DayManifest)


def stamp_of(archive: Path) -> int:
    """Another number when a manifest came, went or was written anew; 0 = there is no archive."""
    try:
        return (archive / _MANIFESTS).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class Catalog:
    """The manifests of an archive, by segment and by day. Made anew to see what was added since."""

    def __init__(self, directory: Path, until: int | None = None) -> None:
        """`until`: without segments behind this record; None = all of them."""
        self.directory = directory
        found = _read(directory, "segment-*.json", Manifest)
        self.manifests = [each for each in found if until is None or each.last_sequence <= until]
        self.days = {each.day: each for each in _read(directory, "day-*.json", DayManifest)}

    @property
    def newest(self) -> Manifest | None:
        return self.manifests[-1] if self.manifests else None

    @property
    def sequence(self) -> int:
        """The last archived record, 0 = none."""
        return self.manifests[-1].last_sequence if self.manifests else 0

    @cached_property
    def kept(self) -> list[Manifest]:
        """Those whose files retention left."""
        return [each for each in self.manifests if not each.is_expired]

    @cached_property
    def gone_to(self) -> int:
        """The last record that retention took, 0 = none."""
        gone = [each.last_sequence for each in self.manifests if each.is_expired]
        return gone[-1] if gone else 0

    @cached_property
    def _ends(self) -> dict[int, int]:
        """The last record of each segment."""
        return {each.segment: each.last_sequence for each in self.manifests}

    def is_replaced(self, segment: int, file: ArchivedFile) -> bool:
        """Whether a file of its day stands for it."""
        day = self.days.get(file.day)
        return day is not None and day.stands_for(segment, file)

    def files_of(self, manifest: Manifest) -> list[ArchivedFile]:
        """Of one segment, what no file of a day stands for."""
        return [file for file in manifest.files if not self.is_replaced(manifest.segment, file)]

    def days_of(self, manifests: Sequence[Manifest]) -> list[DayManifest]:
        """Days made of files of these segments, and of others."""
        numbers = sorted(each.segment for each in manifests)

        def has_part(day: DayManifest) -> bool:
            at = bisect_left(numbers, day.first_segment)
            return at < len(numbers) and numbers[at] <= day.last_segment

        return [day for _, day in sorted(self.days.items()) if has_part(day)]

    def present(self) -> Iterator[ArchivedFile]:
        """Every file that must be there."""
        for manifest in self.kept:
            yield from self.files_of(manifest)
        for day in self.days_of(self.kept):
            yield from day.files

    def bytes_of(self, manifest: Manifest) -> int:
        """What goes with a segment: its files, and those of the days that it is the last of."""
        own = sum(file.bytes for file in self.files_of(manifest))
        return own + sum(
            file.bytes
            for day in self.days.values()
            if day.last_segment == manifest.segment
            for file in day.files
        )

    def files(self, table: str) -> list[Path]:
        """Files of a table that hold rows, oldest first."""
        return [file.path for file in self.row_files(table)]

    def row_files(
        self, table: str, manifests: Sequence[Manifest] | None = None, after: int = 0
    ) -> list[RowFile]:
        """The same of these segments (None = all that are kept), without rows up to `after`: of a
        day that began before, only what is behind it and behind what retention took."""
        wanted = self.kept if manifests is None else manifests
        hidden = max(after, self.gone_to)
        found = [
            (file.day, each.segment, RowFile(self.directory / file.path, each.version))
            for each in wanted
            for file in self.files_of(each)
            if file.table == table and file.day and file.rows
        ]
        for day in self.days_of(wanted):
            bounds = self._bounds(day, hidden)
            found += [
                (
                    day.day,
                    day.first_segment,
                    RowFile(self.directory / file.path, day.version, *bounds),
                )
                for file in day.files
                if file.table == table and file.rows
            ]
        return [file for _, _, file in sorted(found)]

    def _bounds(self, day: DayManifest, hidden: int) -> tuple[int, int]:
        """After and until, of a file that holds rows of segments which do not count here."""
        after = hidden if self._ends.get(day.first_segment, 0) <= hidden else 0
        newest = self.newest
        is_longer = newest is not None and day.last_segment > newest.segment
        return after, self.sequence if is_longer else 0

    def write(self, manifest: Manifest, step: Step) -> None:
        """The last step of archiving a segment, or of forgetting its files."""
        self._write(f"segment-{manifest.segment:010d}.json", manifest, step)
        kept = [each for each in self.manifests if each.segment != manifest.segment]
        self.manifests = sorted([*kept, manifest], key=lambda each: each.segment)
        for name in ("kept", "gone_to", "_ends"):  # worked out anew
            self.__dict__.pop(name, None)

    def write_day(self, day: DayManifest, step: Step) -> None:
        """From here on its files stand for those they were made of."""
        self._write(f"day-{day.day}.json", day, step)
        self.days[day.day] = day

    def forget_day(self, day: DayManifest, step: Step) -> None:
        """Its files are gone, and so are all its segments."""
        step(f"forget {day.day}")
        place = self.directory / _MANIFESTS
        (place / f"day-{day.day}.json").unlink(missing_ok=True)
        sync_directory(place)
        del self.days[day.day]

    def _write(self, name: str, manifest: Manifest | DayManifest, step: Step) -> None:
        place = self.directory / _MANIFESTS
        make_directory(place)
        data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_file(place / name, data, step)


def _read(directory: Path, pattern: str, kind: type[M]) -> list[M]:
    decoder = msgspec.json.Decoder(kind)
    found = []
    for path in sorted((directory / _MANIFESTS).glob(pattern)):
        try:
            manifest = decoder.decode(path.read_bytes())
        except msgspec.MsgspecError as error:
            raise ArchiveFault("BAD_MANIFEST", f"{path.name}: {error}") from None
        if manifest.version not in _READABLE:
            text = f"{path.name}: version {manifest.version}, this build reads up to {VERSION}"
            raise ArchiveFault("BAD_MANIFEST", text)
        found.append(manifest)
    return found
