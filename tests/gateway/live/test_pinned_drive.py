"""The pinned drive from Python: while the engine's own thread turns, orders, cancels, limits, kills
and reads all come through, nothing is lost, and no text is read half written."""

import time

from native_desk import LIMITS, Desk

COMMAND_SECONDS_MAX = 300.0
ROUNDS = 40
ACTORS = ("a" * 40, "b" * 40)
REASONS = ("x" * 48, "y" * 48)


def until(claim):
    """Poll with the interpreter given away, so that two cores are enough for all threads."""
    deadline = time.monotonic() + COMMAND_SECONDS_MAX
    while not (found := claim()):
        assert time.monotonic() < deadline, "the engine thread did not answer"
        time.sleep(0.0005)
    return found


def pinned(tmp_path, ring_directory):
    desk = Desk(tmp_path, ring_directory)
    desk.engine.start_pinned(-1)
    return desk


def take(desk, count):
    entries = []

    def enough():
        entries.extend(desk.venue.take(count))
        return len(entries) >= count

    until(enough)
    return entries


def test_orders_and_cancels_pass_the_engine_thread_while_others_read(tmp_path, ring_directory):
    desk = pinned(tmp_path, ring_directory)
    try:
        for number in range(ROUNDS):
            desk.client.submit(desk.principal, f"P{number}", *desk.names, 1, 2, 1, "1", "99.00")
            assert len(desk.engine.limits()) == 5
        verdicts = []
        until(lambda: verdicts.extend(desk.client.notices()) or len(verdicts) >= ROUNDS)
        order_ids = [notice[2] for notice in verdicts]
        assert len(set(order_ids)) == ROUNDS and 0 not in order_ids
        for entry in take(desk, ROUNDS):
            assert desk.venue.accepted(entry[1], f"V{entry[1]}", False, 1, 1)
        until(lambda: all(row["state"] == "NEW" for row in desk.engine.orders()))
        for order_id in order_ids:
            desk.client.cancel(desk.principal, order_id)
        assert {entry[1] for entry in take(desk, ROUNDS)} == set(order_ids)
        until(lambda: {row["pending"] for row in desk.engine.orders()} == {"cancel"})
        assert desk.client.overruns == 0
        until(lambda: desk.engine.counters()["orders_accepted"] == ROUNDS)
    finally:
        desk.engine.stop()


def test_limits_are_read_whole_while_they_change(tmp_path, ring_directory):
    """Every read sees one journaled set: fields, actor and reason of the same change."""
    desk = pinned(tmp_path, ring_directory)
    try:
        for number in range(ROUNDS):
            which = number % 2
            fields = LIMITS | {"collar_bps": 100 + which, "credit_max": str(1000 + which)}
            desk.engine.set_limits(4, 0, fields, ACTORS[which], REASONS[which])
            (firm,) = (row for row in desk.engine.limits() if row["level"] == "firm")
            told = (firm["collar_bps"], firm["credit_max"], firm["actor"], firm["reason"])
            assert told == (100 + which, str(1000 + which), ACTORS[which], REASONS[which])
            assert firm["version"] == number + 2
    finally:
        desk.engine.stop()


def test_a_kill_word_and_its_reenable_are_seen_at_once(tmp_path, ring_directory):
    """The kill word is written by another process and applied by the engine thread alone."""
    from gateway.journal.reader import raise_kill_word

    desk = pinned(tmp_path, ring_directory)
    try:
        for number in range(3):
            raise_kill_word(ring_directory)
            (state,) = until(
                lambda: [s for s in desk.engine.trading_states() if s["state"] == "halted"]
            )
            assert (state["level"], state["is_latch"]) == ("firm", True)
            assert state["actor"] and state["reason"]
            client_id = f"K{number}"
            desk.client.submit(desk.principal, client_id, *desk.names, 1, 2, 1, "1", "99.00")
            refused = until(lambda: [n for n in desk.client.notices() if n[4]])
            assert refused[-1][3] == 31
            desk.engine.set_trading_state(4, 0, 0, False, ACTORS[number % 2], "again")
            (state,) = desk.engine.trading_states()
            assert (state["state"], state["actor"]) == ("active", ACTORS[number % 2])
    finally:
        desk.engine.stop()


def test_registries_and_status_are_read_while_the_venue_session_moves(tmp_path, ring_directory):
    desk = pinned(tmp_path, ring_directory)
    try:
        seen = set()
        for number in range(ROUNDS):
            text = REASONS[number % 2][:40]
            assert desk.venue.session(2 - number % 2, text)

            def moved(wanted=text):
                (venue,) = desk.engine.registry("venue")
                seen.add((venue["session"], venue["session_text"]))
                return venue["session_text"] == wanted

            until(moved)
            sequence, state_hash = desk.engine.state_hash()
            assert sequence <= desk.engine.sequence and len(state_hash) == 64
        whole = {("reconciled", "x" * 40), ("gap_open", "y" * 40), ("reconciled", "")}
        assert seen <= whole, "never a text of one session beside the state of another"
        for kind in ("currency", "instrument", "account", "strategy", "principal"):
            assert len(desk.engine.registry(kind)) == 1
    finally:
        desk.engine.stop()


def test_more_entities_than_one_turn_copies_are_all_there(tmp_path, ring_directory):
    desk = pinned(tmp_path, ring_directory)
    try:
        names = {f"s{number}" for number in range(150)}
        for name in names:
            desk.engine.define_strategy(name)
        rows = desk.engine.registry("strategy")
        assert {row["name"] for row in rows} == names | {"s"}
        assert [row["id"] for row in rows] == list(range(1, 152))
        for row in rows:
            desk.engine.set_limits(1, row["id"], LIMITS, "test", "many")
        told = {row["name"] for row in desk.engine.limits() if row["level"] == "strategy"}
        assert told == names | {"s"}
    finally:
        desk.engine.stop()
