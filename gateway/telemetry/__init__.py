"""Door to the measurement file: what every stage takes and what waits in every queue.

Recording is a few nanoseconds and never waits; reading needs no daemon. Nothing decides by it.
"""

from gateway.telemetry.bottleneck import Bottleneck, find_bottleneck
from gateway.telemetry.reading import FILE_NAME, MeasurementReader, Queue, Reading, Stage
from gateway.telemetry.stages import (
    LOOP_LAG,
    REST,
    SUBMIT,
    VENUE_ROUND_TRIP,
    WEBSOCKET,
    Measurement,
)

__all__ = [
    "FILE_NAME",
    "LOOP_LAG",
    "REST",
    "SUBMIT",
    "VENUE_ROUND_TRIP",
    "WEBSOCKET",
    "Bottleneck",
    "Measurement",
    "MeasurementReader",
    "Queue",
    "Reading",
    "Stage",
    "find_bottleneck",
]
