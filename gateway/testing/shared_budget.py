"""One suite for adapters with the setting `budget_rows_file`: several gateways behind one address,
or of one account, spend one budget; and what never left is not spent. Nothing leaves the machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest

from gateway.api import VenueAdapter, VenueUnavailable
from gateway.transport import Budget, ClockKeeper

__all__ = ["BudgetUnderTest", "BudgetedRequests", "SharedBudgetSuite"]

_NOBODY = "http://127.0.0.1:1"  # no line can be had there
_ELSEWHERE = "http://127.0.0.1:2"


class BudgetedRequests(Protocol):
    """The side of an adapter that asks its budget before a request leaves."""

    budget: Budget
    clock: ClockKeeper
    term: Callable[[], object]

    async def close(self) -> None: ...


class BudgetUnderTest(ABC):
    """What only the author of an adapter knows. Rooms: how often the costs fit at one instant."""

    accounts: tuple[str, str] = ("a", "b")  # behind one address
    address_costs: Mapping[str, int]  # of something the venue counts by address
    address_room: int
    account_room: int

    @abstractmethod
    def account_costs(self, account: str) -> Mapping[str, int]:
        """Of something the venue counts by account."""

    @abstractmethod
    def requests(self, file: str, account: str, url: str) -> BudgetedRequests:
        """With a clock that stands, and `file` as the setting."""

    @abstractmethod
    async def ask(self, requests: BudgetedRequests) -> None:
        """One question that spends `address_costs` at least."""

    @abstractmethod
    async def change(self, requests: BudgetedRequests) -> None:
        """One order of the first account that spends its `account_costs` at least."""

    @abstractmethod
    def adapter(self, file: str, account: str) -> VenueAdapter:
        """Made from settings, `file` among them."""

    @abstractmethod
    def budget_of(self, adapter: Any) -> Budget:
        """What that adapter spends."""


def _taken(budget: Budget, costs: Mapping[str, int]) -> int:
    """How often they fit now; afterwards not once more."""
    count = 0
    while not budget.take("kill", costs):
        count += 1
    return count


class SharedBudgetSuite:
    """Subclass it, name it Test..., and set `subject`."""

    subject: ClassVar[type[BudgetUnderTest]]

    @pytest.mark.parametrize("is_shared", [True, False])
    def test_two_gateways_behind_one_address_spend_one_budget(
        self, tmp_path: Path, is_shared: bool
    ) -> None:
        subject = self.subject()
        file = str(tmp_path / "rows.budget") if is_shared else ""
        first, second = (subject.requests(file, each, _NOBODY) for each in subject.accounts)
        assert _taken(first.budget, subject.address_costs) == subject.address_room
        left = 0 if is_shared else subject.address_room
        assert _taken(second.budget, subject.address_costs) == left

    @pytest.mark.parametrize("is_shared", [True, False])
    def test_two_gateways_of_one_account_spend_one_budget(
        self, tmp_path: Path, is_shared: bool
    ) -> None:
        subject = self.subject()
        file, account = str(tmp_path / "rows.budget") if is_shared else "", subject.accounts[0]
        first, second = (subject.requests(file, account, _NOBODY) for _ in range(2))
        costs = subject.account_costs(account)
        assert _taken(first.budget, costs) == subject.account_room
        assert _taken(second.budget, costs) == (0 if is_shared else subject.account_room)

    def test_accounts_and_hosts_are_counted_apart(self, tmp_path: Path) -> None:
        subject, file = self.subject(), str(tmp_path / "rows.budget")
        account, other = subject.accounts
        places = [(account, _NOBODY), (other, _NOBODY), (account, _ELSEWHERE)]
        for owner, url in places:
            budget = subject.requests(file, owner, url).budget
            assert _taken(budget, subject.account_costs(owner)) == subject.account_room, owner
        budgets = [subject.requests(file, owner, url).budget for owner, url in places]
        rooms = [_taken(each, subject.address_costs) for each in budgets]
        assert rooms == [subject.address_room, 0, subject.address_room]

    @pytest.mark.parametrize("file", ["relative.budget", "/not/there/at.all"])
    def test_a_file_that_cannot_be_is_refused_by_the_name_of_the_setting(self, file: str) -> None:
        subject = self.subject()
        with pytest.raises(ValueError, match="budget_rows_file"):
            subject.adapter(file, subject.accounts[0])

    def test_adapters_that_name_one_file_share_it(self, tmp_path: Path) -> None:
        subject, file = self.subject(), str(tmp_path / "rows.budget")
        made = [subject.adapter(file, each) for each in subject.accounts]
        first, second = (subject.budget_of(each) for each in made)
        assert _taken(first, subject.address_costs) > 0
        assert _taken(second, subject.address_costs) == 0

    @pytest.mark.asyncio
    async def test_what_stays_here_gives_back_what_it_took(self) -> None:
        """No line can be had: not one byte left, and what was taken of the budget is free again."""
        subject = self.subject()
        requests = subject.requests("", subject.accounts[0], _NOBODY)
        for _ in range(3):
            with pytest.raises(VenueUnavailable):
                await subject.ask(requests)
            with pytest.raises(VenueUnavailable):
                await subject.change(requests)
        self._has_all_room(subject, requests)
        await requests.close()

    @pytest.mark.asyncio
    async def test_an_order_whose_port_closed_while_it_waited_gives_back_what_it_took(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subject = self.subject()
        requests = subject.requests("", subject.accounts[0], _NOBODY)
        terms = iter([1, 2])  # another one than at its begin, once it has waited
        requests.term = lambda: next(terms)
        requests.clock.doubt()

        async def settled() -> None:
            return None

        monkeypatch.setattr(requests.clock, "settle", settled)
        with pytest.raises(VenueUnavailable, match="port closed or epoch raised"):
            await subject.change(requests)
        self._has_all_room(subject, requests)
        await requests.close()

    @staticmethod
    def _has_all_room(subject: BudgetUnderTest, requests: BudgetedRequests) -> None:
        costs = subject.account_costs(subject.accounts[0])
        assert _taken(requests.budget, costs) == subject.account_room
        assert _taken(requests.budget, subject.address_costs) == subject.address_room
