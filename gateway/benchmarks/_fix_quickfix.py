"""QuickFIX with its file store as both ends of the FIX bench: what ours is compared with.

`python -m gateway.benchmarks._fix_quickfix acceptor PORT DIRECTORY` ends with stdin; `... initiator
PORT DIRECTORY COUNT WINDOW` prints one JSON object. No log, no dictionary; its own threads.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

_WARM_UP = 50
_DONE_SECONDS = 60


def _settings(fix: Any, role: str, port: int, directory: Path) -> Any:
    names = ("GATEWAY", "CLIENT0") if role == "acceptor" else ("CLIENT0", "GATEWAY")
    key = "SocketAcceptPort" if role == "acceptor" else "SocketConnectPort"
    text = f"""[DEFAULT]
ConnectionType={role}
StartTime=00:00:00
EndTime=00:00:00
FileStorePath={directory}/{role}
ReconnectInterval=1
HeartBtInt=30
SocketReuseAddress=Y
SocketNodelay=Y
SocketConnectHost=127.0.0.1
UseDataDictionary=N
{key}={port}
[SESSION]
BeginString=FIX.4.4
SenderCompID={names[0]}
TargetCompID={names[1]}
"""
    path = directory / f"{role}.cfg"
    path.write_text(text, encoding="utf-8")
    return fix.SessionSettings(str(path))


def _message(fix: Any, kind: str, fields: tuple[tuple[int, str], ...]) -> Any:
    message = fix.Message()
    message.getHeader().setField(fix.MsgType(kind))
    for tag, value in fields:
        message.setField(fix.StringField(tag, value))
    return message


_ORDER = ((55, "BTC-USDT"), (60, "20260728-12:34:56.789"), (40, "2"), (38, "0.01"),
          (44, "59990.00"), (59, "1"), (1, "main"), (21, "1"))  # fmt: skip
_REPORT = ((37, "4611686018427387905"), (150, "0"), (39, "0"), (55, "BTC-USDT"), (54, "1"),
           (38, "0.01"), (40, "2"), (44, "59990.00"), (59, "1"), (1, "main"), (151, "0.01"),
           (14, "0"), (6, "0"), (60, "20260728-12:34:56.789"))  # fmt: skip


def _application(fix: Any, on_logon: Any, on_message: Any) -> Any:
    class Application(fix.Application):  # type: ignore[misc]
        def onCreate(self, session: Any) -> None: ...
        def onLogon(self, session: Any) -> None:
            on_logon(session)

        def onLogout(self, session: Any) -> None: ...
        def toAdmin(self, message: Any, session: Any) -> None: ...
        def fromAdmin(self, message: Any, session: Any) -> None: ...
        def toApp(self, message: Any, session: Any) -> None: ...
        def fromApp(self, message: Any, session: Any) -> None:
            on_message(message, session)

    return Application()


def _accept(fix: Any, port: int, directory: Path) -> None:
    reports = 0

    def answer(message: Any, session: Any) -> None:
        nonlocal reports
        reports += 1
        identifier = fix.ClOrdID()
        message.getField(identifier)
        fields = ((11, identifier.getValue()), (17, f"e{reports}"), *_REPORT)
        fix.Session.sendToTarget(_message(fix, "8", fields), session)

    given = _settings(fix, "acceptor", port, directory)
    application = _application(fix, lambda session: None, answer)
    engine = fix.SocketAcceptor(application, fix.FileStoreFactory(given), given)
    engine.start()
    print("up", flush=True)
    sys.stdin.read()
    engine.stop(True)


def _initiate(fix: Any, port: int, directory: Path, count: int, window: int) -> None:
    total = count + _WARM_UP
    begun: dict[str, int] = {}
    taken: list[int] = []
    state = {"sent": 0, "answered": 0, "started": 0, "ended": 0}
    done = threading.Event()

    def order(session: Any) -> None:
        state["sent"] += 1
        name = str(state["sent"])
        side = "1" if state["sent"] & 1 else "2"
        begun[name] = time.perf_counter_ns()
        fix.Session.sendToTarget(_message(fix, "D", ((11, name), (54, side), *_ORDER)), session)

    def start(session: Any) -> None:
        for _ in range(min(window, total)):
            order(session)

    def answered(message: Any, session: Any) -> None:
        identifier = fix.ClOrdID()
        message.getField(identifier)
        now = time.perf_counter_ns()
        state["answered"] += 1
        if state["answered"] == _WARM_UP:
            state["started"] = now
        elif state["answered"] > _WARM_UP:
            taken.append(now - begun.pop(identifier.getValue()))
        if state["answered"] == total:
            state["ended"] = now
            done.set()
        elif state["sent"] < total:
            order(session)

    given = _settings(fix, "initiator", port, directory)
    application = _application(fix, start, answered)
    engine = fix.SocketInitiator(application, fix.FileStoreFactory(given), given)
    engine.start()
    if not done.wait(_DONE_SECONDS):
        raise SystemExit("bench: QuickFIX did not answer all orders in time")
    engine.stop(True)
    taken.sort()
    print(json.dumps({
        "p50": taken[len(taken) // 2] / 1e3,
        "p99": taken[len(taken) * 99 // 100] / 1e3,
        "per_second": len(taken) / ((state["ended"] - state["started"]) / 1e9),
    }), flush=True)  # fmt: skip


def main() -> None:
    import quickfix as fix

    role, port, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if role == "acceptor":
        _accept(fix, port, directory)
    else:
        _initiate(fix, port, directory, int(sys.argv[4]), int(sys.argv[5]))


if __name__ == "__main__":
    main()
