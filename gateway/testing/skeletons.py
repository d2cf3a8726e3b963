"""Writes a new adapter that works: distribution, manifest, adapter, simulated venue and conformance
test. Nothing is overwritten."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path

from gateway.api import API_LEVEL

__all__ = ["FILES", "check_name", "write_adapter"]

_NAME = re.compile(r"[a-z][a-z0-9]{1,30}")
_HOLE = re.compile(r"\{(name|Name|api_level)\}")
# Template -> place in the new tree.
FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "__init__.py.txt": "gateway_{name}/__init__.py",
    "adapter.py.txt": "gateway_{name}/adapter.py",
    "stream.py.txt": "gateway_{name}/stream.py",
    "translate.py.txt": "gateway_{name}/translate.py",
    "capabilities.py.txt": "gateway_{name}/capabilities.py",
    "simulated.py.txt": "tests/simulated_{name}.py",
    "test_conformance.py.txt": "tests/test_conformance.py",
}


def check_name(name: str) -> None:
    """Raises ValueError with the rule: the name becomes part of a module's."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError("2 to 31 lower-case letters and digits, a letter first")


def write_adapter(name: str, directory: Path) -> list[Path]:
    """The files, in the order they were written. Raises ValueError for the name and
    FileExistsError when `directory` is there already."""
    check_name(name)
    values = {"name": name, "Name": name.capitalize(), "api_level": str(API_LEVEL)}
    templates = resources.files("gateway.testing") / "skeleton"
    directory.mkdir(parents=True)
    written = []
    for template, place in FILES.items():
        text = (templates / template).read_text(encoding="utf-8")
        path = directory / _HOLE.sub(lambda hole: values[hole[1]], place)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_HOLE.sub(lambda hole: values[hole[1]], text), encoding="utf-8")
        written.append(path)
    return written
