"""One direction: who may import and include whom. Exhaustive: a room that is not listed fails."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / "gateway"
CORE_EXT = ROOT / "core_ext"

# A row is read from left to right; a tuple holds neighbours that do not know each other.
SHARED = [
    ("api",),
    ("transport", "matching", "config", "process", "machine", "logs", "telemetry", "market"),
]
LIVE = [("core",), ("venues",), ("execution",), ("entry",), ("daemon",)]
# History reads segments as ledger does, and neither knows the other.
DOWNSTREAM = [
    ("journal", "valuation"),
    ("ledger", "history"),
    ("analytics",),
    ("stream",),
    ("observer",),
]
ABOVE = (
    "testing",
    "client",
    "commands",
    "benchmarks",
    "demo",
    "__main__",
)  # Stand above both rows.
ORPHANS = ("__init__",)  # Imports nothing.
NATIVE_DOORS = {
    "engine": "core",
    "positions": "core",
    "journal": "journal",
    "valuation": "valuation",
    "fix": "transport",
    "event": "transport",
    "matching": "matching",
    "ledger": "ledger",
    "history": "history",
    "counterfactual": "analytics",
    "bench": "benchmarks",
    "telemetry": "telemetry",
    "market": "market",
    "machine": "machine",
    "port": "client",
}
NATIVE_FOR_ALL = {"types"}  # The refusal table and decimal text.
PLUGIN_MAY = {"api", "transport", "matching"}
# Inside a room: what a pure part may import of it.
PURE_PARTS = {"entry/fix_answers": "gateway.entry.fix_answers"}
KNOWS_PLUGINS = {"benchmarks", "demo"}  # By name; everybody else finds them by their entry points.

# A row may include the rows before it and itself.
NATIVE_ROWS = [
    "types",
    "platform",
    "memory",
    "ring",
    "transport",
    "telemetry",
    "market",
    "record",
    "order",
    "book",
    "position",
    "journal",
    "ledger",
    "valuation",
    "fix",
    "port",
    "risk",
    "event",
    "state",
    "history",
    "engine",
    "engine.hpp",
]


def allowed_rooms() -> dict[str, set[str]]:
    """Room -> rooms it may import, itself included."""
    shared = {room for column in SHARED for room in column}
    allowed = {room: {room} for room in ORPHANS}
    for row, base in ((SHARED, set[str]()), (LIVE, shared), (DOWNSTREAM, shared)):
        seen = set(base)
        for column in row:
            for room in column:
                allowed[room] = seen | {room}
            seen |= set(column)
    everything = set(allowed) | set(ABOVE)
    return allowed | dict.fromkeys(ABOVE, everything)


ALLOWED = allowed_rooms()


def room_of(path: Path) -> str:
    """The room of a Python file below gateway/."""
    return path.relative_to(GATEWAY).parts[0].removesuffix(".pyi").removesuffix(".py")


def python_files() -> list[Path]:
    """Every module of the package except the stubs of the native part."""
    return sorted(path for path in GATEWAY.rglob("*.py") if "_core" not in path.parts)


def imported_names(path: Path) -> set[str]:
    """Every absolute dotted name a module imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_room_is_on_the_list() -> None:
    rooms = {room_of(path) for path in python_files()}
    assert rooms <= set(ALLOWED), f"rooms nobody planned: {sorted(rooms - set(ALLOWED))}"


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_leftwards_only(path: Path) -> None:
    room = room_of(path)
    for name in imported_names(path):
        parts = name.split(".")
        if parts[0] != "gateway" or len(parts) == 1 or name == "gateway.__version__":
            continue
        if parts[1] == "_core":
            assert len(parts) > 2, f"{path}: import one native part, not {name}"
            door = NATIVE_DOORS.get(parts[2])
            assert parts[2] in NATIVE_FOR_ALL or door == room, f"{path}: {name} belongs to {door}"
        else:
            assert parts[1] in ALLOWED[room], f"{path}: {room} may not import {name}"


@pytest.mark.parametrize("part", PURE_PARTS)
def test_a_pure_part_knows_nothing_else_of_its_room(part: str) -> None:
    own, room = PURE_PARTS[part], f"gateway.{part.partition('/')[0]}."
    files = sorted((GATEWAY / part).rglob("*.py"))
    assert files, f"{part} is gone: who took its place?"
    for path in files:
        for name in imported_names(path):
            assert not name.startswith(room) or f"{name}.".startswith(f"{own}."), (
                f"{path}: {name} stands above {part}"
            )


