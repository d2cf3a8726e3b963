"""Snapshot plus deltas is the state; every step between may be skipped, none may be wrong."""

import json
from functools import partial
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import Follower, JournalPlace
from gateway.stream import BalanceReader, OrderReader, PositionReader
from gateway.stream.authority import Authority
from gateway.stream.carry_stream import NO_CARRY
from gateway.stream.channels import key_of
from gateway.stream.order_stream import is_terminal, order_key
from gateway.stream.shared_messages import Entry, SharedMessages
from gateway.stream.subscriptions import Filter, StreamFault, Subscription
from gateway.stream.view import View

KEYS = {"orders": order_key} | {name: partial(key_of, name) for name in ("positions", "balances")}
FINISHED_MAX = 3


class Client:
    """What a client does with the messages of one channel, including breaking off and resuming."""

    def __init__(self, view, channel, patterns=None):
        self.view, self.name, self.patterns = view, channel, patterns or {}
        self.rows, self.sequence, self.stream, self.reasons = {}, None, None, []
        self.connect()

    def connect(self):
        channel = self.view.channels[self.name]
        selection = Filter(self.name, self.patterns)
        self.subscription = Subscription(channel, selection, "run", self.sequence, self.stream)

    def read(self):
        for text in self.subscription.messages():
            message = json.loads(text)
            if message["type"] == "snapshot":
                self.rows = {}
                self.stream = message["stream"]
                self.reasons.append(message["reason"])
            for row in message["rows"]:
                self.rows[KEYS[self.name](row)] = row
            for key in message.get("removed", []):
                self.rows.pop(key, None)
            self.sequence = message["sequence"]


class World:
    def __init__(self, world, tmp_path, history_max=1000, records_max=4096):
        self.journal = world.MemoryJournal()
        self.replicas = []
        place = JournalPlace(world.make_directory(tmp_path / "journal"), tmp_path / "ring")

        def open_replica(_):
            self.replicas.append(world.MemoryReplica(self.journal))
            return self.replicas[-1]

        readers = [OrderReader(FINISHED_MAX), PositionReader(), BalanceReader()]
        self.follower = Follower(place, open_replica, readers, records_max=records_max)
        self.view = View(lambda: 0.0, history_max=history_max, finished_orders_max=FINISHED_MAX)
        self.step()

    def step(self):
        self.view.apply(self.follower.step())

    def truth(self, name):
        """The channel's rows, read from the replica the obvious way."""
        replica = self.replicas[-1]
        if name == "orders":
            every = replica.orders(open_only=False)
            finished = sorted(filter(is_terminal, every), key=lambda row: row["sequence"])
            kept = [row for row in every if not is_terminal(row)] + finished[-FINISHED_MAX:]
            return {order_key(row): row for row in kept}
        more = NO_CARRY if name == "positions" else {}
        return {KEYS[name](row): row | more for row in getattr(replica, name)()}


ACTION = st.one_of(
    st.tuples(st.just("new"), st.integers(1, 8), st.sampled_from(["alpha", "beta"])),
    st.tuples(st.just("accept"), st.integers(1, 8), st.none()),
    st.tuples(st.just("cancel"), st.integers(1, 8), st.none()),
    st.tuples(st.just("fill"), st.integers(1, 8), st.none()),
    st.tuples(st.just("deposit"), st.integers(1, 3), st.none()),
    st.tuples(st.just("step"), st.none(), st.none()),
    st.tuples(st.just("read"), st.integers(0, 2), st.none()),
    st.tuples(st.just("reconnect"), st.integers(0, 2), st.none()),
    st.tuples(st.just("reopen"), st.none(), st.none()),
)


