"""A venue made of an unmodified QuickFIX acceptor: its own dictionary judges every message of the
gateway. It remembers its orders in a file, so that it can be killed.

    python quickfix_venue.py PORT DIRECTORY

On stdin `fill CLORDID QUANTITY PRICE`, `cancel CLORDID`, `skip N`; on stdout one line per event.
"""

import json
import os
import sys
import sysconfig
import threading
from decimal import Decimal
from pathlib import Path

import quickfix as fix

PORT, DIRECTORY = sys.argv[1], Path(sys.argv[2])
SPEC = Path(sysconfig.get_path("data")) / "share/quickfix"
SENT = "20261121-10:00:00.000"
CROSSING = Decimal(50_001)  # a buy that pays so much is filled at once
KEPT = DIRECTORY / "orders.json"


def tell(*words):
    os.write(1, f"{' '.join(words)}\n".encode())  # whole, whichever thread says it


def shown(message):
    return str(message.toString()).replace("\x01", "|")


class Venue(fix.Application):
    """Orders by the name in force; `was` are the names before."""

    session = None

    def __init__(self):
        super().__init__()
        self.lock = threading.RLock()
        kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
        self.orders, self.count = kept.get("orders", {}), kept.get("count", 0)

    def onCreate(self, session):
        self.session = session

    def onLogon(self, session):
        tell("logon")

    def onLogout(self, session):
        tell("logout")

    def toAdmin(self, message, session):
        tell("to_admin", shown(message))

    def fromAdmin(self, message, session):
        tell("from_admin", shown(message))

    def toApp(self, message, session):
        tell("to_app", shown(message))

    def fromApp(self, message, session):
        tell("from_app", shown(message))
        pairs = [part.split("=", 1) for part in shown(message).split("|") if part]
        asked = {int(tag): value for tag, value in pairs}
        handlers = {"D": self.new, "F": self.cancel, "G": self.replace, "H": self.status,
                    "AF": self.mass_status, "q": self.mass_cancel}  # fmt: skip
        with self.lock:
            handlers[asked[35]](asked)

    # Requests.

    def new(self, asked):
        name = asked[11]
        if name in self.orders:
            self.send("8", {37: "NONE", 11: name, 150: "8", 39: "8", 55: asked[55], 54: asked[54],
                            14: "0", 151: "0", 6: "0", 103: "6", 58: "Duplicate"})  # fmt: skip
            return
        self.orders[name] = {"id": f"Q{len(self.orders) + 1}", "symbol": asked[55], "was": [],
                             "side": asked[54], "quantity": asked[38], "price": asked[44],
                             "filled": "0", "value": "0", "is_done": False}  # fmt: skip
        self.report(name, "0")
        if asked[54] == "1" and Decimal(asked[44]) >= CROSSING:
            self.fill(name, asked[38], asked[44])

    def cancel(self, asked):
        if (order := self.known(asked, "1")) is not None:
            order["is_done"] = True
            self.renamed(asked)
            self.report(asked[11], "4", {41: asked[41]})

    def replace(self, asked):
        if (order := self.known(asked, "2")) is not None:
            order |= {"quantity": asked[38], "price": asked[44]}
            self.renamed(asked)
            self.report(asked[11], "5", {41: asked[41]})

    def status(self, asked):
        if asked[11] in self.orders:
            self.report(asked[11], "I")
            return
        self.send("8", {37: "NONE", 11: asked[11], 150: "I", 39: "8", 55: asked[55], 54: asked[54],
                        14: "0", 151: "0", 6: "0", 103: "5", 58: "Unknown order"})  # fmt: skip

    def mass_status(self, asked):
        names = [name for name, order in self.orders.items() if not order["is_done"]]
        total = {584: asked[584], 911: str(len(names))}
        for place, name in enumerate(names, 1):
            self.report(name, "I", total | {912: "Y" if place == len(names) else "N"})
        if not names:
            self.send("8", total | {37: "NONE", 150: "I", 39: "8", 55: "NONE", 54: "1", 14: "0",
                                    151: "0", 6: "0", 103: "5", 912: "Y"})  # fmt: skip

    def mass_cancel(self, asked):
        for name in [name for name, order in self.orders.items() if not order["is_done"]]:
            self.orders[name]["is_done"] = True
            self.report(name, "4")
        self.send("r", {11: asked[11], 37: "NONE", 530: asked[530], 531: asked[530]})

    # What happens.

    def fill(self, name, quantity, price):
        order = self.orders[name]
        filled = Decimal(order["filled"]) + Decimal(quantity)
        value = Decimal(order["value"]) + Decimal(quantity) * Decimal(price)
        is_done = filled >= Decimal(order["quantity"])
        order |= {"filled": str(filled), "value": str(value), "is_done": is_done}
        fee = {12: "0.5", 13: "3", 479: "USD"}
        self.report(name, "F", {31: price, 32: quantity, 851: "1"} | fee)

    def known(self, asked, to_what):
        order = self.orders.get(asked[41])
        if order is not None and not order["is_done"]:
            return order
        reason, number = ("0", order["id"]) if order else ("1", "NONE")
        self.send("9", {37: number, 11: asked[11], 41: asked[41], 39: "8", 434: to_what,
                        102: reason, 58: "Too late" if order else "Unknown order"})  # fmt: skip
        return None

    def renamed(self, asked):
        order = self.orders.pop(asked[41])
        self.orders[asked[11]] = order | {"was": [*order["was"], asked[41]]}

    def report(self, name, what, more=None):
        order = self.orders[name]
        filled, total = Decimal(order["filled"]), Decimal(order["quantity"])
        left = Decimal(0) if order["is_done"] else total - filled
        if filled >= total:
            state = "2"
        elif order["is_done"]:
            state = "4"
        else:
            state = "1" if filled else "0"
        average = Decimal(order["value"]) / filled if filled else Decimal(0)
        self.send("8", {37: order["id"], 11: name, 150: what, 39: state, 55: order["symbol"],
                        54: order["side"], 38: order["quantity"], 40: "2", 44: order["price"],
                        59: "1", 14: str(filled), 151: str(left), 6: str(average)}
                  | (more or {}))  # fmt: skip

    def send(self, kind, fields):
        """Kept in the file before it is sent: what was told is true in the next life."""
        self.count += 1
        KEPT.with_suffix(".new").write_text(
            json.dumps({"orders": self.orders, "count": self.count}), encoding="utf-8"
        )
        KEPT.with_suffix(".new").replace(KEPT)
        message = fix.Message()
        message.getHeader().setField(fix.MsgType(kind))
        fields = dict(fields) | ({17: f"X{self.count}", 60: SENT} if kind == "8" else {})
        for tag, value in fields.items():
            message.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(message, self.session)


