"""Questions about the past: the state at a moment, rows between two, the last row per key, fewer
rows per time, SQL. Every answer is bounded; money and prices leave as decimal text."""

from __future__ import annotations

import difflib
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from gateway.api.decimal_text import plain_text
from gateway.history.catalog import RowFile
from gateway.history.columns import TABLES
from gateway.history.faults import HistoryFault
from gateway.history.held_groups import Ending, HeldGroups
from gateway.history.key_states import FINISHED_STATES, KEYED, without_ended
from gateway.history.views import Views

__all__ = ["LIMIT_MAX", "Answer", "Exact", "History", "HistoryFault", "Moment"]

LIMIT_MAX = 100_000
SECONDS_MAX = 30.0
SQL_CHARACTERS_MAX = 65_536
ANSWER_BYTES_MAX = 256 << 20  # of what leaves as rows; the database has a bound of its own
_ROWS_PER_FETCH = 256

Row = dict[str, Any]
Filters = Mapping[str, str]


class Exact(str):
    """A text of a filter in which no letter stands for another."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the past: behind record `sequence`, or behind the last one at `time_ns`."""

    sequence: int | None = None
    time_ns: int | None = None

    def ending(self) -> Ending:
        """Column and highest value of what is not behind it."""
        if self.sequence is not None:
            return Ending("sequence", self.sequence)
        if self.time_ns is not None:
            return Ending("time_ns", self.time_ns)
        return Ending("sequence", 2**63 - 1)

    def condition(self) -> tuple[str, int]:
        """SQL for "not behind it", with its parameter."""
        column, last = self.ending()
        return f"{column} <= ?", last

    def beginning(self) -> tuple[str, int]:
        """Column and lowest value of what begins here."""
        if self.time_ns is not None:
            return "time_ns", self.time_ns
        return "sequence", self.sequence or 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in order; `is_cut` when there are more than were asked for. `begins_at` is the first
    record that is left when retention took some that were asked for, 0 = it took none."""

    columns: tuple[str, ...]
    rows: list[Row]
    is_cut: bool = False
    begins_at: int = 0


class _Since(NamedTuple):
    """A state file and the files behind it, in order; and whether the tail is behind those."""

    files: list[RowFile]
    has_tail: bool


class History:
    """Questions over one set of views. Not for several threads at once."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self._held = HeldGroups()
        self._types: dict[str, dict[str, str]] = {}

    def as_of(
        self, table: str, moment: Moment, filters: Filters | None = None, *, limit: int = LIMIT_MAX
    ) -> Answer:
        """The newest row of every key at a moment: open orders, positions, balances. From the state
        behind the segment before it and the rows since: the past before that is not read."""
        if table not in KEYED:
            raise HistoryFault("UNKNOWN_TABLE", *_unknown("table", table, KEYED))
        self.views.refresh()
        condition, bound = moment.condition()
        since = self._since_state(table, moment)
        wanted, values = self._where(table, filters or {})
        keys = ", ".join(KEYED[table])
        is_exact = all(
            "*" not in text or isinstance(text, Exact) for text in (filters or {}).values()
        )
        if filters and is_exact and filters.keys() <= set(KEYED[table]):
            sought = dict(zip(filters, values, strict=True))
            tail = self.views.tail.get(table) if since.has_tail else None
            rows = self._held.newest(table, since.files, tail, sought, moment.ending())
            newest = self.views.chosen(table, without_ended(table, rows))
            return self._ask(f"SELECT * FROM ({newest}) ORDER BY {keys}", [], limit)
        source = self.views.rows(table, since.files, is_with_tail=since.has_tail)
        among = f"({source}) WHERE {condition}{wanted}"
        ended = ", ".join(f"'{state}'" for state in FINISHED_STATES)
        is_open = f"state NOT IN ({ended})" if table == "orders" else "true"
        only = self._only_key(among, keys, [bound, *values]) if filters else None
        if only is not None:
            query = f"SELECT * FROM ({source}) WHERE sequence = {only}{wanted} AND {is_open}"
            return self._ask(query, values, limit)
        query = (
            f"SELECT * FROM {among} "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY sequence DESC) = 1"
        )
        query = f"SELECT * FROM ({query}) WHERE {is_open} ORDER BY {keys}"
        return self._ask(query, [bound, *values], limit)

    def _only_key(self, among: str, keys: str, values: list[Any]) -> int | None:
        """Where the newest row stands, of one key alone: its keys are read for it, and of the other
        columns then the one group of rows that holds it. None: another number of keys."""
        with self._bounded(SECONDS_MAX):
            found = self.views.connection.execute(
                f"SELECT max(sequence) FROM {among} GROUP BY {keys}", values
            ).fetchmany(2)
        return int(found[0][0]) if len(found) == 1 else None

    def begins_at(self, first: Moment | None = None) -> int:
        """The first record that is left of what begins at a moment; 0 = all of it is there."""
        gone = [each for each in self.views.catalog.manifests if each.is_expired]
        if not gone:
            return 0
        column, lowest = (first or Moment()).beginning()
        last = gone[-1].last_time_ns if column == "time_ns" else gone[-1].last_sequence
        return gone[-1].last_sequence + 1 if lowest <= last else 0

    def _since_state(self, table: str, moment: Moment) -> _Since:
        """What there is from the state before a moment on."""
        catalog = self.views.catalog
        kept, (column, last) = catalog.kept, moment.ending()
        is_place = column == "sequence"
        if is_place:
            before = bisect_right(kept, last, key=lambda each: each.last_sequence)
        else:  # a time may go on in the next segment, so that both are read
            before = bisect_left(kept, last, key=lambda each: each.last_time_ns)
        start = kept[before - 1] if before else None
        since = kept[before : before + 1]
        for each in kept[before + 1 :]:
            if (each.first_sequence if is_place else each.first_time_ns) > last:
                break
            since.append(each)
        if start is None and catalog.gone_to:
            rule = f"records up to {catalog.gone_to} were deleted by retention"
            raise HistoryFault("OUT_OF_RANGE", rule)
        states = [
            RowFile(catalog.directory / file.path, start.version)
            for file in (start.files if start else ())
            if start and file.table == table and not file.day and file.rows
        ]
        after = start.last_sequence if start else 0
        has_tail = moment.sequence is None or moment.sequence >= self.views.tail_first
        return _Since([*states, *catalog.row_files(table, since, after)], has_tail)

    def range(
        self,
        table: str,
        first: Moment,
        last: Moment,
        filters: Filters | None = None,
        *,
        columns: Sequence[str] = (),
        limit: int = 1000,
    ) -> Answer:
        """Rows from one moment to another, both included, in order."""
        chosen = self._columns(table, columns) if columns else "*"
        low_column, low_bound = first.beginning()
        high, high_bound = last.condition()
        wanted, values = self._where(table, filters or {})
        query = (
            f"SELECT {chosen} FROM {self._table(table)} "
            f"WHERE {low_column} >= ? AND {high}{wanted} ORDER BY sequence"
        )
        found = self._ask(query, [low_bound, high_bound, *values], limit)
        return replace(found, begins_at=self.begins_at(first))

    def newest(
        self, table: str, moment: Moment, filters: Filters | None = None, *, limit: int = 1000
    ) -> Answer:
        """The last rows at a moment, in order; `is_cut` when there are older ones."""
        condition, bound = moment.condition()
        wanted, values = self._where(table, filters or {})
        query = (
            f"SELECT * FROM {self._table(table)} WHERE {condition}{wanted} ORDER BY sequence DESC"
        )
        found = self._ask(query, [bound, *values], limit)
        begins_at = 0 if found.is_cut else self.begins_at()
        return replace(found, rows=found.rows[::-1], begins_at=begins_at)

    def last(
        self,
        table: str,
        by: Sequence[str],
        moment: Moment,
        filters: Filters | None = None,
        *,
        limit: int = 1000,
    ) -> Answer:
        """The last row for each value of these columns, at a moment."""
        keys = self._columns(table, by)
        condition, bound = moment.condition()
        wanted, values = self._where(table, filters or {})
        query = (
            f"SELECT * FROM {self._table(table)} WHERE {condition}{wanted} "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY sequence DESC) = 1 "
            f"ORDER BY {keys}"
        )
        return replace(self._ask(query, [bound, *values], limit), begins_at=self.begins_at())

    def downsample(
        self,
        table: str,
        column: str,
        every_ns: int,
        between: tuple[Moment, Moment],
        *,
        by: Sequence[str] = (),
        filters: Filters | None = None,
        limit: int = 1000,
    ) -> Answer:
        """First, last, lowest, highest value, sum and count of a column per span of time, for each
        value of `by`. Exact; spans begin at whole multiples of `every_ns` since 1970."""
        value = self._columns(table, [column])
        kind = self._types[table][column]
        if not _is_number(kind):
            raise HistoryFault("NOT_A_NUMBER", f"{column} is no number", field=column)
        if every_ns <= 0:
            raise HistoryFault("BAD_VALUE", "a span is longer than nothing", field="every")
        keys = self._columns(table, by) + ", " if by else ""
        wanted, values = self._where(table, filters or {})
        low_column, low_bound = between[0].beginning()
        high, high_bound = between[1].condition()
        query = (
            f"SELECT time_ns // {int(every_ns)} * {int(every_ns)} AS begin_ns, {keys}"
            f"arg_min({value}, sequence) AS first, arg_max({value}, sequence) AS last, "
            f"min({value}) AS lowest, max({value}) AS highest, sum({value}) AS sum, "
            f"count({value}) AS count FROM {self._table(table)} "
            f"WHERE {low_column} >= ? AND {high}{wanted} GROUP BY ALL "
            f"ORDER BY begin_ns, {keys}count"
        )
        found = self._ask(query, [low_bound, high_bound, *values], limit)
        return replace(found, begins_at=self.begins_at(between[0]))

    def sql(self, statement: str, *, limit: int = 1000, seconds: float = SECONDS_MAX) -> Answer:
        """One reading statement. Call views.close_to_files() before the first one."""
        if len(statement) > SQL_CHARACTERS_MAX:
            raise HistoryFault("BAD_SQL", f"longer than {SQL_CHARACTERS_MAX} characters")
        try:
            statements = duckdb.extract_statements(statement)
        except duckdb.Error as error:
            raise HistoryFault("BAD_SQL", _first_line(error)) from None
        if len(statements) != 1:
            raise HistoryFault("BAD_SQL", f"one statement at a time, not {len(statements)}")
        kind = statements[0].type
        if kind != duckdb.StatementType.SELECT:
            rule = f"only SELECT reads history, not {kind.name}"
            raise HistoryFault("NOT_READING", rule)
        return replace(self._ask(statement, [], limit, seconds), begins_at=self.begins_at())

    def _table(self, table: str) -> str:
        if table not in TABLES:
            raise HistoryFault("UNKNOWN_TABLE", *_unknown("table", table, TABLES))
        return table

    def _columns(self, table: str, names: Sequence[str]) -> str:
        """The columns, quoted. HistoryFault names one that does not exist."""
        known = self._types_of(table)
        for name in names:
            if name not in known:
                raise HistoryFault("UNKNOWN_COLUMN", *_unknown("column", name, known))
        return ", ".join(f'"{name}"' for name in names)

    def _types_of(self, table: str) -> dict[str, str]:
        if table not in self._types:
            query = f"DESCRIBE {self._table(table)}"
            with self._bounded(SECONDS_MAX):
                described = self.views.connection.execute(query).fetchall()
            self._types[table] = {row[0]: row[1] for row in described}
        return self._types[table]

    def _where(self, table: str, filters: Filters) -> tuple[str, list[Any]]:
        """SQL for all of `filters`, with its parameters; * in a text stands for anything,
        but in an Exact one."""
        parts, values = [], []
        for name, text in filters.items():
            column = self._columns(table, [name])
            kind = self._types[table][name]
            is_pattern = kind == "VARCHAR" and "*" in text and not isinstance(text, Exact)
            parts.append(f" AND {column} {'GLOB' if is_pattern else '='} ?")
            values.append(_typed(name, kind, text))
        return "".join(parts), values

    def _ask(
        self, query: str, values: list[Any], limit: int, seconds: float = SECONDS_MAX
    ) -> Answer:
        if not 0 < limit <= LIMIT_MAX:
            raise HistoryFault("BAD_VALUE", f"a limit is from 1 to {LIMIT_MAX}", field="limit")
        self.views.refresh()
        with self._bounded(seconds):
            cursor = self.views.connection.execute(query, values)
            found = _fetched(cursor, limit + 1)
        columns = tuple(item[0] for item in cursor.description or ())
        rows = [dict(zip(columns, map(for_json, row), strict=True)) for row in found[:limit]]
        return Answer(columns, rows, is_cut=len(found) > limit)

    @contextmanager
    def _bounded(self, seconds: float) -> Iterator[None]:
        """Ends what takes too long or too much, by name."""
        timer = threading.Timer(seconds, self.views.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException:
            raise HistoryFault("TOO_LONG", f"no answer within {seconds:g} s") from None
        except duckdb.OutOfMemoryException as error:
            raise HistoryFault("TOO_LARGE", _first_line(error)) from None
        except (duckdb.PermissionException, duckdb.IOException) as error:
            raise HistoryFault("NOT_ALLOWED", _first_line(error)) from None
        except duckdb.Error as error:
            raise HistoryFault("BAD_SQL", _first_line(error) + _advice(error)) from None
        finally:
            timer.cancel()


def _fetched(cursor: Any, limit: int) -> list[tuple[Any, ...]]:
    """Up to so many rows. HistoryFault: their texts are too long together."""
    found: list[tuple[Any, ...]] = []
    length = 0
    while len(found) < limit:
        # The first rows tell whether they are of a usual size.
        wanted = min(_ROWS_PER_FETCH if found and length < 1 << 20 else 1, limit - len(found))
        rows = cursor.fetchmany(wanted)
        if not rows:
            break
        length += sum(_length(value) for row in rows for value in row)
        if length > ANSWER_BYTES_MAX:
            rule = f"an answer of more than {ANSWER_BYTES_MAX >> 20} MiB"
            raise HistoryFault("TOO_LARGE", rule)
        found += rows
    return found


def _length(value: Any) -> int:
    """About what a value takes as text."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(_length, value))
    if isinstance(value, dict):
        return sum(map(_length, value.items()))
    return 8


def for_json(value: Any) -> Any:
    """What JSON and people take: decimals as canonical text, bytes and times as text."""
    if isinstance(value, Decimal):
        return plain_text(value)
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, list | tuple):
        return [for_json(each) for each in value]
    if isinstance(value, dict):
        return {str(key): for_json(each) for key, each in value.items()}
    return str(value)


def _typed(name: str, kind: str, text: str) -> Any:
    try:
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[text]
        if kind.startswith("DECIMAL"):
            return Decimal(text)
        return text if kind == "VARCHAR" else int(text)
    except (KeyError, ValueError, ArithmeticError):
        rule = f"{name} is {kind}, not {text[:64]}"
        raise HistoryFault("BAD_VALUE", rule, field=name, value=text[:64]) from None


def _is_number(kind: str) -> bool:
    return kind.startswith("DECIMAL") or kind.endswith(("INT", "INTEGER"))


def _unknown(what: str, name: str, known: Mapping[str, Any]) -> tuple[str, str, str]:
    """Rule, field and value of a name that is not there."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
    return f"no {what} {name[:64]}{hint}", what, name[:64]


def _advice(error: Exception) -> str:
    """What to write instead, where that is known."""
    is_product = "Overflow in multiplication of DECIMAL" in str(error)
    return " times(a, b) is the exact product of two amounts." if is_product else ""


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:500]
