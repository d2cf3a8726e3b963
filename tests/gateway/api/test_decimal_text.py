"""Decimal text loses no digit and says nothing twice."""

from decimal import Decimal

import pytest

from gateway.api.decimal_text import plain_text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("12345678901.123456789012345678", "12345678901.123456789012345678"),
        ("1E+5", "100000"),
        ("1500", "1500"),
        ("1.50", "1.5"),
        ("2.000", "2"),
        ("1E-18", "0.000000000000000001"),
        ("-0.10", "-0.1"),
        ("-0.00", "0"),
        ("0E+3", "0"),
    ],
)
def test_a_decimal_is_told_with_every_digit_that_says_something(written, told):
    assert plain_text(Decimal(written)) == told
