"""The line between a stream's client and the real observer is cut at random bytes, again and again,
while the desk trades. The client comes back by sequence; what it holds is what a replay gives at
every sequence it was told, and what the observer answers over HTTP in the end, to the last row."""

import os
from contextlib import ExitStack

import pytest
from cutting_line import CuttingLine
from many_orders import trade_until
from merged_stream import STALE, MergedStream
from replayed import holds_all, judge_observer, judge_told, wait_for_books

CUTS = int(os.environ.get("GATEWAY_STREAM_CUTS", "300"))
SEED = int(os.environ.get("GATEWAY_CRASH_SEED", "7"))
CHANNELS = ("orders", "positions", "balances", "fills", "profit", "exposure", "linked", "states")
pytestmark = pytest.mark.timeout(2400)  # each wait is bounded for itself


@pytest.mark.parametrize("cuts", [30, pytest.param(CUTS, marks=pytest.mark.slow)])
def test_what_is_resumed_behind_cuts_is_all_there_is_in_text_and_in_binary(gateway, cuts):
    run = gateway
    print(f"GATEWAY_CRASH_SEED={SEED}")
    wait_for_books(run)
    with ExitStack() as stack:
        lines, clients = [], []
        for number, encoding in enumerate(("json", "binary")):
            line = stack.enter_context(CuttingLine(run.observer_url, cuts, SEED + number))
            client = MergedStream(run.key, line.url, CHANNELS, encoding)
            lines.append(line)
            clients.append(stack.enter_context(client))
        trade_until(run, lambda: all(line.is_done for line in lines) or are_broken(clients))
        run.settled()
        assert run.daemon.stop() == 0
        judge_observer(run)
        for client in clients:
            client.wait(lambda client=client: are_equal(run, client), "the observer's own rows")
            assert client.connections > cuts / 3  # others were cut within the handshake
            for channel in CHANNELS:
                # It is told everything anew once, before it holds anything: all else was resumed.
                assert not STALE & {*client.reasons[channel]}, client.reasons
                assert client.resumed[channel] >= 1
        assert judge_told(run, *clients) > cuts / 10  # fewer than cuts where little was carried


def are_broken(clients):
    return any(client.fault for client in clients)


def are_equal(run, client):
    """Asked again by a resume: what it brings must be nothing new, or all of it."""
    client.come_again()
    return holds_all(run, client, CHANNELS)


def test_what_cannot_be_resumed_is_told_anew_and_why(gateway):
    """A sequence from before what is remembered, one of another run, and one without its stream."""
    run = gateway
    wait_for_books(run)
    with MergedStream(run.key, run.observer_url, CHANNELS) as client:
        client.wait(lambda: len(client.tables) == len(CHANNELS), "the first snapshots")
        for field, value in (("sequences", 0), ("streams", "00000000.1"), ("streams", None)):
            before = {channel: len(client.reasons[channel]) for channel in CHANNELS}
            client.come_again(changes={field: dict.fromkeys(CHANNELS, value)})
            for channel in CHANNELS:
                new = client.reasons[channel][before[channel] :]
                assert new == ["resume_too_old"], (field, channel)
        client.wait(lambda: holds_all(run, client, ("orders", "balances")), "the observer's rows")
