"""Orders over FIX as a counterparty sees them: every message of it is made by simplefix."""

import pytest
from fix_world import change, counterparty, new_order, open_fix

pytestmark = pytest.mark.asyncio


async def test_an_order_is_acknowledged_accepted_and_filled_in_order(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        pending = await client.until("8")
        assert (pending[150], pending[39], pending[151], pending[14]) == ("A", "A", "2", "0")
        order_id = int(pending[37])
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5", price="99.5")
        fix.fill(order_id, "t2", "1.5", price="100")
        told = [await client.until("8") for _ in range(3)]
        assert [(each[150], each[39], each[151], each[14]) for each in told] == [
            ("0", "0", "2", "0"), ("F", "1", "1.5", "0.5"), ("F", "2", "0", "2"),
        ]  # fmt: skip
        assert [(each[31], each[32]) for each in told[1:]] == [("99.5", "0.5"), ("100", "1.5")]
        assert told[1][6] == "99.5" and told[2][6] == "99.875"
        ids = [each[17] for each in (pending, *told)]
        assert len(set(ids)) == 4 and {each[37] for each in told} == {pending[37]}
