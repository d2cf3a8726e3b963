"""What one process records another reads: values, percentiles, windows, a new file, a bad file."""

import math
import random

import pytest

from gateway._core.telemetry import ERROR_SHARE, STAGES, Histogram, Measurement
from gateway.telemetry import FILE_NAME, LOOP_LAG, REST, SUBMIT, MeasurementReader


def opened(directory, **origin):
    measurement = Measurement()
    measurement.open(str(directory), **origin)
    return measurement


def test_durations_arrive_with_their_worst_order(tmp_path):
    measurement = opened(tmp_path, process_id=7, created_ns=5)
    for order_id in range(1, 1001):
        measurement.record_ns(SUBMIT, order_id * 1000, order_id)
    reading = MeasurementReader(tmp_path).read()
    histogram = reading.stages["submit"].histogram
    assert (reading.process_id, histogram.count, histogram.worst_tag) == (7, 1000, 1000)
    # A tick is a fraction of a nanosecond; a calibration may move between two files, not in one.
    assert histogram.max_ns == pytest.approx(1_000_000, rel=1e-3)
    assert histogram.mean_ns == pytest.approx(500_500, rel=1e-3)


def test_percentiles_of_any_durations_keep_their_bound(tmp_path):
    for seed in range(40):
        chance = random.Random(seed)
        durations = sorted(int(chance.lognormvariate(9, 2)) for _ in range(chance.randint(1, 3000)))
        histogram = Histogram()
        for each in durations:
            histogram.add(each)
        for share in (0.5, 0.9, 0.99, 0.999):
            exact = durations[max(1, math.ceil(len(durations) * share)) - 1]
            told = histogram.percentile_ns(share)
            assert exact <= told <= exact * (1 + ERROR_SHARE), (seed, share)


def test_a_window_holds_only_what_came_in_it(tmp_path):
    measurement = opened(tmp_path)
    reader = MeasurementReader(tmp_path)
    measurement.record_ns(REST, 5_000_000)
    before = reader.read()
    measurement.record_ns(REST, 1_000)
    between = reader.read().since(before).stages["rest"].histogram
    assert between.count == 1
    assert between.max_ns == pytest.approx(1_000, rel=ERROR_SHARE)


def test_python_may_record_the_event_loops_stages_and_no_other(tmp_path):
    measurement = Measurement()
    mine = {"submit", "loop_lag", "rest", "websocket", "venue_round_trip"}
    for name, number in STAGES.items():
        if name in mine:
            measurement.record(number, measurement.timestamp())
        else:
            with pytest.raises(ValueError, match="BAD_STAGE"):
                measurement.record(number, measurement.timestamp())
    with pytest.raises(ValueError, match="BAD_STAGE"):
        measurement.record_ns(len(STAGES), 1)


def test_a_reader_follows_the_daemon_to_its_new_file(tmp_path):
    first = opened(tmp_path, process_id=1)
    reader = MeasurementReader(tmp_path)
    first.record_ns(LOOP_LAG, 10)
    assert reader.read().stages["loop_lag"].histogram.count == 1
    opened(tmp_path, process_id=2)
    fresh = reader.read()
    assert (fresh.process_id, fresh.stages["loop_lag"].histogram.count) == (2, 0)


def test_queues_tell_depth_high_water_and_time_above_the_threshold(tmp_path):
    measurement = opened(tmp_path)
    gauge = measurement.add_gauge("orders.api", "entries", "engine", 100, 75)
    for depth, now_ns in ((80, 1_000), (20, 4_000), (30, 9_000)):
        measurement.set_depth(gauge, depth, now_ns)
    queue = MeasurementReader(tmp_path).read().queues["orders.api"]
    assert (queue.depth, queue.depth_max, queue.above_ns, queue.samples) == (30, 80, 3_000, 3)


def test_a_missing_short_or_foreign_file_is_refused_and_metrics_go_on(tmp_path):
    reader = MeasurementReader(tmp_path)
    with pytest.raises(FileNotFoundError):
        reader.read()
    for content in (b"", b"GWMEAS01", b"x" * 400_000):
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(ValueError, match="BAD_FILE"):
            reader.read()
        assert reader.try_read() is None
