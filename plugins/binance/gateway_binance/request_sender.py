"""What the senders of all products do the same: several requests side by side, and a look at what
became of an order that could not be changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from gateway.api import CancelRequest, ReplaceRequest
from gateway.transport import side_by_side
from gateway_binance.account_adapter import AccountQuestions
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.outcomes import Tell
from gateway_binance.rest import BinanceRest

__all__ = ["RequestSender"]

Asked = TypeVar("Asked", bound=AccountQuestions)


class RequestSender(ABC, Generic[Asked]):
    """`tell(fact, ...)` calls the port; `later(coroutine)` runs something nobody waits for;
    `expect(order)` has the stream watched until it tells of the order."""

    def __init__(
        self,
        rest: BinanceRest,
        memory: OrderMemory,
        questions: Asked,
        *,
        tell: Tell,
        later: Callable[[Coroutine[Any, Any, None]], None],
        expect: Callable[[KnownOrder], None],
    ) -> None:
        self._rest = rest
        self._memory = memory
        self._questions = questions
        self._tell = tell
        self._later = later
        self._expect = expect

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        await side_by_side([self._cancel(cancel) for cancel in cancels])

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        await side_by_side([self._replace(replace) for replace in replaces])

    @abstractmethod
    async def _cancel(self, cancel: CancelRequest) -> None:
        """One cancel, to its one fact."""

    @abstractmethod
    async def _replace(self, replace: ReplaceRequest) -> None:
        """One replace, to its one fact."""

    async def _known(
        self, replace: ReplaceRequest, has_enough: Callable[[KnownOrder], object]
    ) -> KnownOrder | None:
        """What there is to replace; the venue is asked when too little of it is known."""
        known = self._memory.by_client(replace.client_order_id)
        if known is None or not has_enough(known):
            await self._questions.query_order(replace.client_order_id)
            known = self._memory.by_client(replace.client_order_id)
        if known is not None:
            known.order_id = known.order_id or replace.order_id
        return known

    async def _look(self, client_order_id: str) -> None:
        """What became of an order that could not be canceled or changed."""
        report = await self._questions.query_order(client_order_id)
        if report is not None:
            self._tell("order_seen", report)
