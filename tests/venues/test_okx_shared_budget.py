"""Several gateways of one account or behind one address: what OKX counts by user id and instrument
is spent together by those of one account, what it counts by address by all."""

from collections import Counter
from random import Random

from gateway_okx import gateway_create_adapter
from gateway_okx.rest import OkxRest
from gateway_okx.rows import TimeRow
from gateway_okx.signing import Signer

from gateway.testing import BudgetUnderTest, SharedBudgetSuite

NOW_NS = 1_700_000_030_000_000_000


class OkxBudget(BudgetUnderTest):
    address_costs = {"time": 1}  # noqa: RUF012
    address_room, account_room = 10, 60

    def account_costs(self, account):
        return {"order@BTC-USDT": 1, f"new_and_amend@{account}": 1}

    def requests(self, file, account, url):
        return OkxRest(
            url,
            Signer("key", "secret", "phrase", is_demo=False),
            account,
            timeout_ms=100,
            acceptance_window_ms=1_000,
            now_ns=lambda: NOW_NS,
            random=Random(1),
            counters=Counter(),
            budget_rows_file=file,
        )

    async def ask(self, requests):
        await requests.get("public/time", {}, TimeRow, is_public=True)

    async def change(self, requests):
        body = {"instId": "BTC-USDT", "clOrdId": "a"}
        await requests.post("trade/order", body, TimeRow, lane="new")

    def adapter(self, file, account):
        secrets = {"key": "k", "secret": "s", "passphrase": "p"}
        settings = {"account": account, "budget_rows_file": file}
        return gateway_create_adapter("okx", settings, secrets)

    def budget_of(self, adapter):
        return adapter._rest.budget


class TestOkxBudget(SharedBudgetSuite):
    subject = OkxBudget


def test_orders_are_counted_by_instrument(tmp_path):
    subject, file = OkxBudget(), str(tmp_path / "okx.budget")
    first, second = (subject.requests(file, "a", "http://127.0.0.1:1") for _ in range(2))
    while not first.budget.take("kill", {"order@BTC-USDT": 1}):
        pass
    assert second.budget.take("kill", {"order@BTC-USDT": 1})
    assert not second.budget.take("kill", {"order@ETH-USDT": 1})
