"""Keeps margin and greeks of the view new: computed in a thread beside it, shown in pieces, greeks
in their share of the time at most. What fails is told where it is shown, and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.journal import Row
from gateway.journal.share import rest_seconds
from gateway.stream.greek_stream import GreekDesk, GreekStep
from gateway.stream.margin_figures import MarginNews
from gateway.stream.margin_stream import MarginDesk, MarginInput, MarginStep
from gateway.stream.order_stream import is_terminal
from gateway.stream.view import View

__all__ = ["ValuationSources", "ValuationWatch"]

GREEKS_SHARE = 20  # a turn of them is followed by so many times its length without


@dataclass(frozen=True, slots=True)
class ValuationSources:
    """Where a watch reads and whom it tells, on the loop of the view."""

    instruments: Callable[[], Awaitable[list[Row]]]
    currencies: Callable[[], Awaitable[list[Row]]]
    wake: Callable[[], None]
    tell_fault: Callable[[str, Exception], str]
    monotonic: Callable[[], float]


class ValuationWatch:
    """One at a time of `keep`."""

    def __init__(
        self, view: View, margin: MarginDesk, greeks: GreekDesk, sources: ValuationSources
    ) -> None:
        self._view, self._sources = view, sources
        self._margin_desk, self._greek_desk = margin, greeks
        self.margin = MarginNews()
        self._greeks_at = 0.0  # before which no greeks are made again

    async def keep(self) -> None:
        """One look at both, from the rows that the view shows now."""
        await self._keep_margin()
        await self._keep_greeks()

    async def _keep_margin(self) -> None:
        try:
            given = self._margin_input(await self._sources.instruments())
            step = await asyncio.to_thread(self._margin_desk.step, given)
        except Exception as fault:  # what is wrong in one turn does not end the next ones
            step = MarginStep(waiting=self._sources.tell_fault("margin", fault))
        self.margin.take(step.figures, step.changes)
        for moved in self._view.margin_steps(step):
            if moved:
                self._sources.wake()
            await asyncio.sleep(0)  # others work between two pieces

    def _margin_input(self, instruments: list[Row]) -> MarginInput:
        rows = {name: channel.rows.values() for name, channel in self._view.channels.items()}
        return MarginInput(
            list(rows["positions"]),
            list(rows["balances"]),
            [row for row in rows["orders"] if not is_terminal(row)],
            instruments,
        )

    async def _keep_greeks(self) -> None:
        monotonic = self._sources.monotonic
        began = monotonic()
        if began < self._greeks_at:
            return
        try:
            instruments = await self._sources.instruments()
            currencies = await self._sources.currencies()
            positions = list(self._view.channels["positions"].rows.values())
            step = await asyncio.to_thread(
                self._greek_desk.step, positions, instruments, currencies
            )
        except Exception as fault:  # as above: told, and tried again
            step = GreekStep(waiting=self._sources.tell_fault("greeks", fault))
        ended = monotonic()
        self._greeks_at = ended + rest_seconds(ended - began, GREEKS_SHARE)
        if self._view.take_greeks(step.rows, step.waiting):
            self._sources.wake()
