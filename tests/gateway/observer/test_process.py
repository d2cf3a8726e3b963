"""The program as a process: readiness told to systemd, an ordered stop, loopback alone."""

import os
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace
from gateway.config.settings import HistorySettings, ObserverSettings
from gateway.observer import main
base = Path(sys.argv[1])
places = SimpleNamespace(
    directory=base / "journal", ring_directory=base / "ring", keys_file=base / "keys.toml",
    configuration_directory=base)
observer = ObserverSettings(host=sys.argv[2], port=0, instrument_map=sys.argv[3])
history, gateway = HistorySettings(), SimpleNamespace(reporting_currency="USD")
sys.exit(main(SimpleNamespace(
    places=places, observer=observer, history=history, gateway=gateway, principals={})))
"""


def start(base, host, environment, instrument_map=""):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(base), host, instrument_map],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def test_it_tells_systemd_prints_the_page_and_stops_in_order(tmp_path):
    (tmp_path / "ring").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(300)
        process = start(tmp_path, "127.0.0.1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        try:
            told = [systemd.recv(200), systemd.recv(200)]
            assert told[1] == b"WATCHDOG=1" or told[0] == b"WATCHDOG=1"
            assert any(text.startswith(b"READY=1\n") for text in told)
            word, address = process.stdout.readline().split()
            assert word == "page" and "/#token=" in address
            health = address.partition("#")[0] + "v1/health/live"
            with urllib.request.urlopen(health, timeout=300) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=300) == 0
            last = systemd.recv(200)
            while last == b"WATCHDOG=1":  # fed while it ran
                last = systemd.recv(200)
            assert last.startswith(b"STOPPING=1\n")
            assert process.stderr.read() == ""
        finally:
            process.kill()
            process.communicate()
    assert not (tmp_path / "ring" / "observe.json").exists()


def test_an_address_beyond_loopback_is_refused(tmp_path):
    process = start(tmp_path, "0.0.0.0", {})
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "only loopback" in errors


@pytest.mark.parametrize("text", [None, "[same.WBTC]\nasset = 1\n"])
def test_an_instrument_map_that_is_none_is_refused_by_name(tmp_path, text):
    if text is not None:
        (tmp_path / "map.toml").write_text(text)
    process = start(tmp_path, "127.0.0.1", {}, "map.toml")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("observer.instrument_map: ") and "map.toml" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["index.html", "app.js", "grid.js", "style.css", "favicon.svg"])
def test_page_files_are_inside_the_package(name):
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert settings["tool"]["scikit-build"]["wheel"]["packages"] == ["gateway"]
    assert (REPOSITORY / "gateway" / "stream" / "dashboard" / name).is_file()
