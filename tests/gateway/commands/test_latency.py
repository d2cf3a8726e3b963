"""gateway latency: its arithmetic, and the command against a real daemon over both doors."""

import json
import random

import pytest
from click.testing import CliRunner
from real_programs import RealGateway

from gateway.__main__ import root
from gateway.commands.latency import Spread


def test_percentiles_are_within_one_percent_of_the_sorted_samples():
    chance = random.Random(7)
    samples = [chance.lognormvariate(3, 1) for _ in range(20_000)]
    spread = Spread()
    for sample in samples:
        spread.add(sample)
    samples.sort()
    for percent in (50.0, 90.0, 99.0, 99.9):
        exact = samples[int(len(samples) * percent / 100)]
        assert spread.percentile(percent) == pytest.approx(exact, rel=0.02)
    told = spread.summary()
    assert told["samples"] == len(samples)
    assert told["min"] == pytest.approx(samples[0], abs=0.005)
    assert told["max"] == pytest.approx(samples[-1], abs=0.005)
    assert told["avg"] == pytest.approx(sum(samples) / len(samples), abs=0.005)


def test_no_samples_tell_nothing():
    assert Spread().summary() == {"samples": 0}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = RealGateway(tmp_path_factory.mktemp("latency"))
    made.start_paper()
    text = (made.folder / "gateway.toml").read_text()
    (made.folder / "gateway.toml").write_text(text + "\n[shm]\nenabled = true\n")
    made.start_daemon()
    yield made
    made.close()


def ask(world, *words, config=True):
    place = ["--config", "gateway.toml"] if config else []
    key = ["--key-file", "journal/demo.key"]
    return CliRunner().invoke(root, ["latency", "--seconds", "0.3", *place, *key, *words])


@pytest.mark.parametrize(("door", "chosen"), [("auto", "shm"), ("shm", "shm"), ("http", "http")])
def test_the_running_gateway_is_measured(world, monkeypatch, door, chosen):
    monkeypatch.chdir(world.folder)
    result = ask(world, "--door", door, "--interval-ms", "1", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["door"], told["unit"]) == (chosen, "us")
    assert told["samples"] >= 1
    assert 0 < told["min"] <= told["p50"] <= told["p99"] <= told["p99.9"] <= told["max"]


def test_a_person_reads_one_line(world, monkeypatch):
    monkeypatch.chdir(world.folder)
    result = ask(world)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("samples: ")
    assert result.stdout.endswith("(us)\n")


def test_what_does_not_run_is_named(tmp_path, monkeypatch):
    other = RealGateway(tmp_path)
    other.configure("paper", "paper")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "journal").mkdir()
    result = ask(other)
    assert (result.exit_code, "NOT_RUNNING" in result.stderr) == (3, True)
