"""Which code a plugin is: one SHA-256 over its files. Reads them, runs none."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["FILES_MAX", "digest_of"]

FILES_MAX = 4096
_NOT_CODE = frozenset({"__pycache__"})


def digest_of(plugin: object) -> str:
    """Over name and content of every file beside the plugin's module, in the order of names; "" for
    an object without a file. A package is all of its folder, a single module its own file. Of more
    than FILES_MAX files the first ones by name are read, and how many there are counts as well."""
    origin = getattr(plugin, "__file__", None)
    if not isinstance(origin, str):
        return ""
    file = Path(origin)
    is_package = hasattr(plugin, "__path__")
    try:
        return _digest(file.parent, _files(file.parent) if is_package else [file])
    except OSError:
        return ""


def _files(folder: Path) -> list[Path]:
    found = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not _NOT_CODE.intersection(path.relative_to(folder).parts)
    ]
    return sorted(found)


def _digest(folder: Path, files: list[Path]) -> str:
    whole = hashlib.sha256()
    if len(files) > FILES_MAX:
        whole.update(len(files).to_bytes(8, "little"))
    for path in files[:FILES_MAX]:
        name = path.relative_to(folder).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        whole.update(len(name).to_bytes(4, "little") + name + content)
    return whole.hexdigest()
