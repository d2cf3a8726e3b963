"""Columns of the heat map hold what happened between two readings, and only so many are kept."""

from gateway._core.telemetry import Measurement
from gateway.stream.channel import Channel
from gateway.stream.latency_stream import LatencyColumns
from gateway.telemetry import SUBMIT, MeasurementReader


def test_a_column_counts_what_came_since_the_one_before(tmp_path):
    measurement = Measurement()
    measurement.open(str(tmp_path), 1, 1, 1)
    reader, columns = MeasurementReader(tmp_path), LatencyColumns()
    measurement.record_ns(SUBMIT, 1_500, 7)
    assert columns.add(reader.read(), 1) == {}
    for _ in range(3):
        measurement.record_ns(SUBMIT, 1_500, 8)
    measurement.record_ns(SUBMIT, 40_000_000, 99)
    rows = list(columns.add(reader.read(), 2).values())
    assert [(row["stage"], row["bucket_us"], row["count"]) for row in rows] == [
        ("submit", "2", 3),
        ("submit", "50000", 1),
    ]
    assert [row["worst_order_id"] for row in rows] == [None, "99"]
    assert columns.add(reader.read(), 3) == {}
    measurement.record_ns(SUBMIT, 50_000, 5)
    (row,) = columns.add(reader.read(), 4).values()
    assert (row["count"], row["worst_order_id"], row["time_ns"]) == (1, None, 4)


def test_old_columns_leave_and_another_daemon_begins_anew(tmp_path):
    measurement = Measurement()
    measurement.open(str(tmp_path), 1, 1, 1)
    reader, columns = MeasurementReader(tmp_path), LatencyColumns(columns_max=2)
    channel = Channel("latency")
    for second in range(6):
        measurement.record_ns(SUBMIT, 1_500)
        channel.publish(columns.add(reader.read(), second), second, is_valuation=True)
    assert [row["time_ns"] for row in channel.rows.values()] == [4, 5]
    again = Measurement()
    again.open(str(tmp_path), 2, 1, 2)
    again.record_ns(SUBMIT, 1_500)
    assert columns.add(reader.read(), 7) == {}
    assert columns.add(None, 8) == {}