def settings():
    path = DIRECTORY / "venue.cfg"
    path.write_text(
        f"[DEFAULT]\nConnectionType=acceptor\nStartTime=00:00:00\nEndTime=00:00:00\n"
        f"FileStorePath={DIRECTORY}/store\nFileLogPath={DIRECTORY}/log\nSocketReuseAddress=Y\n"
        f"SocketAcceptPort={PORT}\n[SESSION]\nBeginString=FIX.4.4\nSenderCompID=VENUE\n"
        f"TargetCompID=DESK\nDataDictionary={SPEC}/FIX44.xml\n",
        encoding="utf-8",
    )
    return fix.SessionSettings(str(path))


def main():
    venue, given = Venue(), settings()
    engine = fix.SocketAcceptor(
        venue, fix.FileStoreFactory(given), given, fix.FileLogFactory(given)
    )
    engine.start()
    tell("up")
    for line in sys.stdin:
        word, *rest = line.split()
        with venue.lock:
            if word == "fill":
                venue.fill(*rest)
            elif word == "cancel":
                venue.orders[rest[0]]["is_done"] = True
                venue.report(rest[0], "4")
            elif word == "skip":
                fix.Session.lookupSession(venue.session).setNextSenderMsgSeqNum(int(rest[0]))
                tell("skipped")
    engine.stop(True)


main()
