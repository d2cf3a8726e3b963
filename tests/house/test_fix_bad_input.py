"""Every rule of the FIX door about bad input has its test, through the door's own socket."""

import re
from pathlib import Path

import pytest

ENTRY = Path(__file__).parents[1] / "gateway/entry"
LOGONS = (ENTRY / "test_fix_logons.py").read_text(encoding="utf-8")
_IGNORED = "test_garbled_input_is_ignored_and_its_number_comes_again"
_REJECTED = "test_a_wrong_field_is_rejected_by_its_reason_and_the_session_goes_on"
_ENDED = "test_a_foreign_name_or_time_ends_the_session"

# Number -> (what comes, what is answered, tests, and of a table's test the rows).
RULES = {
    29: ("wrong checksum", "ignored, counted, number not used", (_IGNORED,), 1),
    30: ("wrong BodyLength", "ignored, bounded wait",
         (_IGNORED, "test_a_length_that_is_too_long_takes_the_next_message_along"), 4),
    31: ("8, 9, 35 out of order", "ignored", (_IGNORED,), 1),
    32: ("tag that is none, 0 or negative", "ignored, or 373=0", (_IGNORED, _REJECTED), 3),
    33: ("empty value", "373=4", (_REJECTED,), 1),
    34: ("repeated tag", "373=13", (_REJECTED,), 1),
    35: ("group count differs", "373=16", (_REJECTED,), 1),
    36: ("length of raw data lies", "373=6", (_REJECTED,), 3),
    37: ("10 in the middle", "ignored", (_IGNORED,), 1),
    38: ("no end, or byte by byte", "disconnected",
         ("test_bytes_without_an_end_are_cut_off",
          "test_a_message_that_drips_in_has_its_time_and_no_more"), 0),
    39: ("another CompID", "373=9 and Logout", (_ENDED,), 1),
    40: ("SendingTime off", "373=10 and Logout", (_ENDED,), 1),
    41: ("number too low", "Logout with both numbers",
         ("test_a_number_too_low_ends_the_session_with_both_numbers",), 0),
    42: ("second Logon", "refused, the first line lives on",
         ("test_the_first_line_of_a_session_lives_on_when_a_second_wants_it",), 0),
    43: ("message without end of fields", "ignored: field cap", (_IGNORED,), 1),
    44: ("wrong password", "no detail, and a wait",
         ("test_a_refused_logon_learns_nothing_and_no_log_shows_its_password",
          "test_who_fails_too_often_has_to_wait_even_with_the_right_password"), 0),
}  # fmt: skip


@pytest.mark.parametrize("number", RULES)
def test_a_rule_of_bad_input_has_its_tests(number: int) -> None:
    _, _, tests, rows = RULES[number]
    assert all(f"async def {name}(" in LOGONS for name in tests)
    assert len(re.findall(rf'\("{number}[" ]', LOGONS)) >= rows


def test_no_rule_is_left_out_and_no_slow_reader() -> None:
    assert list(RULES) == list(range(29, 45))
    assert "async def test_who_does_not_read_is_cut_with_the_reason_" in LOGONS
