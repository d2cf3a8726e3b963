"""When a session may be connected: daily or weekly in a time zone, or always. Reads no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

__all__ = ["Schedule"]

_SECOND_NS = 1_000_000_000
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Schedule:
    """`start_time` and `end_time` as `HH:MM:SS`, with both days for a weekly session; `days`: those
    on which a daily one begins, none = every day. Equal times = around the clock, a new period at
    each start. No start = non-stop: one period for ever. When clocks change, a time that comes
    twice is the first of the two, and one that is left out comes as much later. The words are those
    of the setting `fix.schedule`."""

    start_time: str = ""
    end_time: str = ""
    start_day: str = ""
    end_day: str = ""
    time_zone: str = "UTC"
    days: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        is_paired = bool(self.start_time) == bool(self.end_time)
        if not is_paired or bool(self.start_day) != bool(self.end_day):
            raise ValueError("a schedule has a start and an end, or neither")
        if not self.start_time and (self.end_day or self.days):
            raise ValueError("a schedule by days needs the times of its days")
        if self.start_day and self.days:
            raise ValueError("a schedule is weekly, or begins on each of its days")
        for day in (self.start_day, self.end_day, *self.days):
            if day and day not in _DAYS:
                raise ValueError(f"day {day!r}: expected one of {', '.join(_DAYS)}")
        if self.start_time:
            time.fromisoformat(self.start_time), time.fromisoformat(self.end_time)
        ZoneInfo(self.time_zone)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def period_start_ns(self, now_ns: int) -> int:
        """When the newest period began, 0 for a non-stop session."""
        return self._period(now_ns)[0]

    def period_end_ns(self, now_ns: int) -> int:
        """When the newest period ends or ended, 0 for a non-stop session."""
        return self._period(now_ns)[1] if self.start_time else 0

    def is_open(self, now_ns: int) -> bool:
        """Whether now lies within a period."""
        start_ns, end_ns = self._period(now_ns)
        return start_ns <= now_ns < end_ns

    def is_same_period(self, earlier_ns: int, now_ns: int) -> bool:
        """Whether the numbers of then still hold."""
        return earlier_ns >= self.period_start_ns(now_ns)

    def _period(self, now_ns: int) -> tuple[int, int]:
        """Start and end of the newest period that has begun."""
        if not self.start_time:
            return 0, 1 << 63
        local = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC).astimezone(self._zone)
        begins, ends = time.fromisoformat(self.start_time), time.fromisoformat(self.end_time)
        first_day = _DAYS.index(self.start_day) if self.start_day else None
        first_days = {_DAYS.index(each) for each in (self.start_day, *self.days) if each}
        for days_ago in range(9):
            day = local.date() - timedelta(days=days_ago)
            if first_days and day.weekday() not in first_days:
                continue
            start_ns = self._ns(datetime.combine(day, begins))
            if start_ns > now_ns:
                continue
            length = int(begins >= ends)
            if first_day is not None:
                length = (_DAYS.index(self.end_day) - first_day) % 7
                length = 7 if length == 0 and begins >= ends else length
            end = datetime.combine(day + timedelta(days=length), ends)
            return start_ns, self._ns(end)
        raise AssertionError("a schedule begins at least once in nine days")

    def _ns(self, local: datetime) -> int:
        return int(local.replace(tzinfo=self._zone).timestamp()) * _SECOND_NS
