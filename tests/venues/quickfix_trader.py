"""Trades with an unmodified QuickFIX initiator on a venue on loopback and prints what it decoded,
one JSON object. Its own dictionary judges every message of the venue.

    python quickfix_trader.py PORT DIRECTORY FIX.4.4
"""

import json
import sys
import sysconfig
import time
from pathlib import Path

import quickfix as fix

PORT, DIRECTORY, BEGIN = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
SPEC = Path(sysconfig.get_path("data")) / "share/quickfix"
SECONDS_MAX = 300
NOW = "20261121-10:00:00.000"
ORDER = {1: "main", 21: "1", 55: "BTC-PERP", 54: "1", 60: NOW, 40: "2", 59: "1", 38: "0.2"}


class Application(fix.Application):
    """Remembers what came, as {tag: value} in the order of the wire."""

    session = None
    is_up = False

    def __init__(self):
        super().__init__()
        self.heard, self.rejects = [], []

    def onCreate(self, session):
        self.session = session

    def onLogon(self, session):
        self.is_up = True

    def onLogout(self, session):
        self.is_up = False

    def toAdmin(self, message, session):
        if message.getHeader().getField(35) == "A":
            message.setField(fix.StringField(553, "main-key"))
            message.setField(fix.StringField(554, "main-password"))

    def fromAdmin(self, message, session):
        if message.getHeader().getField(35) == "3":
            self.rejects.append(shown(message))

    def toApp(self, message, session):
        if message.getHeader().getField(35) == "3":
            self.rejects.append(shown(message))

    def fromApp(self, message, session):
        pairs = [part.split("=", 1) for part in shown(message).split("|") if part]
        self.heard.append(dict(pairs))

    def send(self, kind, fields):
        message = fix.Message()
        message.getHeader().setField(fix.MsgType(kind))
        for tag, value in fields.items():
            message.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(message, self.session)

    def until(self, **wanted):
        """The first message with these fields, t35="8"."""
        tags = {name[1:]: value for name, value in wanted.items()}
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            for message in self.heard:
                if all(message.get(tag) == value for tag, value in tags.items()):
                    return message
            time.sleep(0.01)
        raise SystemExit(f"{wanted} never came; heard {self.heard[-5:]} {self.rejects}")

    def until_up(self, is_up):
        deadline = time.monotonic() + SECONDS_MAX
        while self.is_up is not is_up and time.monotonic() < deadline:
            time.sleep(0.01)


def shown(message):
    return str(message.toString()).replace("\x01", "|")


def settings():
    name = BEGIN.replace(".", "")
    dictionaries = (
        f"TransportDataDictionary={SPEC}/FIXT11.xml\nAppDataDictionary={SPEC}/FIX50SP2.xml\n"
        "DefaultApplVerID=FIX.5.0SP2"
        if BEGIN == "FIXT.1.1"
        else f"DataDictionary={SPEC}/{name}.xml"
    )
    path = DIRECTORY / "trader.cfg"
    path.write_text(
        f"[DEFAULT]\nConnectionType=initiator\nStartTime=00:00:00\nEndTime=00:00:00\n"
        f"FileStorePath={DIRECTORY}/store\nFileLogPath={DIRECTORY}/log\nReconnectInterval=1\n"
        f"HeartBtInt=30\nSocketConnectHost=127.0.0.1\nSocketConnectPort={PORT}\n"
        f"[SESSION]\nBeginString={BEGIN}\nSenderCompID=DESK\nTargetCompID=VENUE\n{dictionaries}\n",
        encoding="utf-8",
    )
    return fix.SessionSettings(str(path))


def trade(app):
    told = {}
    app.send("D", ORDER | {11: "a1", 44: "49000"})
    told["accepted"] = app.until(t35="8", t150="0", t11="a1")
    app.send("G", ORDER | {11: "a2", 41: "a1", 44: "48000", 38: "0.4"})
    told["replaced"] = app.until(t35="8", t150="5", t11="a2")
    app.send("H", {11: "a2", 55: "BTC-PERP", 54: "1"})
    told["status"] = app.until(t35="8", t150="I")
    app.send("F", {11: "a3", 41: "a2", 55: "BTC-PERP", 54: "1", 60: NOW, 38: "0.4"})
    told["canceled"] = app.until(t35="8", t150="4")
    app.send("D", ORDER | {11: "b1", 44: "50001"})
    told["filled"] = app.until(t35="8", t150="F", t11="b1")
    app.send("F", {11: "b2", 41: "b1", 55: "BTC-PERP", 54: "1", 60: NOW, 38: "0.2"})
    told["cancel_rejected"] = app.until(t35="9", t11="b2")
    app.send("D", ORDER | {11: "b1", 44: "49000"})
    told["duplicate"] = app.until(t35="8", t150="8", t11="b1")
    app.send("D", ORDER | {11: "c1", 44: "47000"})
    app.until(t35="8", t150="0", t11="c1")
    app.send("AF", {584: "m1", 585: "7", 1: "main"})
    told["mass_status"] = app.until(t35="8", t584="m1")
    app.send("AN", {710: "p1", 724: "0", 1: "main", 581: "1", 715: "20261121", 60: NOW})
    told["position"] = app.until(t35="AP", t710="p1")
    return told


def missed(app):
    """An order that executes while we are away comes again, marked as a possible duplicate."""
    session = fix.Session.lookupSession(app.session)
    session.logout()
    app.until_up(False)
    print("away", flush=True)
    sys.stdin.readline()
    session.logon()
    app.until_up(True)
    return app.until(t35="8", t150="F", t11="c1")


def main():
    app, given = Application(), settings()
    engine = fix.SocketInitiator(app, fix.FileStoreFactory(given), given, fix.FileLogFactory(given))
    engine.start()
    app.until_up(True)
    told = trade(app)
    told["missed"] = missed(app)
    told["rejects"] = app.rejects
    print(json.dumps(told), flush=True)
    engine.stop(True)


main()
