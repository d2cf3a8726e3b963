"""Judges what an adapter says about itself before it may trade: every fault by name, at once. Reads
the manifest and the names of methods; never calls an adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from gateway.api import Capabilities, RateLimit, RefusedError
from gateway.venues.client_order_ids import ClientOrderIds

__all__ = ["check_market_data", "faults_of", "manifest_faults", "missing_methods"]

BATCH_MAX = 1_000  # larger than any venue's; a larger number is a mistake
TIMEOUT_MS_MAX = 600_000
_METHODS = (
    "connect",
    "close",
    "instruments",
    "submit",
    "cancel",
    "replace",
    "query_order",
    "open_orders",
    "fills",
    "positions",
    "balances",
    "is_hedge_mode",
)
_NEEDS_WINDOW = ("window", "rolling")
_NEEDS_REFILL = ("credits", "decaying", "volume_earned")


def faults_of(adapter: object, manifest: Capabilities) -> list[str]:
    """Everything wrong with an adapter and its manifest."""
    return manifest_faults(manifest) + missing_methods(adapter, manifest)


def check_market_data(venue: str, instruments: Sequence[str], manifest: Capabilities) -> None:
    """Refuse a setting the adapter has no data for."""
    field = f"venues.{venue}.market_data"
    if instruments and not manifest.has_market_data:
        rule = "the adapter offers no market data"
        raise RefusedError("BAD_CONFIG", field=field, value=instruments[0], rule=rule)
    if len(set(instruments)) < len(instruments):
        rule = "each instrument once"
        raise RefusedError("BAD_CONFIG", field=field, value=", ".join(instruments), rule=rule)


def missing_methods(adapter: object, manifest: Capabilities) -> list[str]:
    """Methods the contract or the manifest promises and the adapter lacks."""
    wanted = [(name, "the contract") for name in _METHODS]
    if manifest.has_funding:
        wanted.append(("funding", "has_funding"))
    if manifest.has_borrow:
        wanted.append(("borrow_interest", "has_borrow"))
    if manifest.has_mass_cancel:
        wanted.append(("cancel_all", "has_mass_cancel"))
    if manifest.has_market_data:
        wanted.append(("publish_market", "has_market_data"))
    if manifest.dead_man != "none":
        wanted.append(("arm_dead_man", f"dead_man {manifest.dead_man!r}"))
    return [
        f"{name}(): missing, {source} promises it"
        for name, source in wanted
        if not callable(getattr(adapter, name, None))
    ]


def manifest_faults(manifest: Capabilities) -> list[str]:
    """What the manifest says and cannot mean."""
    try:  # a struct built in Python holds whatever it was given
        msgspec.convert(msgspec.to_builtins(manifest), Capabilities)
    except (msgspec.ValidationError, TypeError) as error:
        return [f"capabilities: {error}"]
    return [
        *_offer_faults(manifest),
        *_id_faults(manifest),
        *_time_faults(manifest),
        *_dead_man_faults(manifest),
        *_rate_faults(manifest.rate_limits),
    ]


def _offer_faults(manifest: Capabilities) -> Iterator[str]:
    if not manifest.venue:
        yield "venue: empty"
    for name in ("order_types", "times_in_force"):
        if not getattr(manifest, name):
            yield f"{name}: empty, so no order could ever be sent"
    for name in ("batch_orders_max", "batch_cancels_max", "batch_replaces_max"):
        value = getattr(manifest, name)
        if not 1 <= value <= BATCH_MAX:
            yield f"{name}: {value}, must be 1 to {BATCH_MAX}"
    if manifest.has_market_data and manifest.book == "none":
        yield "has_market_data: book is 'none', so nobody could tell a gap"
    if manifest.amend == "none" and manifest.batch_replaces_max > 1:
        yield f"batch_replaces_max: {manifest.batch_replaces_max}, but amend is 'none'"


def _id_faults(manifest: Capabilities) -> Iterator[str]:
    try:
        ClientOrderIds(
            1,
            length_max=manifest.client_order_id_length_max,
            pattern=manifest.client_order_id_pattern,
        )
    except re.error as error:
        yield f"client_order_id_pattern: {manifest.client_order_id_pattern!r}: {error}"
    except ValueError as error:
        yield f"client_order_id_pattern: {error}"


def _time_faults(manifest: Capabilities) -> Iterator[str]:
    if not 1 <= manifest.ack_timeout_ms <= TIMEOUT_MS_MAX:
        yield f"ack_timeout_ms: {manifest.ack_timeout_ms}, must be 1 to {TIMEOUT_MS_MAX}"
    window, proof = manifest.acceptance_window_ms, manifest.not_found_proof_after_ms
    if window < 0:
        yield f"acceptance_window_ms: {window}, below 0"
    if proof is not None and proof < 0:
        yield f"not_found_proof_after_ms: {proof}, below 0"
    kept = manifest.ended_orders_kept_ms
    if kept and kept <= (proof or 0):
        yield f"ended_orders_kept_ms: {kept}, not above not_found_proof_after_ms {proof or 0}"
    if proof is not None and 0 <= proof < window:
        yield (
            f"not_found_proof_after_ms: {proof}, below acceptance_window_ms {window}: "
            "the venue might still take the order"
        )


def _dead_man_faults(manifest: Capabilities) -> Iterator[str]:
    least, most = manifest.dead_man_ms_min, manifest.dead_man_ms_max
    if manifest.dead_man == "none":
        if least or most:
            yield f"dead_man: 'none', but dead_man_ms_min {least} and dead_man_ms_max {most}"
    elif not 0 < least <= most:
        yield f"dead_man_ms_min: {least} to dead_man_ms_max {most} is no interval above 0"


def _rate_faults(limits: tuple[RateLimit, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for limit in limits:
        where = f"rate_limits.{limit.name or '?'}"
        if not limit.name or limit.name in seen:
            yield f"{where}: needs a name of its own"
        seen.add(limit.name)
        if limit.capacity <= 0:
            yield f"{where}.capacity: {limit.capacity}, must be above 0"
        if limit.window_ms < 0 or (limit.model in _NEEDS_WINDOW and limit.window_ms == 0):
            yield f"{where}.window_ms: {limit.window_ms}, model {limit.model} needs one above 0"
        refill = _number(limit.refill)
        if refill is None or refill < 0 or (limit.model in _NEEDS_REFILL and refill == 0):
            yield f"{where}.refill: {limit.refill!r}, model {limit.model} needs a decimal above 0"


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
