"""What a test run that was cut short left in shared memory goes, what a living one uses stays."""

import importlib.util
from pathlib import Path

FILE = Path(__file__).parents[1] / "conftest.py"
spec = importlib.util.spec_from_file_location("root_conftest", FILE)
assert spec is not None and spec.loader is not None
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)


def test_only_directories_of_dead_runs_are_removed(tmp_path: Path) -> None:
    shared, processes = tmp_path / "shm", tmp_path / "proc"
    kept = ("gateway-test-22-b", "gateway-test-old", "gateway-0-main", "gateway-11-main")
    left = ("gateway-bench-11-b", "gateway-test-11-a")
    for name in (*kept, *left):
        (shared / name / "inside").mkdir(parents=True)
    (processes / "22").mkdir(parents=True)
    assert conftest.remove_stale(shared, processes) == list(left)
    assert sorted(path.name for path in shared.iterdir()) == sorted(kept)
