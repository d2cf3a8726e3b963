"""A channel keeps one change per key and says honestly when it no longer knows."""

from gateway.stream import Channel


def test_a_key_that_changed_often_is_one_change_with_the_latest_row():
    channel = Channel("orders")
    channel.reset({}, 10)
    for sequence, quantity in ((11, "1"), (12, "2"), (13, "3")):
        channel.publish({"a": {"quantity": quantity}}, sequence)
    assert [(c.sequence, c.row["quantity"]) for c in channel.since(10)] == [(13, "3")]
    assert channel.since(13) == []


def test_a_removed_key_keeps_its_last_row_for_the_filters():
    channel = Channel("orders")
    channel.reset({"a": {"account": "main"}}, 1)
    channel.publish({"a": None, "never": None}, 2)
    [change] = channel.since(1)
    assert change.is_removed and change.row == {"account": "main"}
    assert channel.rows == {}


def test_a_full_history_forgets_the_oldest_and_refuses_readers_from_before():
    channel = Channel("orders", history_max=2)
    channel.reset({}, 0)
    for sequence in range(1, 5):
        channel.publish({f"k{sequence}": {}}, sequence)
    assert channel.since(1) is None
    assert [change.key for change in channel.since(2)] == ["k3", "k4"]


def test_a_sequence_of_the_future_is_not_known():
    channel = Channel("orders")
    channel.reset({}, 5)
    assert channel.since(6) is None
    assert channel.since(4) is None


def test_a_valuation_reaches_connections_and_resumers_without_a_new_sequence():
    channel = Channel("positions")
    channel.reset({"a": {"mark": None}}, 7)
    seen = channel.revision
    channel.publish({"a": {"mark": "10"}}, 7, is_valuation=True)
    assert channel.sequence == 7
    assert [change.row for change in channel.after(seen)] == [{"mark": "10"}]
    assert [change.row for change in channel.since(7)] == [{"mark": "10"}]
    assert channel.after(channel.revision) == []


def test_a_forgotten_valuation_refuses_readers_at_its_own_sequence():
    channel = Channel("positions", history_max=1)
    channel.reset({"a": {}, "b": {}}, 7)
    seen = channel.revision
    channel.publish({"a": {"mark": "1"}}, 7, is_valuation=True)
    channel.publish({"b": {"mark": "1"}}, 7, is_valuation=True)
    assert channel.since(7) is None
    assert channel.after(seen) is None
