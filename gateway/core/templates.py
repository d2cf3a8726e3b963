"""Orders prepared once, for programs inside the process: what stands is checked and translated at
the preparation, the holes take whole numbers in the instrument's scales. Decides nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from gateway.api import RefusedError
from gateway.core.engine import Engine
from gateway.core.refusals import refusing
from gateway.core.vocabulary import LEGS, ORDER_FLAGS, ORDER_TYPES, SIDES, TIMES_IN_FORCE

if TYPE_CHECKING:
    from gateway.core.native import ClientPort, OrderTemplate

__all__ = ["HOLES", "compile_template", "submit_template"]

HOLES: Final = {
    "quantity": 1,
    "price": 2,
    "trigger_price": 4,
    "display_quantity": 8,
    "expires_ns": 16,
}


def compile_template(
    engine: Engine,
    port: ClientPort,
    *,
    principal: str,
    account: str,
    instrument: str,
    strategy: str,
    side: str,
    type: str,
    time_in_force: str,
    holes: Collection[str],
    quantity: str = "",
    price: str = "",
    trigger_price: str = "",
    display_quantity: str = "",
    expires_ns: int = 0,
    leg: str = "net",
    flags: Collection[str] = (),
) -> OrderTemplate:
    """Prepare an order that leaves `holes` open; the others are decimal text, `expires_ns` is
    nanoseconds since 1970. A template cannot override a size: `override_size` is refused. Raises
    RefusedError for what no value could mend."""
    for field, given, known in (("holes", holes, set(HOLES)), ("flags", flags, set(ORDER_FLAGS))):
        if unknown := sorted(set(given) - known):
            raise RefusedError("UNKNOWN_FIELD", field=field, value=unknown[0])
    names = engine.names
    values = {"quantity": quantity, "price": price, "trigger_price": trigger_price}
    with refusing(**values, display_quantity=display_quantity, instrument=instrument):
        return port.compile_template(
            names.id("principal", principal),
            names.id("instrument", instrument),
            names.id("account", account),
            names.id("strategy", strategy),
            SIDES[side],
            ORDER_TYPES[type],
            TIMES_IN_FORCE[time_in_force],
            sum(HOLES[hole] for hole in set(holes)),
            quantity,
            price,
            trigger_price,
            display_quantity,
            expires_ns,
            LEGS[leg],
            sum(ORDER_FLAGS[flag] for flag in set(flags)),
        )


def submit_template(
    port: ClientPort, template: OrderTemplate, client_number: int, **holes: int
) -> int:
    """Queue one order; exactly the template's holes are given. Returns the request whose verdict
    comes as a notice. Raises RefusedError before anything is queued."""
    with refusing(client_number=client_number, **holes):
        request = port.submit_template(template, client_number, **holes)
    if request == 0:
        raise RefusedError("LANE_FULL", rule="the entry lane is full; try again")
    return request
