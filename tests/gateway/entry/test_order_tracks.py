"""What a track tells of its fills is exact, however long the numbers are."""

from decimal import Decimal

from gateway.entry.fix_acceptor.earlier_orders import EXACT, Untold
from gateway.entry.fix_acceptor.order_tracks import Track

PRICE, QUANTITY = 1_234_567_890_123_456_789, 9_000_000_000_000_000_001


def track(**changes):
    row = {"state": "NEW", "client_order_id": "a", "price": "1", "quantity": str(QUANTITY),
           "cumulative_quantity": "0", "average_price": None, "pending": ""}  # fmt: skip
    return Track(row | changes, price_scale=10, quantity_scale=0)


def test_the_average_of_long_numbers_is_their_price():
    told = track(cumulative_quantity=str(QUANTITY), average_price="123456789.0123456789")
    assert told.average() == "123456789.0123456789"
    assert told.turnover == Decimal(PRICE * QUANTITY).scaleb(-10, EXACT)


def test_fills_that_are_told_later_are_summed_to_the_last_digit():
    untold = Untold()
    for sequence in (1, 2):
        untold.add({"kind": "order_filled", "sequence": sequence, "quantity": QUANTITY,
                    "price": PRICE, "price_scale": 10})  # fmt: skip
    assert untold.turnover == Decimal(2 * PRICE * QUANTITY).scaleb(-10, EXACT)
