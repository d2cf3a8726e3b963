"""gateway latency: how long the running gateway takes to answer, again and again. It changes
nothing: a ping through the engine, or the health question of the local API."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from gateway.api import GatewayError, RefusedError
from gateway.client import PortClient
from gateway.commands.connection import RunningGateway, connection_options, find_url, read_key
from gateway.commands.output import (
    FAILED,
    NOT_RUNNING,
    REFUSED,
    CommandFailure,
    json_option,
    print_json,
)
from gateway.commands.settings import load_settings

__all__ = ["Spread", "command"]

ANSWER_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 65536
SHOWN_EVERY_SECONDS = 0.1
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
Probe = Callable[[], float]  # microseconds of one round trip


class Spread:
    """All samples in buckets of 1 % width: any number of them in fixed memory."""

    WIDTH = math.log(1.01)

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0.0
        self._least = math.inf
        self._most = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, value: float) -> None:
        """One sample above zero."""
        self.count += 1
        self._sum += value
        self._least = min(self._least, value)
        self._most = max(self._most, value)
        bucket = round(math.log(value) / self.WIDTH)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def percentile(self, percent: float) -> float:
        """The value that `percent` of the samples do not exceed, within half a bucket."""
        rank = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                value = math.exp(bucket * self.WIDTH)
                return min(max(value, self._least), self._most)
        return 0.0

    def summary(self) -> dict[str, float]:
        """Everything, rounded to what the buckets know."""
        if not self.count:
            return {"samples": 0}
        told = {"min": self._least, "avg": self._sum / self.count, "max": self._most}
        told |= {f"p{percent:g}": self.percentile(percent) for percent in PERCENTILES}
        return {"samples": self.count} | {name: round(value, 2) for name, value in told.items()}


@click.command("latency")
@click.option(
    "--door",
    type=click.Choice(["auto", "shm", "http"]),
    default="auto",
    help="Which door to ask; auto takes shared memory when the gateway has it.",
)
@click.option("--seconds", type=click.FloatRange(0.1, 86400), help="End after this time.")
@click.option(
    "--interval-ms",
    type=click.FloatRange(0, 60000),
    default=10.0,
    show_default=True,
    help="Pause between two questions.",
)
@connection_options
@json_option
def command(
    door: str, seconds: float | None, interval_ms: float, gateway: RunningGateway, as_json: bool
) -> None:
    """Measure round trips to the running gateway until Ctrl-C; microseconds.

    Over shared memory a ping goes through the engine and back; over HTTP the question is
    /v1/health/live. Without a terminal, or with --json, 10 s unless --seconds says otherwise.

    \b
    Example:
      gateway latency --seconds 5
    """
    is_watched = sys.stdout.isatty() and not as_json
    if seconds is None and not is_watched:
        seconds = 10.0
    spread = Spread()
    with open_probe(door, gateway) as (chosen, probe), contextlib.suppress(KeyboardInterrupt):
        sample(probe, spread, seconds, interval_ms / 1000, is_watched)
    result: dict[str, Any] = {"door": chosen, "unit": "us"} | spread.summary()
    if as_json:
        print_json(result)
    else:
        click.echo(("\r" if is_watched else "") + line_of(spread))


def sample(
    probe: Probe, spread: Spread, seconds: float | None, pause: float, is_watched: bool
) -> None:
    """Ask until the time is over; on a terminal the line is rewritten in place."""
    begin = shown = time.monotonic()
    while seconds is None or time.monotonic() - begin < seconds:
        spread.add(probe())
        now = time.monotonic()
        if is_watched and now - shown >= SHOWN_EVERY_SECONDS:
            shown = now
            click.echo("\r" + line_of(spread), nl=False)
        if pause:
            time.sleep(pause)


def line_of(spread: Spread) -> str:
    """One line for people."""
    return ", ".join(f"{name}: {value}" for name, value in spread.summary().items()) + " (us)"


@contextmanager
def open_probe(door: str, gateway: RunningGateway) -> Iterator[tuple[str, Probe]]:
    """(door, probe) of the running gateway; one attached port or one kept connection."""
    path, key = ("", "") if door == "http" or gateway.url else find_port(gateway)
    if door == "shm" and not path:
        rule = "this gateway offers no shared-memory door"
        raise CommandFailure(REFUSED, "NOT_FOUND", rule, "Set enabled = true below [shm].")
    if path:
        with _attached(path, key) as client:
            yield "shm", lambda: _ping(client)
        return
    url = gateway.url or find_url(load_settings(gateway.config_file))
    with _connected(url) as line:
        yield "http", lambda: _ask(line)


def find_port(gateway: RunningGateway) -> tuple[str, str]:
    """(socket, key) of the running gateway's shared-memory door; "" when it has none."""
    settings = load_settings(gateway.config_file)
    find_url(settings)  # says what is wrong when nothing runs
    run = json.loads(settings.places.run_file.read_text(encoding="utf-8"))
    path = str(run.get("shm_socket", ""))
    return path, read_key(gateway.key_file or settings.places.cli_key_file) if path else ""


@contextmanager
def _attached(path: str, key: str) -> Iterator[PortClient]:
    try:
        with PortClient.connect(path, key) as client:
            yield client
    except RefusedError as error:
        raise CommandFailure(REFUSED, error.code, error.rule) from None
    except (OSError, GatewayError) as error:
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", str(error)) from None


def _ping(client: PortClient) -> float:
    client.replies()  # events of this principal are not what is measured
    passed = client.round_trip_ns(ANSWER_SECONDS_MAX)
    if passed is None:
        rule = f"no answer within {ANSWER_SECONDS_MAX:g} s; the port is {client.end}"
        raise CommandFailure(FAILED, "NO_ANSWER", rule, "Look with `gateway status`.")
    return passed / 1000


@contextmanager
def _connected(url: str) -> Iterator[http.client.HTTPConnection]:
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    try:
        yield line
    except (OSError, http.client.HTTPException) as error:
        rule = f"nothing answers at {url}: {error}"
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule) from None
    finally:
        line.close()


def _ask(line: http.client.HTTPConnection) -> float:
    begin = time.perf_counter_ns()
    line.request("GET", "/v1/health/live")
    line.getresponse().read(ANSWER_BYTES_MAX)
    return (time.perf_counter_ns() - begin) / 1000
