"""Groups of linked orders in an engine's world, whose venue takes stops."""

from engine_world import BUY, GTC, LIMIT, SELL, STOP

from gateway.core.refusals import describe_number

OCO, BRACKET = 1, 3
WITH_STOPS = 0x1E  # venue_types


def link(world, kind, *orders):
    """A group of (side, type, price, trigger), two of each; order ids of its members."""
    made = []
    for side, order_type, price, trigger in orders:
        world.names += 1
        made.append(
            (f"g{world.names}", world.perpetual, world.account, world.strategy, side, order_type,
             GTC, "2", price, trigger, "", 0, 0, 0)
        )  # fmt: skip
    first = world.port.submit_linked(world.principal, kind, made)
    world.turn()
    told = {notice[1]: notice for notice in world.port.notices()}
    ids = [told[first + number][2] for number in range(len(made))]
    codes = [describe_number(told[first + number][4]).name for number in range(len(made))]
    assert codes == [describe_number(0).name] * len(made)
    return ids


def bracket(world):
    """Bought at 100, an exit at 105 and a stop at 95."""
    entry, *exits = link(world, BRACKET, (BUY, LIMIT, "100", ""), (SELL, LIMIT, "105", ""),
                         (SELL, STOP, "", "95"))  # fmt: skip
    world.fact("accepted", entry, f"V{entry}", False, 1, 1)
    return entry, *exits