def test_the_page_of_the_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = page.split("## Rooms")[1].split("## Threads")[0]
    named = set(re.findall(r"`([a-z_]+)`", rooms))
    listed = {room for row in (SHARED, LIVE, DOWNSTREAM) for column in row for room in column}
    assert listed - named == set()


def test_the_table_of_rooms_has_no_way_across() -> None:
    live = {room for column in LIVE for room in column}
    downstream = {room for column in DOWNSTREAM for room in column}
    for room in live:
        assert not ALLOWED[room] & downstream
    for room in downstream:
        assert not ALLOWED[room] & live
    assert "daemon" not in ALLOWED["entry"]
    assert "transport" not in ALLOWED["config"]


def plugin_files() -> list[Path]:
    """Every Python file of every plugin."""
    files = (ROOT / "plugins").glob("*/**/*.py")
    return sorted(path for path in files if not {"build", ".venv"} & set(path.parts))


def test_a_plugin_could_move_out_tomorrow() -> None:
    for path in plugin_files():
        is_test = "tests" in path.parts or path.name == "conftest.py"
        may = PLUGIN_MAY | ({"testing"} if is_test else set())
        for name in imported_names(path):
            parts = name.split(".")
            if parts[0] == "gateway":
                assert len(parts) > 1 and parts[1] in may, f"{path}: a plugin may not import {name}"


def plugin_packages() -> set[str]:
    """The packages that the plugins install."""
    return {path.parent.name for path in (ROOT / "plugins").glob("*/gateway_*/__init__.py")}


def test_only_the_bench_and_the_demo_know_a_plugin_by_name() -> None:
    packages = plugin_packages()
    knowing = {
        path.relative_to(ROOT).as_posix(): room_of(path)
        for path in python_files()
        if packages & {name.split(".")[0] for name in imported_names(path)}
    }
    assert "benchmarks" in knowing.values(), f"nobody imports {sorted(packages)}: is this read?"
    strangers = sorted(path for path, room in knowing.items() if room not in KNOWS_PLUGINS)
    assert not strangers, f"these import a plugin: {strangers}"


INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
FOREIGN = re.compile(r"Python\.h|^nanobind/|^pybind11/|bind")


def includes(path: Path) -> list[str]:
    """What a C++ file includes, as written."""
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def native_files(folder: str) -> list[Path]:
    """Headers and sources of one folder of core_ext."""
    files = (CORE_EXT / folder).rglob("*")
    return sorted(path for path in files if path.suffix in {".hpp", ".h", ".def", ".cpp"})


def native_headers() -> list[Path]:
    """The headers of the rooms; a public C header stands beside them and includes none of them."""
    public = list((CORE_EXT / "include").glob("*.h"))
    for path in public:
        assert not any(name.startswith("gateway_core/") for name in includes(path)), path
    return [path for path in native_files("include") if path not in public]


def native_room(name: str) -> str:
    """The row of `gateway_core/ROOM/file.hpp`."""
    return name.split("/")[1]


def test_every_native_room_is_on_the_list() -> None:
    for path in native_headers():
        name = path.relative_to(CORE_EXT / "include").as_posix()
        assert name.startswith("gateway_core/"), name
        assert native_room(name) in NATIVE_ROWS, f"a native room nobody planned: {name}"


def test_a_native_row_includes_only_rows_above() -> None:
    for path in native_headers():
        room = native_room(path.relative_to(CORE_EXT / "include").as_posix())
        for name in includes(path):
            if "/" not in name or not name.startswith("gateway_core/"):
                assert not (path.parent / name).exists(), f"{path}: write {name} in full"
                continue
            below = NATIVE_ROWS.index(native_room(name)) > NATIVE_ROWS.index(room)
            assert not below, f"{path}: {room} may not include {name}"


def test_the_core_has_never_heard_of_python() -> None:
    for path in native_files("include") + native_files("src"):
        for name in includes(path):
            assert not FOREIGN.search(name), f"{path}: includes {name}"


def test_nobody_knows_the_bindings() -> None:
    tests = sorted((ROOT / "tests" / "core_ext").rglob("*.[ch]pp"))
    for path in native_files("include") + native_files("src") + tests:
        for name in includes(path):
            target = (path.parent / name).resolve()
            assert "bindings" not in name and "bindings" not in target.parts, f"{path}: {name}"


def test_bindings_know_headers_and_not_sources() -> None:
    for path in native_files("bindings"):
        for name in includes(path):
            assert "src/" not in name and not name.endswith(".cpp"), f"{path}: includes {name}"
