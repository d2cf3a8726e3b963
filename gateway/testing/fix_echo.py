"""A FIX acceptor whose application sends orders back: what conformance suites of sessions drive.

`python -m gateway.testing.fix_echo --config FILE.toml`; docs/guides/fix_echo.md. Must never be used
for trading: it lets in every peer that knows the names.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
import time
from pathlib import Path

import click
import msgspec
import tomli
from aiohttp import web

from gateway.transport.fix_session import (
    UNSUPPORTED,
    AcceptorSettings,
    BusinessReject,
    DictionaryError,
    FileStore,
    FixAcceptor,
    FixMessage,
    FixSession,
    MemoryStore,
    QuietApplication,
    Rules,
    SessionIdentity,
    SessionSettings,
    SessionStore,
    load_dictionary,
)

__all__ = ["EchoApplication", "EchoConfig", "EchoSession", "build_sessions", "main", "read_config"]

_ECHOED = frozenset((b"D", b"d", b"C"))
_CLIENT_ORDER_ID, _POSSIBLE_RESEND = 11, 97


class EchoSession(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[sessions]]` of the file."""

    begin_string: str
    target_comp_id: str
    default_appl_ver_id: str = "9"
    dictionary: str = ""  # a QuickFIX XML file; of FIXT the application's
    transport_dictionary: str = ""  # of FIXT
    validate_fields_have_values: bool = True
    accept_user_fields: bool = False
    reset_on_logon: bool = False
    reset_on_disconnect: bool = False
    next_expected: bool = False  # 789
    last_processed: bool = False  # 369
    resend_chunk: int = 0


class EchoConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The file. Port 0 = chosen by the kernel and printed."""

    port: int
    sender_comp_id: str
    sessions: list[EchoSession]
    admin_port: int = 0
    host: str = "127.0.0.1"
    store: str = ""  # a directory; empty = numbers live in memory


class EchoApplication(QuietApplication):
    """Sends NewOrderSingle, SecurityDefinition and Email back on the session they came by."""

    def __init__(self) -> None:
        self._known: dict[SessionIdentity, set[bytes]] = {}

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        if message.message_type not in _ECHOED:
            return UNSUPPORTED
        identifier = message.get(_CLIENT_ORDER_ID)
        if message.message_type == b"D" and identifier is not None:
            known = self._known.setdefault(session.identity, set())
            if identifier in known and message.is_set(_POSSIBLE_RESEND):
                return None
            known.add(identifier)
        session.send(message.message_type, message.fields, now_ns, is_kept_when_down=True)
        return None

    def on_reset(self, session: FixSession) -> None:
        self._known.pop(session.identity, None)


def read_config(path: Path) -> EchoConfig:
    """ClickException for a file that is not as it should be."""
    try:
        document = tomli.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(document, EchoConfig)
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError, msgspec.ValidationError) as error:
        raise click.ClickException(f"{path}: {error}") from error


def build_sessions(config: EchoConfig, now_ns: int) -> list[FixSession]:
    """The sessions with their stores. ValueError or DictionaryError name what is wrong."""
    application = EchoApplication()
    sessions: list[FixSession] = []
    for each in config.sessions:
        identity = SessionIdentity(each.begin_string, config.sender_comp_id, each.target_comp_id)
        sessions.append(FixSession(_settings(each, identity), _store(config, identity, now_ns),
                                   application))  # fmt: skip
    return sessions


def _settings(each: EchoSession, identity: SessionIdentity) -> SessionSettings:
    dictionary = None
    if each.transport_dictionary and each.dictionary:
        dictionary = load_dictionary(Path(each.transport_dictionary), Path(each.dictionary))
    elif each.dictionary:
        dictionary = load_dictionary(Path(each.dictionary))
    rules = Rules(
        accepts_user_fields=each.accept_user_fields,
        accepts_empty_values=not each.validate_fields_have_values,
    )
    return SessionSettings(
        identity=identity,
        dictionary=dictionary,
        rules=rules,
        default_appl_ver_id=each.default_appl_ver_id,
        is_reset_on_logon=each.reset_on_logon,
        is_reset_on_disconnect=each.reset_on_disconnect,
        has_next_expected=each.next_expected,
        has_last_processed=each.last_processed,
        resend_chunk=each.resend_chunk,
        names_version_on_business_reject=True,
    )


def _store(config: EchoConfig, identity: SessionIdentity, now_ns: int) -> SessionStore:
    if not config.store:
        return MemoryStore(now_ns)
    name = re.sub(r"[^A-Za-z0-9.]", "_", str(identity))
    return FileStore(Path(config.store) / f"{name}.session", now_ns=now_ns)


def admin_application(sessions: list[FixSession]) -> web.Application:
    """`POST /seqnum?SESSION=FIX.4.4:SENDER->TARGET&NEXTSENDERSEQNUM=n` or `&NEXTTARGETSEQNUM=n`."""
    by_name = {str(session.identity): session for session in sessions}

    async def set_numbers(request: web.Request) -> web.Response:
        session = by_name.get(request.query.get("SESSION", ""))
        if session is None:
            return web.Response(status=404, text=f"sessions: {', '.join(by_name)}\n")
        words = [request.query.get(f"NEXT{side}SEQNUM") for side in ("SENDER", "TARGET")]
        if not any(words) or any(word and not _is_number(word) for word in words):
            text = "NEXTSENDERSEQNUM or NEXTTARGETSEQNUM: a number from 1 on\n"
            return web.Response(status=400, text=text)
        outgoing, expected = (int(word) if word else None for word in words)
        session.set_numbers(outgoing=outgoing, expected=expected)
        return web.json_response(session.row())

    async def show(_: web.Request) -> web.Response:
        return web.json_response([session.row() for session in sessions])

    application = web.Application()
    application.router.add_post("/seqnum", set_numbers)
    application.router.add_get("/sessions", show)
    return application


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 18 and int(word) > 0


async def _serve(config: EchoConfig) -> None:
    sessions = build_sessions(config, time.time_ns())
    settings = AcceptorSettings(host=config.host, port=config.port)
    acceptor = FixAcceptor(sessions, settings, now_ns=time.time_ns)
    await acceptor.start()
    runner = web.AppRunner(admin_application(sessions), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", config.admin_port)
    await site.start()
    admin_port = runner.addresses[0][1]
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"port {acceptor.port} admin_port {admin_port}", file=sys.stderr, flush=True)
    print("up", flush=True)
    await stop.wait()
    await acceptor.stop()
    await runner.cleanup()
    for session in sessions:
        session.store.close()


@click.command()
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The TOML file.")
@click.option("--verbose", is_flag=True, help="Log every refusal and reject to stderr.")
def main(config: Path, verbose: bool) -> None:
    """Accept FIX sessions and send orders back. Example: fix_echo --config echo.toml"""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, stream=sys.stderr)
    try:
        asyncio.run(_serve(read_config(config)))
    except (ValueError, DictionaryError, OSError) as error:
        raise click.ClickException(f"{config}: {error}") from error


if __name__ == "__main__":
    main()
