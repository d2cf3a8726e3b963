"""gateway stages: what every stage takes and what waits in every queue, and what holds it up. Reads
the measurement file beside the ring; needs no key and no answer from the daemon."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import click

from gateway.commands.connection import START_HINT, is_alive
from gateway.commands.output import (
    FAILED,
    NOT_RUNNING,
    CommandFailure,
    json_option,
    print_json,
    print_table,
)
from gateway.commands.settings import DEFAULT_FILE, load_settings

__all__ = ["command", "document"]

PERCENTILES = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999, "p9999_ns": 0.9999}
STAGE_COLUMNS = ["stage", "count", "p50", "p99", "p99.9", "max", "share", "worst_order"]
QUEUE_COLUMNS = ["queue", "depth", "high_water", "capacity", "unit", "above_seconds"]
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"))


@click.command("stages")
@click.option(
    "--seconds",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    help="Time between the two readings that name the bottleneck.",
)
@click.option("--recent", is_flag=True, help="Only what happened between the two readings.")
@click.option("--watch", "is_watching", is_flag=True, help="Again and again, until Ctrl-C.")
@click.option(
    "--config",
    "config_file",
    envvar="GATEWAY_CONFIG",
    type=click.Path(path_type=Path),
    help=f"Configuration of the gateway (default: {DEFAULT_FILE}).",
)
@json_option
def command(
    seconds: float, recent: bool, is_watching: bool, config_file: Path | None, as_json: bool
) -> None:
    """Show the latency of every stage, the depth of every queue, and the bottleneck.

    Durations are since the start of the gateway, or with --recent since the first reading. `count`
    and the percentiles of the engine's stages are of a sample, one operation in 16 on average.

    \b
    Example:
      gateway stages --recent --seconds 5
    """
    from gateway.telemetry import MeasurementReader

    reader = MeasurementReader(load_settings(config_file).places.ring_directory)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            found = document(reader, seconds, is_recent=recent)
            print_json(found) if as_json else print_document(found)
            if not is_watching:
                return
            click.echo()


def document(reader: Any, seconds: float, *, is_recent: bool) -> dict[str, Any]:
    """What --json prints. Takes two readings, `seconds` apart."""
    from gateway.telemetry import find_bottleneck
    from gateway.telemetry.bottleneck import shares

    before = _read(reader)
    time.sleep(seconds)
    after = _read(reader)
    shown = after.since(before) if is_recent else after
    found = shares(before, after)
    bottleneck = find_bottleneck(before, after)
    return {
        "process_id": after.process_id,
        "created_ns": after.created_ns,
        "is_running": is_alive(after.process_id),
        "seconds": (after.read_ns - before.read_ns) / 1e9,
        "is_recent": is_recent,
        "stages": [_stage_row(stage, found) for stage in shown.stages.values()],
        "queues": [_queue_row(queue) for queue in after.queues.values()],
        "bottleneck": {
            "stage": bottleneck.stage,
            "share": round(bottleneck.share, 4),
            "thread": bottleneck.thread,
            "queue": bottleneck.queue,
            "growth_per_second": round(bottleneck.growth_per_second, 1),
            "seconds_to_full": bottleneck.seconds_to_full,
            "sentence": bottleneck.sentence,
        },
    }


def _read(reader: Any) -> Any:
    try:
        return reader.read()
    except FileNotFoundError:
        rule = f"no gateway has run here ({reader.path} does not exist)"
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, START_HINT) from None
    except ValueError as error:
        hint = "Restart the gateway with this version."
        raise CommandFailure(FAILED, "BAD_FILE", str(error), hint) from None


def _stage_row(stage: Any, found: dict[str, float]) -> dict[str, Any]:
    histogram = stage.histogram
    percentiles = {
        name: round(histogram.percentile_ns(share), 1) for name, share in PERCENTILES.items()
    }
    return {
        "stage": stage.name,
        "thread": stage.writer,
        "kind": stage.kind,
        "sampled_one_in": stage.sampled_one_in,
        "count": histogram.count,
        **percentiles,
        "max_ns": round(histogram.max_ns, 1),
        "mean_ns": round(histogram.mean_ns, 1),
        "worst_order_id": str(histogram.worst_tag) if histogram.worst_tag else None,
        "share": round(found.get(stage.name, 0.0), 4),
    }


def _queue_row(queue: Any) -> dict[str, Any]:
    return {
        "queue": queue.name,
        "unit": queue.unit,
        "depth": queue.depth,
        "high_water": queue.depth_max,
        "capacity": queue.capacity,
        "threshold": queue.threshold,
        "above_seconds": round(queue.above_ns / 1e9, 3),
        "drained_by": queue.drained_by,
    }


def print_document(found: dict[str, Any]) -> None:
    """Two tables and a sentence, for people."""
    rows = [
        {
            "stage": row["stage"],
            "count": row["count"],
            "p50": shown_ns(row["p50_ns"]),
            "p99": shown_ns(row["p99_ns"]),
            "p99.9": shown_ns(row["p999_ns"]),
            "max": shown_ns(row["max_ns"]),
            "share": f"{row['share']:.1%}" if row["kind"] == "work" else f"{row['share']:.2f}",
            "worst_order": row["worst_order_id"],
        }
        for row in found["stages"]
        if row["count"]
    ]
    print_table(rows, STAGE_COLUMNS, "Nothing was measured yet.")
    click.echo()
    print_table(found["queues"], QUEUE_COLUMNS, "No queues.")
    click.echo()
    if not found["is_running"]:
        click.echo(f"The gateway with process id {found['process_id']} has ended.")
    click.echo(f"In {found['seconds']:.1f} s: {found['bottleneck']['sentence']}.")


def shown_ns(duration_ns: float) -> str:
    """A duration with three digits and its unit."""
    for size, unit in _UNITS:
        if duration_ns >= size:
            return f"{duration_ns / size:.3g} {unit}"
    return f"{duration_ns:.3g} ns"
