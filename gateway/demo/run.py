"""The demo from start to proof: programs up, client trading, programs down, journal replayed,
hashes compared. Exit code 0 only when they are equal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from gateway import process
from gateway.config.places import RUN_FILE
from gateway.demo.client import SampleClient
from gateway.demo.place import DemoPlace
from gateway.demo.programs import Program, ProgramFailed, wait_for
from gateway.journal import reader

__all__ = ["Demo", "main"]

SECONDS_WITHOUT_TERMINAL = 30.0
REPORT_SECONDS = 5.0


def main() -> int:
    """`make run`."""
    place = DemoPlace()
    demo = Demo(place, sys.stdout)
    try:
        return demo.run(_seconds_max(os.environ.get("DEMO_SECONDS", ""), sys.stdin.isatty()))
    except ProgramFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        demo.stop_all()
        place.remove()


def _seconds_max(wanted: str, has_terminal: bool) -> float | None:
    """None = until Ctrl-C."""
    if wanted:
        return float(wanted)
    return None if has_terminal else SECONDS_WITHOUT_TERMINAL


class Demo:
    """One run. `run` reads like what it does."""

    def __init__(self, place: DemoPlace, out: TextIO) -> None:
        self._place = place
        self._out = out
        self._programs: list[Program] = []

    def run(self, seconds_max: float | None) -> int:
        """Everything; the exit code."""
        self._start()
        counts = asyncio.run(self._trade(seconds_max))
        live = self._settled_status()
        self.stop_all()
        return self._prove(live, counts)

    def stop_all(self) -> None:
        """Observer, gateway, venue: whoever reads stops first."""
        while self._programs:
            self._programs.pop().stop()

    def _start(self) -> None:
        market = (
            f"recorded traffic in {self._place.recorded}" if self._place.recorded else "generator"
        )
        self._say(f"market      {market}")
        venue = self._launch("venue", ["gateway_paper", "--config", str(self._place.write_venue())])
        up = wait_for("the paper venue", venue, lambda: _first(venue.json_lines(), "port"))
        self._place.write_gateway(f"http://127.0.0.1:{up}")
        self._say(f"paper venue http://127.0.0.1:{up}")
        config = str(self._place.config)
        self._gateway = self._launch("gateway", ["gateway", "run", config])
        run_file = self._place.ring / RUN_FILE
        self._url = wait_for("the gateway", self._gateway, lambda: _read(run_file, "api"))
        self._say(f"gateway     {self._url}")
        observer = self._launch("observer", ["gateway", "observe", config])
        page = wait_for("the observer", observer, lambda: _page(observer.log))
        self._say(f"page        {page}")
        wait_for("the venue's reconciliation", self._gateway, self._is_trading)

    def _launch(self, name: str, arguments: list[str]) -> Program:
        program = Program(name, arguments, self._place.folder)
        self._programs.append(program)
        return program

    async def _trade(self, seconds_max: float | None) -> Counter[str]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        client = SampleClient(self._url, self._key("demo.key"))
        trading = asyncio.create_task(client.trade(stop))
        ends = None if seconds_max is None else loop.time() + seconds_max
        while not stop.is_set() and not trading.done():
            left = REPORT_SECONDS if ends is None else min(REPORT_SECONDS, ends - loop.time())
            if left <= 0:
                stop.set()
                break
            await asyncio.wait({trading}, timeout=left)
            await asyncio.to_thread(self._report)
        await trading
        return client.counts

    def _report(self) -> None:
        status = self._get("/v1/status")
        counters = status["counters"]
        self._say(
            f"sequence {status['sequence']}  orders {counters['orders_accepted']}"
            f"  fills {counters['fills']}  open {status['open_orders']}"
            f"  refused {counters['orders_refused']}"
        )

    def _settled_status(self) -> dict[str, Any]:
        """The live state once the venue has answered the last cancels."""

        def probe() -> dict[str, Any] | None:
            status = self._get("/v1/status")
            return status if status["open_orders"] == 0 else None

        return wait_for("the last cancels", self._gateway, probe)

    def _prove(self, live: dict[str, Any], counts: Counter[str]) -> int:
        sequence = int(live["sequence"])
        replayed = reader.replay(self._place.journal, process.monotonic_ns, until_sequence=sequence)
        is_sound = reader.verify(self._place.journal)["ok"]
        is_equal = is_sound and (replayed.sequence, replayed.state_hash) == (
            sequence,
            live["state_hash"],
        )
        self._say("client      " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
        self._say(f"journal     {replayed.records} records replayed in {replayed.seconds:.3f} s")
        word = "equal" if is_equal else "DIFFERENT"
        self._say(
            f"state hash live={live['state_hash']} replayed={replayed.state_hash} "
            f"sequence={sequence} {word}"
        )
        return 0 if is_equal else 1

    def _is_trading(self) -> bool | None:
        return True if self._get("/v1/status")["trading"] else None

    def _get(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path, headers={"Authorization": f"Bearer {self._key('cli.key')}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def _key(self, name: str) -> str:
        return (self._place.journal / name).read_text(encoding="utf-8").strip()

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def _first(rows: list[dict[str, Any]], field: str) -> Any | None:
    return next((row[field] for row in rows if field in row), None)


def _read(file: Path, field: str) -> Any | None:
    try:
        return json.loads(file.read_text(encoding="utf-8"))[field]
    except (OSError, ValueError, KeyError):
        return None


def _page(log: Path) -> str | None:
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("page "):
            return line.removeprefix("page ")
    return None
