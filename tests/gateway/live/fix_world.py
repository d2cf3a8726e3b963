"""A FIX door around the native world, and a counterparty made of simplefix alone."""

import asyncio
import contextlib
from types import SimpleNamespace

import simplefix
from live_door import SCOPES, SECRET, write_keys
from native_world import open_world

from gateway.config.fix import CounterpartySettings
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor import FixDoor, FixTerms
from gateway.entry.fix_acceptor.drop_copy import DropCopies
from gateway.entry.fix_acceptor.order_entry import OrderEntry
from gateway.entry.fix_acceptor.questions import Questions
from gateway.entry.keys import KeyRing
from gateway.execution.router import Router
from gateway.transport.fix_session import format_time

SECONDS_MAX = 300.0
FUND = {"target_comp_id": "FUND", "principal": "desk", "accounts": ["main"],
        "strategies": ["alpha"]}  # fmt: skip


def counterparty(**changes):
    return CounterpartySettings(**(FUND | changes))


class Client:
    """Sends what it is told, with the next number unless another is given; reads message by
    message. `seen` are all messages that came."""

    def __init__(self, reader, writer, now_ns, *, begin_string="FIX.4.4", sender="FUND",
                 target="GATEWAY", number=1):  # fmt: skip
        self.reader, self.writer, self.now_ns = reader, writer, now_ns
        self.begin_string, self.sender, self.target = begin_string, sender, target
        self.number = number
        self.parser = simplefix.FixParser()
        self.seen, self.raw = [], []

    def encoded(self, kind, fields, *, number=None, header=(), **changes):
        message = simplefix.FixMessage()
        message.append_pair(8, changes.get("begin_string", self.begin_string))
        message.append_pair(35, kind)
        message.append_pair(34, number if number is not None else self.number)
        message.append_pair(49, changes.get("sender", self.sender))
        message.append_pair(52, changes.get("time", format_time(self.now_ns()).decode()))
        message.append_pair(56, changes.get("target", self.target))
        for tag, value in (*header, *fields):
            message.append_pair(tag, value)
        return message.encode()

    def send(self, kind, fields=(), **changes):
        self.writer.write(self.encoded(kind, fields, **changes))
        if "number" not in changes:
            self.number += 1

    async def logon(self, *, key="desk", secret=SECRET, fields=(), header=(), heartbeat=30):
        more = [(1137, 9)] if self.begin_string == "FIXT.1.1" else []
        secrets = [(553, key), (554, secret)] if key else []
        if self.begin_string == "FIX.4.2":  # which has no 553 and 554
            token = f"{key}.{secret}"
            secrets = [(95, len(token)), (96, token)]
        self.send("A", [(98, 0), (108, heartbeat), *more, *secrets, *fields], header=header)
        answer = await self.next()
        assert answer[35] == "A", answer
        return answer

    async def next(self):
        """The next message as {tag: text}; of a repeated tag the first. None at the end."""
        while (message := self.parser.get_message()) is None:
            async with asyncio.timeout(SECONDS_MAX):
                data = await self.reader.read(65536)
            if not data:
                return None
            self.parser.append_buffer(data)
        self.raw.append([(int(tag), value) for tag, value in message.pairs])
        found = {}
        for tag, value in message.pairs:
            found.setdefault(int(tag), value.decode())
        self.seen.append(found)
        return found

    async def until(self, kind, **fields):
        """The next message of a type with these fields, as _39="2"."""
        wanted = {int(name.strip("_")): value for name, value in fields.items()}
        while True:
            message = await self.next()
            assert message is not None, f"closed; seen: {self.seen}"
            if message[35] == kind and wanted.items() <= message.items():
                return message

    async def reports(self, count):
        """(150, 39) of so many reports."""
        found = [await self.until("8") for _ in range(count)]
        return [(each[150], each[39]) for each in found]

    async def silence(self):
        """Nothing but admin messages comes before the answer to a TestRequest."""
        self.send("1", [(112, "quiet")])
        found = []
        while (message := await self.next()) is not None and message.get(112) != "quiet":
            found.append(message)
        return found

    def cut(self):
        self.writer.transport.abort()


def new_order(name="a1", **changes):
    """The fields of a D; by number: _44="101"."""
    fields = {1: "main", 11: name, 21: "1", 38: "2", 40: "2", 44: "100", 54: "1",
              55: "BTC-USDT.sim", 59: "1", 60: "20231114-22:13:20.000"}  # fmt: skip
    fields |= {int(tag.strip("_")): value for tag, value in changes.items()}
    return [(tag, value) for tag, value in fields.items() if value is not None]


