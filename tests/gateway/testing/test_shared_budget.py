"""The suite of shared budgets finds what it is there for: an adapter that is right passes, and each
one that is wrong in a single way fails where that way is judged."""

from pathlib import Path

import pytest

from gateway.api import RateLimit, VenueUnavailable
from gateway.testing import BudgetUnderTest, SharedBudgetSuite
from gateway.transport import Budget, SharedRows

LIMITS = (
    RateLimit(name="weight", model="window", scope="ip", capacity=10, window_ms=60_000),
    RateLimit(name="orders", model="window", scope="account", capacity=5, window_ms=60_000),
)
NOW_NS = 1_700_000_000_000_000_000


class Clock:
    def doubt(self):
        self.is_doubted = True

    async def settle(self):
        raise AssertionError("the suite settles it")


class Requests:
    def __init__(self, file, account, url, *, gives_back=True, tells_hosts_apart=True):
        host = url if tells_hosts_apart else ""
        rows = SharedRows(Path(file)) if file else None
        identity = {"ip": host, "account": f"{host}/{account}"}
        self.budget = Budget(LIMITS, lambda: NOW_NS, rows=rows, identity=identity)
        self.clock, self.term, self._gives_back = Clock(), lambda: None, gives_back

    async def send(self, costs):
        term = self.term()
        assert not self.budget.take("kill", costs)
        if self._gives_back:
            self.budget.give_back(costs, self.budget.taken_ns)
        raise VenueUnavailable("no line" if self.term() == term else "port closed or epoch raised")

    async def close(self):
        pass


class Good(BudgetUnderTest):
    address_costs = {"weight": 1}  # noqa: RUF012
    address_room, account_room = 10, 5

    def account_costs(self, account):
        return {f"orders@{account}": 1}

    def requests(self, file, account, url):
        return Requests(file, account, url)

    async def ask(self, requests):
        await requests.send(self.address_costs)

    async def change(self, requests):
        await requests.send(self.account_costs("a") | self.address_costs)

    def adapter(self, file, account):
        if not (file.startswith("/") and Path(file).parent.is_dir()):
            raise ValueError("budget_rows_file: a full path in a folder that is there")
        return self.requests(file, account, "http://127.0.0.1:1")

    def budget_of(self, adapter):
        return adapter.budget


class Alone(Good):
    def requests(self, file, account, url):
        return Requests("", account, url)


class Nameless(Good):
    def adapter(self, file, account):
        return self.requests(file, account, "http://127.0.0.1:1")


class Keeping(Good):
    def requests(self, file, account, url):
        return Requests(file, account, url, gives_back=False)


class Hostless(Good):
    def requests(self, file, account, url):
        return Requests(file, account, url, tells_hosts_apart=False)


class TestGood(SharedBudgetSuite):
    subject = Good


def suite_of(chosen):
    class Suite(SharedBudgetSuite):
        subject = chosen

    return Suite()


def test_gateways_that_count_alone_are_found(tmp_path):
    suite = suite_of(Alone)
    for judge in (
        lambda: suite.test_two_gateways_behind_one_address_spend_one_budget(tmp_path, True),
        lambda: suite.test_two_gateways_of_one_account_spend_one_budget(tmp_path, True),
        lambda: suite.test_accounts_and_hosts_are_counted_apart(tmp_path),
        lambda: suite.test_adapters_that_name_one_file_share_it(tmp_path),
    ):
        with pytest.raises(AssertionError):
            judge()


def test_hosts_that_are_counted_together_are_found(tmp_path):
    with pytest.raises(AssertionError):
        suite_of(Hostless).test_accounts_and_hosts_are_counted_apart(tmp_path)


def test_a_refusal_that_does_not_name_the_setting_is_found():
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        suite_of(Nameless).test_a_file_that_cannot_be_is_refused_by_the_name_of_the_setting(
            "/not/there/at.all"
        )


@pytest.mark.asyncio
async def test_what_is_kept_of_the_unsent_is_found(monkeypatch):
    suite = suite_of(Keeping)
    with pytest.raises(AssertionError):
        await suite.test_what_stays_here_gives_back_what_it_took()
    with pytest.raises(AssertionError):
        await suite.test_an_order_whose_port_closed_while_it_waited_gives_back_what_it_took(
            monkeypatch
        )
