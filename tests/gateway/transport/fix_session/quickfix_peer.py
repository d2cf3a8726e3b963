"""A QuickFIX engine as its own program: `acceptor|initiator PORT DIRECTORY BEGIN_STRING`, and any
of `sender=ID`, `target=ID`, `key=ID`, `secret=TEXT`, `reset=Y`, `forget=Y` (numbers at the end of a
line).

Orders on stdin (`order ID`, `send TYPE 11=a|55=...`, `logout`, `logon`, `sender N`, `skip N`,
`quit`); on stdout one line per event, fields separated by `|`. An acceptor sends every order back.
"""

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

import quickfix as fix

ROLE, PORT, DIRECTORY, BEGIN = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
MORE = dict(word.split("=", 1) for word in sys.argv[5:])
SPEC = Path(sysconfig.get_path("data")) / "share/quickfix"


def tell(*words: str) -> None:
    os.write(1, f"{' '.join(words)}\n".encode())  # whole, whichever thread says it


def shown(message: Any) -> str:
    return str(message.toString()).replace("\x01", "|")


class Application(fix.Application):
    session: Any = None

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        tell("logon")

    def onLogout(self, session: Any) -> None:
        tell("logout")

    def toAdmin(self, message: Any, session: Any) -> None:
        if "key" in MORE and message.getHeader().getField(35) == "A":
            sign(message)
        tell("to_admin", shown(message))

    def fromAdmin(self, message: Any, session: Any) -> None:
        tell("from_admin", shown(message))

    def toApp(self, message: Any, session: Any) -> None:
        tell("to_app", shown(message))

    def fromApp(self, message: Any, session: Any) -> None:
        tell("from_app", shown(message))
        if ROLE == "acceptor":
            identifier = fix.ClOrdID()
            message.getField(identifier)
            fix.Session.sendToTarget(order(identifier.getValue()), session)


def sign(logon: Any) -> None:
    """553 and 554; 4.2 has neither and says both in 96."""
    key, secret = MORE["key"], MORE["secret"]
    token = f"{key}.{secret}"
    pairs = (
        ((95, str(len(token))), (96, token)) if BEGIN == "FIX.4.2" else ((553, key), (554, secret))
    )
    for tag, value in pairs:
        logon.setField(fix.StringField(tag, value))


def made(kind: str, fields: str) -> Any:
    """Of `11=a|55=b`; what belongs into the header goes there."""
    message = fix.Message()
    message.getHeader().setField(fix.MsgType(kind))
    for pair in fields.split("|"):
        tag, value = pair.split("=", 1)
        place = message.getHeader() if tag in ("43", "97", "122") else message
        place.setField(fix.StringField(int(tag), value))
    return message


def skip(session: Any, number: int) -> None:
    """SequenceReset, mode Reset: the numbers up to `number` are never sent."""
    fix.Session.sendToTarget(made("4", f"123=N|36={number}"), session)
    fix.Session.lookupSession(session).setNextSenderMsgSeqNum(number)


def order(identifier: str) -> Any:
    message = fix.Message()
    message.getHeader().setField(fix.MsgType("D"))
    for tag, value in ((11, identifier), (21, "1"), (40, "2"), (44, "1.5"), (54, "1"), (38, "10"),
                       (55, "ABC"), (60, "20261121-10:00:00.000"), (59, "0")):  # fmt: skip
        message.setField(fix.StringField(tag, value))
    return message


def settings() -> Any:
    is_t = BEGIN == "FIXT.1.1"
    names = {"acceptor": ("PEER", "DESK"), "initiator": ("PEER", "ISLD")}[ROLE]
    names = (MORE.get("sender", names[0]), MORE.get("target", names[1]))
    port = f"SocketAcceptPort={PORT}" if ROLE == "acceptor" else f"SocketConnectPort={PORT}"
    name = BEGIN.replace(".", "")
    dictionaries = (
        f"TransportDataDictionary={SPEC}/FIXT11.xml\nAppDataDictionary={SPEC}/FIX50SP2.xml\n"
        "DefaultApplVerID=FIX.5.0SP2"
        if is_t
        else f"DataDictionary={SPEC}/{name}.xml"
    )
    text = f"""[DEFAULT]
ConnectionType={ROLE}
StartTime=00:00:00
EndTime=00:00:00
FileStorePath={DIRECTORY}/store
FileLogPath={DIRECTORY}/log
ReconnectInterval=1
HeartBtInt=30
SocketReuseAddress=Y
SocketConnectHost=127.0.0.1
ResetOnLogon={MORE.get("reset", "N")}
ResetOnLogout={MORE.get("forget", "N")}
ResetOnDisconnect={MORE.get("forget", "N")}
{port}
[SESSION]
BeginString={BEGIN}
SenderCompID={names[0]}
TargetCompID={names[1]}
{dictionaries}
"""
    path = DIRECTORY / "peer.cfg"
    path.write_text(text, encoding="utf-8")
    return fix.SessionSettings(str(path))


def main() -> None:
    application = Application()
    given = settings()
    store, log = fix.FileStoreFactory(given), fix.FileLogFactory(given)
    engine = fix.SocketAcceptor if ROLE == "acceptor" else fix.SocketInitiator
    running = engine(application, store, given, log)
    running.start()
    tell("up")
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "order":
            fix.Session.sendToTarget(order(rest), application.session)
        elif word == "send":
            kind, _, fields = rest.partition(" ")
            fix.Session.sendToTarget(made(kind, fields), application.session)
        elif word == "skip":
            skip(application.session, int(rest))
        elif word == "logon":
            fix.Session.lookupSession(application.session).logon()
        elif word == "logout":
            fix.Session.lookupSession(application.session).logout()
        elif word == "sender":
            fix.Session.lookupSession(application.session).setNextSenderMsgSeqNum(int(rest))
        elif word == "quit":
            break
        if word in ("sender", "skip"):
            tell("next is", rest)
    running.stop(True)


main()
