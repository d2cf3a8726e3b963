"""Files that a segment or a day was written into, on their way into the archive: synced, named and
counted. Only what comes out of here is named by a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.history.catalog import ArchivedFile
from gateway.history.durable import Step, publish, temporary_of
from gateway.history.faults import ArchiveFault

__all__ = ["WrittenFile", "publish_written"]


class WrittenFile(NamedTuple):
    """A whole file under its temporary name."""

    table: str
    day: str  # as of ArchivedFile
    target: Path
    rows: int

    @property
    def temporary(self) -> Path:
        return temporary_of(self.target)


def publish_written(
    archive: Path, files: Sequence[WrittenFile], step: Step
) -> tuple[ArchivedFile, ...]:
    """Each under its name, durably. ArchiveFault: one holds other rows than were written."""
    publish([file.target for file in files], step)
    for file in files:
        _check_rows(file)
    return tuple(
        ArchivedFile(
            table=file.table,
            day=file.day,
            path=str(file.target.relative_to(archive)),
            rows=file.rows,
            bytes=file.target.stat().st_size,
        )
        for file in files
    )


def _check_rows(file: WrittenFile) -> None:
    try:
        found = pq.read_metadata(file.target).num_rows
    except (OSError, pa.ArrowException) as error:
        raise ArchiveFault("BAD_ARCHIVE", f"{file.target}: {error}") from None
    if found != file.rows:
        text = f"{file.target}: {found} rows, written were {file.rows}"
        raise ArchiveFault("BAD_ARCHIVE", text)
