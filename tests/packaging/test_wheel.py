"""The wheel holds everything an installed gateway needs and nothing of the workshop. Built over the
objects of the tree's own build: an installed tree has compiled them already."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE_FILES = {path.name for path in (ROOT / "gateway/stream/dashboard").iterdir()}
pytestmark = pytest.mark.timeout(1800)  # a tree that was never installed compiles here


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    command += ["--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1700, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [path] = folder.glob("exchange_gateway-*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_page_native_module_types_and_stubs_are_inside(wheel):
    names = set(wheel.namelist())
    assert len(PAGE_FILES) >= 7
    assert {f"gateway/stream/dashboard/{name}" for name in PAGE_FILES} <= names
    assert "gateway/py.typed" in names
    stubs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway/_core").glob("*.pyi")}
    assert stubs and stubs <= names
    [module] = [name for name in names if name.startswith("gateway/_core.")]
    assert module.endswith(".so") and wheel.getinfo(module).file_size > 100_000


def test_every_module_of_the_package_is_inside(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway").rglob("*.py")}
    assert modules <= set(wheel.namelist())


def test_nothing_of_the_workshop_is_inside(wheel):
    for name in wheel.namelist():
        assert name.split("/")[0] == "gateway" or ".dist-info/" in name, name
        assert not {"tests", "__pycache__", "build", "core_ext"} & set(name.split("/")), name
        assert Path(name).suffix not in {".cpp", ".hpp", ".o", ".a", ".pyc"}, name


def test_the_command_is_declared(wheel):
    [points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "gateway = gateway.__main__:main" in wheel.read(points).decode()


def test_the_unpacked_wheel_explains_a_refusal_alone(wheel, tmp_path):
    """-S leaves the editable install of the tree out; the dependencies come as a plain folder."""
    wheel.extractall(tmp_path / "site")
    program = (
        "import sys; sys.path[:0] = [sys.argv.pop(1)]; sys.path.append(sys.argv.pop(1)); "
        "import gateway; "
        "assert gateway.__file__.startswith(sys.path[0]), gateway.__file__; "
        "from gateway.__main__ import main; sys.argv[0] = 'gateway'; main()"
    )
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(
        [
            *command,
            str(tmp_path / "site"),
            sysconfig.get_path("purelib"),
            "explain",
            "POSITION_LIMIT",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("POSITION_LIMIT: ")
