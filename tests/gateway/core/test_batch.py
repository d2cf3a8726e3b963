"""Batches meet the checks of single orders, row by row, and the engine's gate like any order."""

import numpy as np
import pytest
from native_desk import Desk

from gateway.core.batch import (
    CODE_LANE_FULL,
    NOTICE_ROW,
    ORDER_ROW,
    submit_batch,
    take_notices,
)
from gateway.core.refusals import describe
from gateway.core.vocabulary import RecordKind


@pytest.fixture
def desk(tmp_path, ring_directory):
    made = Desk(tmp_path, ring_directory)
    yield made
    made.engine.stop()


def rows_of(desk, count, first=1):
    instrument, account, strategy = desk.names
    rows = np.zeros(count, ORDER_ROW)
    rows["client_number"] = np.arange(first, first + count)
    rows["price"], rows["quantity"] = 9900, 1
    rows["instrument"], rows["account"], rows["strategy"] = instrument, account, strategy
    rows["type"], rows["side"], rows["time_in_force"] = 2, 1, 1
    return rows


def test_the_rows_are_the_native_layouts():
    assert (ORDER_ROW.itemsize, NOTICE_ROW.itemsize) == (72, 64)


def test_a_batch_is_the_same_orders_as_single_submits(desk):
    made = submit_batch(desk.client, desk.principal, rows_of(desk, 100))
    assert (made.queued, made.codes.any()) == (100, False)
    desk.engine.turn()
    notices = take_notices(desk.client)
    assert list(notices["request"]) == list(range(made.first_request, made.first_request + 100))
    assert set(notices["kind"]) == {RecordKind.ORDER_NEW}
    assert len(desk.venue.take(1000)) == 100
    row = desk.engine.order(int(notices["order_id"][7]))
    assert (row["quantity"], row["price"], row["side"]) == ("1", "99", "buy")


def test_each_bad_row_has_its_code_and_stops_no_other(desk):
    rows = rows_of(desk, 8)
    rows["quantity"][1] = 0
    rows["price"][2] = -1
    rows["instrument"][3] = 99
    rows["client_number"][4] = 0
    rows["flags"][5] = 16
    rows["expires_ns"][6] = -1
    made = submit_batch(desk.client, desk.principal, rows)
    wanted = ["", "RANGE", "RANGE", "UNKNOWN_INSTRUMENT", "BAD_CLIENT_ID", "BAD_CLIENT_ID", "RANGE"]
    assert [describe(name).number for name in [*wanted, ""]] == list(made.codes)
    desk.engine.turn()
    assert len(take_notices(desk.client)) == made.queued == 2


def test_the_gate_refuses_rows_as_it_refuses_orders(desk):
    rows = rows_of(desk, 4)
    rows["quantity"][0] = 1001  # above the limit
    rows["side"][1] = 7
    rows["client_number"][3] = rows["client_number"][2]  # with the same content: the same order
    submit_batch(desk.client, desk.principal, rows)
    desk.engine.turn()
    notices = take_notices(desk.client)
    wanted = [describe(name).number for name in ("MAX_ORDER_QUANTITY", "BAD_ENUM")]
    assert list(notices["refusal"]) == [*wanted, 0, 0]
    assert notices["order_id"][2] == notices["order_id"][3] != 0
    assert notices["limit"][0] > 0


def test_a_full_lane_is_told_row_by_row_and_the_rest_can_come_again(desk):
    rows = rows_of(desk, 10_000)
    made = submit_batch(desk.client, desk.principal, rows)
    assert 0 < made.queued < len(rows)
    assert not made.codes[: made.queued].any()
    assert set(made.codes[made.queued :]) == {CODE_LANE_FULL}
    desk.engine.turn(100)
    again = submit_batch(desk.client, desk.principal, rows[made.queued :])
    assert again.queued == 100


def test_other_rows_are_refused_before_anything_is_queued(desk):
    with pytest.raises(ValueError, match="ORDER_ROW"):
        submit_batch(desk.client, desk.principal, np.zeros(4, np.int64))
    with pytest.raises(ValueError, match="72 bytes"):
        desk.client.submit_batch(desk.principal, np.zeros(4, np.int64), np.zeros(4, np.uint16))
    with pytest.raises(ValueError, match="one code"):
        desk.client.submit_batch(desk.principal, rows_of(desk, 4), np.zeros(3, np.uint16))
    with pytest.raises((ValueError, BufferError), match="read-only"):
        codes = np.zeros(4, np.uint16)
        codes.flags.writeable = False
        desk.client.submit_batch(desk.principal, rows_of(desk, 4), codes)


def test_rows_with_gaps_between_them_are_taken_in_order(desk):
    made = submit_batch(desk.client, desk.principal, rows_of(desk, 10)[::2])
    desk.engine.turn()
    assert made.queued == len(take_notices(desk.client)) == 5
