"""Where a bench runs: its directories are named by its process and go with it, or with the next."""

from pathlib import Path

from gateway.benchmarks import _place


def test_directories_are_gone_after_the_bench():
    with _place.directories() as made:
        assert all(Path(each).is_dir() for each in made)
    assert not any(Path(each).exists() for each in made)


def test_what_a_killed_bench_left_is_removed_and_nothing_else(tmp_path):
    root, processes = tmp_path / "root", tmp_path / "proc"
    kept = ("gateway-bench-22-b", "gateway-bench-old", "gateway-test-11-a")
    for name in ("gateway-bench-11-a", *kept):
        (root / name / "inside").mkdir(parents=True)
    (processes / "22").mkdir(parents=True)
    _place.remove_left_over(root, processes)
    assert sorted(path.name for path in root.iterdir()) == sorted(kept)
