"""The archive's directory: which segments are in it, and in which files. A segment is archived when
its manifest is there, and the manifest is written last; a file that no manifest names is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.history.durable import Step, write_file
from gateway.history.faults import ArchiveFault

__all__ = ["ArchivedFile", "Catalog", "Manifest"]

VERSION = 1
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


class Catalog:
    """The manifests of an archive, by segment. Made anew to see what was added since."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        decoder = msgspec.json.Decoder(Manifest)
        self.manifests: list[Manifest] = []
        for path in sorted((directory / _MANIFESTS).glob("segment-*.json")):
            try:
                manifest = decoder.decode(path.read_bytes())
            except msgspec.MsgspecError as error:
                raise ArchiveFault("BAD_MANIFEST", f"{path.name}: {error}") from None
            if manifest.version != VERSION:
                text = f"{path.name}: version {manifest.version}, this build reads {VERSION}"
                raise ArchiveFault("BAD_MANIFEST", text)
            self.manifests.append(manifest)

    @property
    def newest(self) -> Manifest | None:
        return self.manifests[-1] if self.manifests else None

    @property
    def sequence(self) -> int:
        """The last archived record, 0 = none."""
        return self.manifests[-1].last_sequence if self.manifests else 0

    def files(self, table: str, *, is_state: bool = False) -> list[Path]:
        """Files of a table that hold rows, oldest first."""
        return [self.directory / file.path for file in self._files(table, is_state=is_state)]

    def _files(self, table: str, *, is_state: bool) -> Iterator[ArchivedFile]:
        for manifest in self.manifests:
            for file in manifest.files:
                if file.table == table and (file.day == "") == is_state and file.rows:
                    yield file

    def behind(self, sequence: int) -> Manifest | None:
        """The newest segment that ends at or before this record and still has its files."""
        found = [
            each
            for each in self.manifests
            if each.last_sequence <= sequence and each.files and not each.is_expired
        ]
        return found[-1] if found else None

    def write(self, manifest: Manifest, step: Step) -> None:
        """The last step of archiving a segment, or of forgetting its files."""
        place = self.directory / _MANIFESTS
        place.mkdir(parents=True, exist_ok=True)
        data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_file(place / f"segment-{manifest.segment:010d}.json", data, step)
        kept = [each for each in self.manifests if each.segment != manifest.segment]
        self.manifests = sorted([*kept, manifest], key=lambda each: each.segment)
