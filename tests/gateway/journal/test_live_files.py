"""Marks as the daemon writes them, whatever a venue's price looks like: what is handed on is a
price that the native core can hold."""

import json

import pytest

from gateway._core.journal import Replica
from gateway.config.places import MARKS_FILE
from gateway.journal import LiveFiles


@pytest.mark.parametrize(
    ("told", "usable"),
    [
        ("100.50", "100.50"),
        ("1E-7", "0.0000001"),
        ("0.0123456789012345675", "0.012345678901234568"),
        ("3000000000.1234567890", "3000000000.12345679"),
        ("999999999999999999", "999999999999999999"),
        ("1000000000000000000", None),
        ("0.0000000000000000001", None),
        ("Infinity", None),
        ("NaN", None),
        ("-1", None),
        ("0", None),
        ("x", None),
    ],
)
def test_a_mark_is_what_the_core_can_hold_or_none(tmp_path, told, usable):
    marks = {"BTC": {"mark": told, "time_ns": 1}, "ETH": {"mark": "2", "time_ns": 1}}
    (tmp_path / MARKS_FILE).write_text(json.dumps(marks))
    *found, good = LiveFiles(tmp_path).marks()
    assert [mark.price for mark in found] == ([usable] if usable else [])
    assert good.instrument == "ETH"
    replica = Replica(str(tmp_path))
    for mark in (*found, good):
        assert replica.set_mark(*mark) is False  # no such instrument, and no refusal
