"""Which stage holds the others up, from two readings of one file. Pure: readings in, names out.

A work stage is rated by the share of its thread's time it takes itself (utilisation); a wait by the
mean number of operations in it (Little's law: arrival rate times time). Spans contain other stages
and are never named. A queue grows when more waits in it at the end than at the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.telemetry.reading import Queue, Reading

__all__ = ["Bottleneck", "find_bottleneck", "shares"]

SATURATED_SHARE = 0.7  # beyond this utilisation a server's queue grows without measure
SHARE_MIN = 0.01  # below this nothing is busy
GROWTH_MIN = 0.01  # of the capacity, within the interval


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """`stage` "" = nothing was busy; `queue` "" = none grew."""

    stage: str
    share: float
    thread: str
    queue: str
    growth_per_second: float
    seconds_to_full: float | None
    sentence: str


def shares(before: Reading, after: Reading) -> dict[str, float]:
    """Stage -> share of its thread's time (work), or mean number of operations in it (others).

    What a stage spends inside its children is theirs."""
    elapsed_ns = after.read_ns - before.read_ns
    if elapsed_ns <= 0 or _run(before) != _run(after):
        return {}
    between = after.since(before).stages
    own = {name: stage.total_ns for name, stage in between.items()}
    for stage in between.values():
        if stage.parent in own:
            own[stage.parent] -= stage.total_ns
    return {name: max(0.0, total) / elapsed_ns for name, total in own.items()}


def find_bottleneck(before: Reading, after: Reading) -> Bottleneck:
    """The stage with the largest share of the time between two readings, and the queue that would
    be full first."""
    found = shares(before, after)
    queue, growth = _growing_queue(before, after) if found else (None, 0.0)
    stage = _busiest(after, found, queue)
    share = found.get(stage, 0.0)
    thread = after.stages[stage].writer if stage else ""
    left = (queue.capacity - queue.depth) / growth if queue is not None else None
    sentence = "; ".join(
        [
            _stage_sentence(after, stage, share),
            _queue_sentence(queue, growth, left),
        ]
    )
    name = queue.name if queue is not None else ""
    return Bottleneck(stage, share, thread, name, growth, left, sentence)


def _run(reading: Reading) -> tuple[int, int]:
    return reading.process_id, reading.created_ns


def _busiest(after: Reading, found: dict[str, float], queue: Queue | None) -> str:
    """A saturated stage bounds everything; then what the growing queue waits for; then the rest."""
    rated = {n: s for n, s in found.items() if after.stages[n].kind != "span" and s >= SHARE_MIN}
    work = {name: share for name, share in rated.items() if after.stages[name].kind == "work"}
    saturated = {name: share for name, share in work.items() if share >= SATURATED_SHARE}
    drains = queue.drained_by if queue is not None else ""
    behind = {name: share for name, share in rated.items() if after.stages[name].writer == drains}
    for candidates in (saturated, behind, rated):
        if candidates:
            return max(candidates, key=lambda name: candidates[name])
    return ""


def _growing_queue(before: Reading, after: Reading) -> tuple[Queue | None, float]:
    """The queue that is full soonest at its present growth, and its growth a second."""
    seconds = (after.read_ns - before.read_ns) / 1e9
    best: tuple[float, Queue, float] | None = None
    for name, queue in after.queues.items():
        then = before.queues.get(name)
        grown = queue.depth - (then.depth if then is not None else 0)
        if queue.capacity <= 0 or grown < max(2.0, queue.capacity * GROWTH_MIN):
            continue
        growth = grown / seconds
        left = (queue.capacity - queue.depth) / growth
        if best is None or left < best[0]:
            best = (left, queue, growth)
    return (best[1], best[2]) if best is not None else (None, 0.0)


def _stage_sentence(after: Reading, stage: str, share: float) -> str:
    if not stage:
        return "no stage is busy"
    row = after.stages[stage]
    if row.kind == "work":
        return f"{stage} takes {share:.0%} of the time of {row.writer}"
    return f"{share:.2f} operations wait in {stage} on average"


def _queue_sentence(queue: Queue | None, growth: float, left: float | None) -> str:
    if queue is None or left is None:
        return "no queue grows"
    return f"{queue.name} grows by {growth:.0f} {queue.unit}/s and is full in {left:.0f} s"
