"""Settings and dialects are checked once, and every fault is told by name."""

import pytest
from gateway_fix.adapter import FixAdapter
from gateway_fix.settings import read_settings

SPOT = {"symbol": "X", "base": "B", "quote": "Q", "tick": "0.1", "lot": "1"}
GOOD = {
    "account": "main",
    "state_directory": "/nonexistent",
    "instruments": [SPOT],
    "host": "127.0.0.1",
    "port": 1,
    "sender_comp_id": "DESK",
    "target_comp_id": "VENUE",
}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"instruments": []}, "instruments"),
        ({"instruments": [SPOT, SPOT]}, "instruments"),
        ({"host": ""}, "host, port"),
        ({"port": 70_000}, "host, port"),
        ({"sender_comp_id": ""}, "sender_comp_id"),
        ({"target_comp_id": ""}, "target_comp_id"),
        ({"timeout_ms": 1}, "timeout_ms"),
        ({"history_days": 0}, "history_days"),
        ({"heartbeat_s": 301}, "heartbeat_s"),
        ({"dialect": "nowhere"}, "dialect"),
        ({"unheard_of": 1}, "unheard_of"),
        (
            {"dialect": "binance_spot", "instruments": [SPOT | {"kind": "linear"}]},
            "tells no positions",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(changes, name):
    with pytest.raises(ValueError, match=name):
        read_settings(GOOD | changes)


def test_a_missing_secret_is_named():
    with pytest.raises(ValueError, match="password: missing secret"):
        FixAdapter("fix", GOOD, {"key": "k"})


DIALECT = """
name = "own"
source = "rules of engagement of a broker, read today"
order_types = { limit = "2" }
times_in_force = { day = "0" }
host = "fix.example"
port = 9000
target_comp_id = "BROKER"
"""


def test_a_dialect_of_ones_own_is_a_file(tmp_path):
    (tmp_path / "own.toml").write_text(DIALECT)
    terms = GOOD | {"dialect": "own.toml", "dialect_directory": str(tmp_path)}
    adapter = FixAdapter("fix", terms, {})
    assert adapter.capabilities.order_types == {"limit"}
    assert adapter.capabilities.times_in_force == {"day"}


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('logon = "unheard_of"', "logon"),
        ("unheard_of = 1", "unheard_of"),
        ('order_fields = { price = "1" }', "field number"),
        ("client_order_id_length_max = 10", "length_max"),
        ("heartbeat_s = 0", "heartbeat_s"),
        ("= nonsense", "own.toml"),
    ],
)
def test_a_dialect_that_contradicts_itself_is_refused(tmp_path, line, word):
    (tmp_path / "own.toml").write_text(DIALECT + line + "\n")
    terms = GOOD | {"dialect": "own.toml", "dialect_directory": str(tmp_path)}
    with pytest.raises(ValueError, match=word):
        FixAdapter("fix", terms, {})
