"""The echo acceptor as a program: it says `up`, takes numbers by its admin port, and says what is
wrong with its file. What it answers over FIX: tests/fix_scripts."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import click
import pytest

from gateway.testing.fix_echo import build_sessions, read_config

GOOD = """
port = 0
admin_port = 0
sender_comp_id = "ISLD"
[[sessions]]
begin_string = "FIX.4.4"
target_comp_id = "TW"
next_expected = true
last_processed = true
resend_chunk = 5
reset_on_logon = true
reset_on_disconnect = true
validate_fields_have_values = false
[[sessions]]
begin_string = "FIXT.1.1"
target_comp_id = "TW"
default_appl_ver_id = "FIX.5.0SP2"
"""


def post(port: int, query: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{port}/seqnum?{query}"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method="POST"), timeout=60
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_says_up_takes_numbers_and_ends_when_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(GOOD, encoding="utf-8")
    command = [sys.executable, "-m", "gateway.testing.fix_echo", "--config", str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            assert process.stdout.readline() == "up\n"
            port = int(process.stderr.readline().split()[3])
            name = "SESSION=FIX.4.4:ISLD->TW"
            status, text = post(port, f"{name}&NEXTSENDERSEQNUM=2000")
            assert status == 200 and '"next_outgoing": 2000' in text
            status, text = post(port, f"{name}&NEXTTARGETSEQNUM=7")
            assert status == 200 and '"next_expected": 7' in text
            for query, code in ((f"{name}&NEXTSENDERSEQNUM=0", 400), (f"{name}&X=1", 400),
                                ("SESSION=FIX.4.4:WHO->TW&NEXTSENDERSEQNUM=1", 404)):  # fmt: skip
                assert post(port, query)[0] == code, query
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_every_key_of_a_session_reaches_it(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(GOOD, encoding="utf-8")
    first, second = build_sessions(read_config(path), 1)
    settings = first.settings
    assert str(first.identity) == "FIX.4.4:ISLD->TW"
    assert settings.has_next_expected and settings.has_last_processed
    assert settings.resend_chunk == 5 and settings.rules.accepts_empty_values
    assert settings.is_reset_on_logon and settings.is_reset_on_disconnect
    assert second.settings.default_appl_ver_id == "9"
    assert not second.settings.rules.accepts_empty_values


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: text + "colour = 1\n", "colour"),
        (lambda text: text.replace("port = 0", "port = 'a'", 1), "port"),
        (lambda text: text.replace("=", "", 1), "echo.toml"),
        (lambda text: text.replace('"FIX.4.4"', '"FIX.9.9"'), "FIX.9.9"),
        (lambda text: text.replace("resend_chunk = 5", 'dictionary = "none.xml"'), "none.xml"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, change, what: str) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(change(GOOD), encoding="utf-8")
    with pytest.raises((click.ClickException, ValueError)) as told:
        build_sessions(read_config(path), 1)
    error = told.value
    assert what in (
        error.format_message() if isinstance(error, click.ClickException) else str(error)
    )
