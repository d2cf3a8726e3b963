"""Several gateways of Binance behind one address: one weight for all that name the same file, and a
ban that one of them hears stops the others."""

from random import Random

import pytest
from gateway_binance import gateway_create_adapter as usdm_adapter
from gateway_binance.capabilities import RATE_LIMITS as USDM_LIMITS
from gateway_binance.messages import TimeRow
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer
from gateway_binance.spot import gateway_create_adapter as spot_adapter
from gateway_binance.spot.capabilities import RATE_LIMITS as SPOT_LIMITS

from gateway.api import VenueRateLimited
from gateway.testing import BudgetUnderTest, SharedBudgetSuite
from gateway.transport import JsonReader

NOW_NS = 1_700_000_030_000_000_000
SECOND_NS = 1_000_000_000


class UsdmBudget(BudgetUnderTest):
    product, limits, make = "usdm", USDM_LIMITS, staticmethod(usdm_adapter)
    time_path, order_path = "/fapi/v1/time", "/fapi/v1/order"
    address_costs = {"weight": 100}  # noqa: RUF012
    address_room, account_room = 24, 300

    def account_costs(self, account):
        return {f"orders_10s@{account}": 1}

    def requests(self, file, account, url):
        return BinanceRest(
            url,
            Signer("key", "secret"),
            product=self.product,
            timeout_ms=100,
            acceptance_window_ms=1_000,
            account=account,
            limits=self.limits,
            now_ns=lambda: NOW_NS,
            random=Random(1),
            budget_rows_file=file,
        )

    async def ask(self, requests):
        await requests.public(self.time_path, JsonReader(TimeRow, "time"), weight=100)

    async def change(self, requests):
        await requests.send("POST", self.order_path, {}, weight=100, lane="kill", orders=1)

    def adapter(self, file, account):
        settings = {"account": account, "symbols": ["BTCUSDT"], "budget_rows_file": file}
        return self.make(f"binance_{self.product}", settings, {"key": "k", "secret": "s"})

    def budget_of(self, adapter):
        return adapter._rest.budget


class SpotBudget(UsdmBudget):
    product, limits, make = "spot", SPOT_LIMITS, staticmethod(spot_adapter)
    time_path, order_path = "/api/v3/time", "/api/v3/order"
    address_room, account_room = 60, 100


class TestUsdmBudget(SharedBudgetSuite):
    subject = UsdmBudget


class TestSpotBudget(SharedBudgetSuite):
    subject = SpotBudget


@pytest.mark.asyncio
async def test_a_ban_that_one_gateway_hears_keeps_the_orders_of_the_other_here(tmp_path):
    file, subject = str(tmp_path / "binance.budget"), UsdmBudget()
    first, second = (subject.requests(file, each, "http://127.0.0.1:1") for each in "ab")
    first.budget.ban(NOW_NS + 60 * SECOND_NS, "418")
    with pytest.raises(VenueRateLimited, match="banned"):
        await second.send("POST", "/fapi/v1/order", {}, weight=0, lane="new", orders=1)
    with pytest.raises(VenueRateLimited, match="banned"):
        second._check_leave("kill", second.term())