def act(world, clients, states, action):
    verb, number, word = action
    journal = world.journal
    if verb == "new" and number not in states:
        journal.new_order(number, strategy=word)
        states[number] = 2
    elif verb in ("accept", "cancel", "fill") and states.get(number, 0) > 0:
        if verb == "fill":
            journal.fill(number, "1")
            states[number] -= 1
        elif verb == "accept":
            journal.accept(number)
        else:
            journal.cancel(number)
            states[number] = 0
    elif verb == "deposit":
        journal.deposit(f"account{number}", "USD", "1.25")
    elif verb == "step":
        world.step()
    elif verb == "reopen":
        world.follower.close()
        world.step()
    elif verb == "read":
        clients[number].read()
    elif verb == "reconnect":
        clients[number].connect()


@given(actions=st.lists(ACTION, max_size=60), history_max=st.sampled_from([1, 3, 1000]))
def test_snapshot_plus_deltas_equals_the_replica(tmp_path_factory, actions, history_max):
    import memory_journal

    world = World(memory_journal, tmp_path_factory.mktemp("world"), history_max, records_max=5)
    clients = [Client(world.view, name) for name in KEYS]
    states = {}
    for action in actions:
        act(world, clients, states, action)
    while world.view.sequence < len(world.journal.records):
        world.step()
    for client in clients:
        client.read()
        assert client.rows == world.truth(client.name)


def test_a_filter_with_wildcards_sees_its_rows_alone(world, tmp_path):
    scene = World(world, tmp_path)
    scene.journal.new_order(1, strategy="alpha-1")
    scene.journal.new_order(2, strategy="beta")
    scene.step()
    client = Client(scene.view, "orders", {"strategy": "alpha*", "venue": "*"})
    client.read()
    assert set(client.rows) == {"1"}
    scene.journal.new_order(3, strategy="alpha-2")
    scene.journal.new_order(4, strategy="xalpha")
    scene.step()
    client.read()
    assert set(client.rows) == {"1", "3"}


def test_a_late_client_gets_one_row_per_key_and_the_rest_counts_as_conflated(world, tmp_path):
    scene = World(world, tmp_path)
    client = Client(scene.view, "orders")
    client.read()
    scene.journal.new_order(1, "10")
    scene.step()
    for _ in range(5):
        scene.journal.fill(1, "1")
        scene.step()
    [text] = list(client.subscription.messages())
    message = json.loads(text)
    assert [row["cumulative_quantity"] for row in message["rows"]] == ["5"]
    assert message["sequence"] == 6
    assert client.subscription.conflated == 5


def test_a_resume_gets_only_what_changed_since(world, tmp_path):
    scene = World(world, tmp_path)
    scene.journal.new_order(1)
    scene.step()
    client = Client(scene.view, "orders")
    client.read()
    scene.journal.new_order(2)
    scene.step()
    client.connect()
    [text] = list(client.subscription.messages())
    message = json.loads(text)
    assert message["type"] == "delta"
    assert [row["order_id"] for row in message["rows"]] == ["2"]


@pytest.mark.parametrize("stream", ["run.0", "other.1", None])
def test_a_resume_that_is_too_old_or_of_another_stream_gets_a_flagged_snapshot(
    world, tmp_path, stream
):
    scene = World(world, tmp_path, history_max=1)
    for number in range(1, 5):
        scene.journal.new_order(number)
        scene.step()
    sequence = 1 if stream is None else 4
    channel = scene.view.channels["orders"]
    subscription = Subscription(channel, Filter("orders", {}), "run", sequence, stream)
    message = json.loads(next(subscription.messages()))
    assert message["type"] == "snapshot"
    assert message["is_fresh"] and message["reason"] == "resume_too_old"
    assert len(message["rows"]) == 4


def test_a_large_snapshot_comes_in_bounded_messages(world, tmp_path):
    scene = World(world, tmp_path)
    for number in range(1, 2502):
        scene.journal.new_order(number)
    scene.step()
    client = Client(scene.view, "orders")
    parts = [json.loads(text) for text in client.subscription.messages()]
    assert [len(part["rows"]) for part in parts] == [1000, 1000, 501]
    assert [part["has_more"] for part in parts] == [True, True, False]
    assert [part["type"] for part in parts] == ["snapshot", "delta", "delta"]


