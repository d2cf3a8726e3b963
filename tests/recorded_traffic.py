"""A recorded session of Binance USD-M, read in place; a test that finds none is skipped by name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def recorded_folder() -> Path | None:
    named = os.environ.get("GATEWAY_RECORDED_DATA")
    places = [Path(named), Path(named) / "binance_usdm"] if named else []
    places.append(ROOT.parent / "shared" / "data" / "binance_usdm")
    return next((place for place in places if (place / "ws.txt").is_file()), None)


def recorded_lines(name: str) -> Iterator[tuple[str, str]]:
    """(what stands before a document, the document as it came) of one file."""
    folder = recorded_folder()
    if folder is None:
        pytest.skip("no recorded venue traffic (GATEWAY_RECORDED_DATA)")
    for line in (folder / name).read_text().splitlines():
        head, found, document = line.partition(": {")
        if found:
            yield head, "{" + document
