"""When the trading day ends: results of the day, text client ids and DAY orders that the gateway
keeps end there. Reckons alone; the clock is an argument."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

__all__ = ["TradingDay"]

_SECOND_NS = 1_000_000_000


class TradingDay(NamedTuple):
    """Ends every day at `ends_at` in `zone`: 23 to 25 hours when clocks change."""

    ends_at: time = time(0)
    zone: ZoneInfo = ZoneInfo("UTC")

    @classmethod
    def of(cls, ends_at: str, zone: str) -> TradingDay:
        """From the settings `day_ends_at` (HH:MM) and `day_time_zone`. ValueError: there is no
        such time or zone."""
        try:
            return cls(time.fromisoformat(ends_at), ZoneInfo(zone))
        except (KeyError, OSError) as error:
            raise ValueError(f"no such time zone: {zone}") from error

    def begins_ns(self, time_ns: int) -> int:
        """When the day of an instant began, in nanoseconds since 1970 UTC."""
        today = datetime.fromtimestamp(time_ns // _SECOND_NS, self.zone).date()
        begins = (self._end_of(today + timedelta(days=days)) for days in (0, -1, -2))
        return next(each for each in begins if each <= time_ns)

    def bounds_ns(self, day: date) -> tuple[int, int]:
        """From when up to and without which instant the day of that name goes: it is named by the
        date on which it ends, and a day that ends at midnight by the date before, on which all of
        it lies. ValueError: a day at the end of the calendar."""
        if not date(1970, 1, 1) <= day <= date(2200, 1, 1):
            raise ValueError(f"{day}: days from 1970-01-01 to 2200-01-01")
        ends = day + timedelta(days=1) if self.ends_at == time(0) else day
        return self._end_of(ends - timedelta(days=1)), self._end_of(ends)

    def _end_of(self, day: date) -> int:
        return int(datetime.combine(day, self.ends_at, self.zone).timestamp()) * _SECOND_NS