def change(name, original, **changes):
    """The fields of an F."""
    fields = {11: name, 41: original, 54: "1", 55: "BTC-USDT.sim", 60: "20231114-22:13:20.000"}
    fields |= {int(tag.strip("_")): value for tag, value in changes.items()}
    return [(tag, value) for tag, value in fields.items() if value is not None]


class FixWorld:
    """The world, the door and its clients."""

    def __init__(self, directory, sessions, *, questions=None, **terms):
        self.questions = questions
        self.directory, self.sessions = directory, sessions
        self.terms = {"failed_logons_per_minute": 0} | terms
        self.clients = []

    async def start(self, prepare=lambda world: None):
        """`prepare` says what the venue knows before it is connected."""
        self.world = world = open_world(self.directory)
        prepare(world)
        await world.connect()
        assert world.link.session._native.marked(1, "100", "99.9", "100.1", "100")
        await world.sends()
        keys_file = self.directory / "keys.toml"
        write_keys(keys_file)
        self.router = Router(world.engine, world.drive, name="fix", verdict_seconds_max=1.0)
        self.desk = Desk(world.engine, self.router, venues=[world.link.health])
        self.desk.state = "running"
        self.keys = KeyRing(keys_file, SCOPES)
        self.door = FixDoor(
            world.engine,
            [self.router, world.router],
            self.keys,
            FixTerms(sender_comp_id="GATEWAY", sessions=self.sessions, **self.terms),
        )
        self.entry = OrderEntry(self.desk, self.door.tracks, self.door.tell_events)
        self.door.plug(self.entry)
        self.door.plug(DropCopies(world.engine, self.door.pump))
        self.door.plug(Questions(self.desk, self.questions))
        await self.door.start()
        return self

    async def client(self, *, tls=None, local="127.0.0.1", **changes):
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.door.port, ssl=tls, server_hostname=name, local_addr=(local, 0)
        )
        made = Client(reader, writer, self.world.native.now_ns, **changes)
        self.clients.append(made)
        return made

    async def logged_on(self, **changes):
        client = await self.client(**changes)
        await client.logon()
        return client

    def accept(self, order_id, name="v1"):
        self.world.link.session.accepted(order_id, name)
        self.world.drive.kick()

    def fill(self, order_id, trade, quantity, **changes):
        self.world.link.session.filled(
            self.world.fill(order_id, trade, quantity, venue_order_id="v1", **changes)
        )
        self.world.drive.kick()

    async def die(self):
        """As after a kill: nothing more is told, nothing is ended in order."""
        door = self.door
        for client in self.clients:
            client.cut()
        for task in door._tasks:
            task.cancel()
        for end in door._unlisten:
            end()
        door.tell_events = door._turn = lambda: None
        await door._acceptor.stop(0.01)
        self.world.close()
        self.world.native.stop()
        self.clients.clear()

    async def stop(self):
        for client in self.clients:
            client.cut()
        await self.door.stop(0.2)
        self.world.close()
        self.world.native.stop()


@contextlib.asynccontextmanager
async def one_life(directory, sessions, prepare=lambda world: None):
    """A gateway that ends as by a kill."""
    world = FixWorld(directory, sessions)
    try:
        yield await world.start(prepare)
    finally:
        await world.die()


@contextlib.asynccontextmanager
async def open_fix(directory, sessions=None, **terms):
    world = await FixWorld(directory, sessions or {"fund": counterparty()}, **terms).start()
    try:
        yield world
    finally:
        await world.stop()


async def fetched(client, first):
    """Everything from `first` on, by a ResendRequest; gap fills left out."""
    client.send("2", [(7, first), (16, 0)])
    client.send("1", [(112, "end")])
    found = []
    while (message := await client.next()).get(112) != "end":
        if message[35] in ("8", "9", "j"):
            found.append(message)
    return found


def gated(method):
    """The method, which waits from when it was `asked` until it may `go`."""
    gate = SimpleNamespace(asked=asyncio.Event(), go=asyncio.Event())

    async def wait(*arguments):
        gate.asked.set()
        await gate.go.wait()
        return await method(*arguments)

    return wait, gate


def venue_knows(*reports):
    """For `start`: what is open there."""

    def prepare(world):
        world.adapter.open = [report for report in reports if report.state == "new"]
        world.adapter.by_client = {each.client_order_id: each for each in reports}
        world.advance(5_000)

    return prepare
