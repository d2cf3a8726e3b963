"""The units are valid, well confined, and keep the ring of the journal alive."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ["gateway.service", "gateway-observer.service", "gateway-risk-watch.service"]
EXPOSURE_TENTHS_MAX = 20

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def directives(name: str) -> list[tuple[str, str]]:
    """(key, value) of every line of a unit, repeated keys included."""
    lines = (UNITS / name).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return [(key, value) for key, value in pairs]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root directory with the units and the programs they name."""
    etc = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, etc)
    for program in ("usr/bin/gateway", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    targets = ("sysinit", "basic", "shutdown", "network-online", "time-sync", "multi-user")
    for target in (*targets, "sockets", "umount"):
        unit = f"[Unit]\nDescription={target}\nDefaultDependencies=no\n"
        (etc / f"{target}.target").write_text(unit, encoding="utf-8")
    (etc / "-.slice").write_text("[Unit]\nDescription=root\n", encoding="utf-8")
    return tmp_path


@needs_analyze
@pytest.mark.parametrize("name", [*SERVICES, "gateway.socket", "gateway.slice"])
def test_a_unit_is_valid(machine: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={machine}", name],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "gateway" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


@needs_analyze
def test_a_misspelled_unit_is_found(machine: Path) -> None:
    unit = machine / "etc/systemd/system/gateway.service"
    text = unit.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSecs")
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={machine}", "gateway.service"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "WatchdogSecs" in done.stderr


@needs_analyze
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(machine: Path, name: str) -> None:
    # Without its drop-in directory: the base unit is what is confined.
    shutil.rmtree(machine / "etc/systemd/system/gateway.service.d")
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            f"--root={machine}",
            f"--threshold={EXPOSURE_TENTHS_MAX}",
            "--no-pager",
            name,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert done.returncode == 0 and float(exposure[1]) <= EXPOSURE_TENTHS_MAX / 10, exposure[0]


@pytest.mark.parametrize("name", SERVICES)
def test_the_ring_outlives_the_service(name: str) -> None:
    found = dict(directives(name))
    assert found["RuntimeDirectoryPreserve"] == "yes"
    assert "DynamicUser" not in found
    assert found["User"] == "gateway"
    assert found["RemoveIPC"] == "no"


def test_nothing_cleans_the_ring_while_the_machine_runs() -> None:
    text = (UNITS / "gateway.tmpfiles.conf").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert ["x", "/run/gateway/*"] in lines
    assert all(line[0] not in {"D", "R", "r"} for line in lines)


def test_the_gateway_is_watched_and_reloads_on_a_signal() -> None:
    found = dict(directives("gateway.service"))
    assert found["Type"] == "notify"
    assert found["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert 0 < int(found["WatchdogSec"]) <= 10
    assert found["LimitMEMLOCK"] == "infinity"
    assert found["Restart"] == "on-failure"
    assert [key for key, _ in directives("gateway.service")].count("LoadCredential") == 2


def test_the_observer_holds_no_credential() -> None:
    assert not [key for key, _ in directives("gateway-observer.service") if "Credential" in key]


def test_the_risk_watch_has_a_key_of_its_own_and_always_comes_back() -> None:
    found = dict(directives("gateway-risk-watch.service"))
    name, _, _ = found["LoadCredential"].partition(":")
    words = found["ExecStart"].split()
    assert words[words.index("--key-file") + 1] == f"${{CREDENTIALS_DIRECTORY}}/{name}"
    assert name not in dict(directives("gateway.service"))["LoadCredential"]
    assert found["StartLimitIntervalSec"] == "0" and found["Restart"] == "on-failure"
    assert found["RestartPreventExitStatus"] == "2 4", (
        "usage and refusal, as gateway.commands.output"
    )


def test_the_risk_watch_is_started_as_its_command_says() -> None:
    from gateway.commands.risk_watch import command

    words = dict(directives("gateway-risk-watch.service"))["ExecStart"].split()
    known = {word for option in command.params for word in option.opts}
    told = {word for word in words if word.startswith("--")}
    assert words[:2] == ["/usr/bin/gateway", "risk-watch"] and told <= known
    assert {"--act", "--ring-directory", "--brackets", "--policy", "--key-file"} <= told


def test_the_low_latency_example_is_a_drop_in_of_the_service() -> None:
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / "gateway.service.d/10-lowlatency.conf", encoding="utf-8")
    assert parser.sections() == ["Service"]
    assert parser["Service"]["CapabilityBoundingSet"] == "CAP_SYS_NICE CAP_IPC_LOCK"
    assert parser["Service"]["RestrictRealtime"] == "no"