def test_the_oldest_finished_order_leaves_when_a_newer_one_finishes(world, tmp_path):
    scene = World(world, tmp_path)
    client = Client(scene.view, "orders")
    client.read()
    for number in range(1, FINISHED_MAX + 3):
        scene.journal.new_order(number)
        scene.journal.cancel(number)
        scene.step()
    client.read()
    assert set(client.rows) == {"3", "4", "5"}
    assert scene.view.orders_by_state["CANCELED"] == FINISHED_MAX


@pytest.mark.parametrize(
    ("channel", "patterns", "code"),
    [
        ("balances", {"strategy": "a"}, "UNKNOWN_FILTER"),
        ("orders", {"order_id": "1"}, "UNKNOWN_FILTER"),
        ("orders", {"account": "*a*a*a*a*a"}, "BAD_FILTER"),
        ("orders", {"account": "a" * 65}, "BAD_FILTER"),
    ],
)
def test_a_filter_that_cannot_be_served_is_refused_by_name(channel, patterns, code):
    with pytest.raises(StreamFault) as caught:
        Filter(channel, patterns)
    assert caught.value.error["code"] == code


class Crowd:
    """Clients of one channel that share what is encoded for them."""

    def __init__(self, world, tmp_path):
        self.world = World(world, tmp_path)
        self.shared = SharedMessages()

    def join(self, patterns=None, authority=None, **options):
        selection = Filter("orders", patterns or {}, authority or Authority())
        channel = self.world.view.channels["orders"]
        return Subscription(channel, selection, "run", shared=self.shared, **options)

    def order(self, number):
        self.world.journal.new_order(number)
        self.world.step()


def test_a_message_is_encoded_once_for_all_who_ask_the_same_and_stand_at_the_same_place(
    world, tmp_path
):
    crowd = Crowd(world, tmp_path)
    crowd.order(1)
    alike = [crowd.join() for _ in range(5)]
    assert len({id(message) for each in alike for message in each.messages()}) == 1
    crowd.order(2)
    late = crowd.join()
    sent = [list(each.messages()) for each in alike]
    assert crowd.shared.encoded == 2
    assert all(first[0] is second[0] for first, second in pairwise(sent))
    assert [row["order_id"] for row in json.loads(sent[0][0])["rows"]] == ["2"]
    (snapshot,) = late.messages()
    assert len(json.loads(snapshot)["rows"]) == 2
    crowd.order(3)
    encoded = crowd.shared.encoded
    assert len({next(each.messages()) for each in (*alike, late)}) == 1
    assert crowd.shared.encoded == encoded + 1


def test_another_filter_authority_or_encoding_is_another_message(world, tmp_path):
    crowd = Crowd(world, tmp_path)
    crowd.order(1)
    plain, mine, other, binary = (
        crowd.join(),
        crowd.join(authority=Authority(accounts=frozenset({"none"}))),
        crowd.join({"strategy": "beta"}),
        crowd.join(encoding="binary"),
    )
    assert len(json.loads(next(plain.messages()))["rows"]) == 1
    assert json.loads(next(mine.messages()))["rows"] == []
    assert json.loads(next(other.messages()))["rows"] == []
    assert len(msgspec.msgpack.decode(next(binary.messages()))["rows"]) == 1
    crowd.order(2)
    for nothing in (mine, other):
        assert list(nothing.messages()) == []
        assert not nothing.is_behind
    (told,) = binary.messages()
    (text,) = plain.messages()
    assert msgspec.msgpack.decode(told) == json.loads(text)


def test_what_is_shared_is_bounded_and_long_answers_are_not_kept(world, tmp_path):
    crowd = Crowd(world, tmp_path)
    for number in range(1, 1002):
        crowd.world.journal.new_order(number)
    crowd.world.step()
    assert len(list(crowd.join().messages())) == 2
    assert crowd.shared.encoded == 0
    shared = SharedMessages(entries_max=3, bytes_max=10)
    for key in range(5):
        shared.keep(key, Entry(b"1234", 1))
    assert [shared.find(key) is not None for key in range(5)] == [False] * 3 + [True] * 2
