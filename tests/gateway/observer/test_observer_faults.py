"""The real observer is killed and stopped while the daemon trades: no order notices, and what it
shows when it is back is the daemon's state, by hash."""

import os
import signal
import threading

import pytest
from real_programs import until

KILLS = int(os.environ.get("GATEWAY_OBSERVER_KILLS", "100"))
pytestmark = pytest.mark.timeout(2400)  # each wait is bounded for itself


class Traffic:
    """Orders from a thread of their own until it is told to end; every one must be taken."""

    def __init__(self, run):
        self.run = run
        self.orders = []
        self._ends = threading.Event()
        self._fault = None
        self._thread = threading.Thread(target=self._trade)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        assert self._fault is None, self._fault

    def _trade(self):
        try:
            while not self._ends.is_set():
                side = "buy" if len(self.orders) % 2 else "sell"
                self.orders.append(self.run.submit(side, "0.01")["order_id"])
                self._ends.wait(0.01)
        except BaseException as fault:
            self._fault = fault

    def goes_on(self):
        """Some more orders were taken since."""
        count = len(self.orders)
        until(lambda: len(self.orders) >= count + 3 or self._fault, what="orders go on")


def assert_nothing_is_lost(run, traffic):
    for order in traffic.orders:
        run.wait_order(order, "FILLED", "CANCELED", "EXPIRED")
    run.settled()
    seen = run.call("GET", "/v1/orders?open=false&limit=100000", url=run.observer_url)[1]["orders"]
    newest = traffic.orders[-900:]  # the stream holds a thousand finished ones
    assert {row["order_id"] for row in seen} >= set(newest)
    live = run.call("GET", "/v1/positions")[1]["positions"]
    shown = run.observe("positions")["positions"]
    names = ("quantity", "cost", "realised", "fees", "sequence")
    assert [[row[n] for n in names] for row in live] == [[row[n] for n in names] for row in shown]
    books = until(
        lambda: (now := run.observe("status")["books"])["state"] == "following" and now,
        what="the books",
    )
    assert books["sequence"] >= live[0]["sequence"]


@pytest.mark.parametrize("kills", [2, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_an_observer_that_is_killed_and_stopped_under_load_loses_nothing(gateway, kills):
    with Traffic(gateway) as traffic:
        traffic.goes_on()
        for _ in range(kills):
            gateway.observer.kill()
            traffic.goes_on()
            gateway.start_observer()
        gateway.observer.process.send_signal(signal.SIGSTOP)
        try:
            traffic.goes_on()
        finally:
            os.kill(gateway.observer.process.pid, signal.SIGCONT)
        traffic.goes_on()
    assert_nothing_is_lost(gateway, traffic)
    status = until(
        lambda: (now := gateway.observe("status"))["lag_records"] == 0 and now,
        what="no lag",
    )
    assert status["state"] == "following"
