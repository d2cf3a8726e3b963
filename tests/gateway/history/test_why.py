"""Whose order it was and what stood against it: names that look alike are told apart."""

import os
import shutil
import tempfile
from itertools import count

import pytest
from engine_world import ACCOUNT, HALTED, STRATEGY, World

from gateway.history.faults import HistoryFault
from gateway.history.queries import History
from gateway.history.views import Views
from gateway.history.why import why_balance, why_order, why_position
from gateway.journal import JournalPlace
from gateway.stream.history_api import HistoryApi


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """(history, order ids by what they are about)"""
    place = tmp_path_factory.mktemp("why")
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    world = World(str(place / "journal"), f"{ring}/journal")
    guest = world.engine.define_principal("guest", 15, None, None, None)
    alike = world.engine.define_strategy("main")  # as the account is called
    world.limit(STRATEGY, alike)
    orders = {"plain": world.working(client_id="ab"), "star": world.working(client_id="a*")}
    orders["mine"] = world.working(client_id="twice")
    orders["theirs"] = world.working(client_id="twice", principal=guest)
    orders["desk"] = world.working(client_id="shared")
    assert world.submit(client_id="shared", principal=guest, quantity="100000")[4]
    world.engine.set_trading_state(STRATEGY, alike, HALTED, False, "ops", "the other main")
    assert world.submit(client_id="collar", price="500")[4]
    world.state(ACCOUNT, HALTED)
    assert world.submit(client_id="halted", quantity="2")[4]
    world.engine.stop()
    views = Views(place / "journal", place / "archive", f"{ring}/journal", threads=1)
    yield History(views), orders
    views.close()
    shutil.rmtree(ring, ignore_errors=True)


def test_a_question_over_http_ends_also_while_the_tail_is_read(past, tmp_path):
    clock = count(0, 31)  # each look at it is half a minute later
    api = HistoryApi(JournalPlace(past.directory, past.ring), tmp_path, lambda: next(clock))
    with pytest.raises(HistoryFault) as caught:
        api._chain(str(past.orders[0]))
    api.close()
    assert caught.value.code == "TOO_LONG"


def words(found):
    return [step["words"] for step in found["chain"]]


def test_an_id_means_itself_and_nothing_like_it(told):
    history, orders = told
    assert why_order(history, "a*")["order_id"] == str(orders["star"])
    for name in ("*", "a?", "[a]b"):
        with pytest.raises(HistoryFault) as caught:
            why_order(history, name)
        assert caught.value.code == "UNKNOWN_ORDER"
    with pytest.raises(HistoryFault):
        why_position(history, {"account": "*", "instrument": "*"})
    with pytest.raises(HistoryFault):
        why_balance(history, {"account": "*", "currency": "USD"})


def test_an_id_of_two_orders_names_both(told):
    history, orders = told
    with pytest.raises(HistoryFault) as caught:
        why_order(history, "twice")
    assert caught.value.code == "AMBIGUOUS_ORDER"
    assert f"{orders['mine']} of desk, {orders['theirs']} of guest" in str(caught.value)
    assert why_order(history, str(orders["theirs"]))["order"]["principal"] == "guest"


def test_the_refusal_of_another_principal_is_no_part_of_an_order(told):
    history, orders = told
    for name in ("shared", str(orders["desk"])):
        assert not [text for text in words(why_order(history, name)) if "guest" in text]


def test_a_halt_is_told_only_where_it_stood_and_only_of_what_it_refused(told):
    history, _ = told
    collar = why_order(history, "collar")
    assert [step["event"] for step in collar["chain"]] == ["order_refused"]
    halted = words(why_order(history, "halted"))
    assert [text for text in halted if "was halted" in text] == [
        "account main was halted by ops: test"
    ]
