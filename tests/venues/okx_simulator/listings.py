"""What the simulated venue lists and who may trade there. Data and its rendering, nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import msgspec
from gateway_paper.venue.exact import number_text
from gateway_paper.venue.settings import AccountSettings, Listing

__all__ = ["ACCOUNTS", "KEYS", "PRODUCTS", "TICK_BANDS", "Key", "Product", "is_on_band"]

Row = dict[str, Any]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument as OKX lists it. `code` is the instIdCode of WebSocket order entry."""

    inst_id: str
    code: int
    base: str
    quote: str
    tick: str
    lot: str
    min_size: str
    kind: Literal["SPOT", "SWAP", "FUTURES", "OPTION"] = "SWAP"
    contract: Literal["", "linear", "inverse"] = "linear"
    contract_value: str = ""
    contract_multiplier: str = "1"
    funding_rate: str = "0.0001"
    state: str = "live"

    @property
    def settle(self) -> str:
        if self.kind == "SPOT":
            return self.quote
        is_coin = self.contract == "inverse" or self.kind == "OPTION"
        return self.base if is_coin else self.quote

    def listing(self) -> Listing:
        """The rules as the matching exchange knows them; quantities stay in contracts."""
        # The premium of an option is price x size x multiplier, in the coin it settles in.
        kind = "spot" if self.kind == "SPOT" else self.contract or "linear"
        worth = Fraction(self.contract_value or "1") * Fraction(self.contract_multiplier or "1")
        return Listing(
            symbol=self.inst_id,
            name=self.inst_id,
            kind=kind,  # type: ignore[arg-type]
            base=self.base,
            quote=self.quote,
            settle=self.settle,
            tick=self.tick,
            lot=self.lot,
            multiplier=number_text(round(worth * 10**9), 9),
            quantity_min=self.min_size,
            maker_rate="-0.00005" if self.kind == "SWAP" else "0.0008",  # negative = rebate
            taker_rate="0.0005" if self.kind == "SWAP" else "0.001",
            fee_currency="base_on_buy" if self.kind == "SPOT" else "settle",
            self_trade="cancel_oldest",  # OKX: cancel_maker is the rule unless the order says else
            funding_rate=self.funding_rate,
        )

    def row(self) -> Row:
        """As public/instruments shows it."""
        is_spot = self.kind == "SPOT"
        family = "-".join(self.inst_id.split("-")[:2])
        return {
            "instType": self.kind,
            "instId": self.inst_id,
            "instIdCode": self.code,
            "instFamily": "" if is_spot else family,
            "uly": "" if is_spot else family,
            "category": "1",
            "baseCcy": self.base if is_spot else "",
            "quoteCcy": self.quote if is_spot else "",
            "settleCcy": "" if is_spot else self.settle,
            "ctVal": "" if is_spot else self.contract_value,
            "ctMult": "" if is_spot else self.contract_multiplier,
            "ctValCcy": ""
            if is_spot
            else (self.quote if self.contract == "inverse" else self.base),
            "ctType": "" if is_spot else self.contract,
            "optType": self.inst_id[-1] if self.kind == "OPTION" else "",
            "stk": self.inst_id.split("-")[3] if self.kind == "OPTION" else "",
            "listTime": "1597026383085",
            "contTdSwTime": "",
            "openType": "",
            "expTime": "",
            "lever": "10" if is_spot else "100",
            "tickSz": self.tick,
            "lotSz": self.lot,
            "minSz": self.min_size,
            "ruleType": "normal",
            "alias": "",
            "state": self.state,
            "maxLmtSz": "100000000",
            "maxMktSz": "1000000",
            "maxLmtAmt": "20000000",
            "maxMktAmt": "1000000",
            "maxTwapSz": "100000000",
            "maxIcebergSz": "100000000",
            "maxTriggerSz": "100000000",
            "maxStopSz": "1000000",
            "tradeQuoteCcyList": [self.quote] if is_spot else [],
        }


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One API key; it belongs to one account, which is one user id."""

    key: str
    secret: str
    passphrase: str
    account: str
    is_demo: bool = False


# Option prices by family: above the first number and up to the second the third is the step.
TICK_BANDS = {"BTC-USD": (("0", "0.005", "0.0001"), ("0.005", "100", "0.0005"))}


def is_on_band(product: Product, price: str) -> bool:
    """Whether an option may have this price; everything else may have any here."""
    if product.kind != "OPTION" or not price:
        return True
    bands = TICK_BANDS["-".join(product.inst_id.split("-")[:2])]
    amount = Fraction(price)
    steps = [
        Fraction(tick) for low, high, tick in bands if Fraction(low) <= amount <= Fraction(high)
    ]
    return any(amount % step == 0 for step in steps)


PRODUCTS = (
    Product(
        inst_id="BTC-USDT-SWAP", code=10459, base="BTC", quote="USDT", contract_value="0.01",
        tick="0.1", lot="0.01", min_size="0.01",
    ),
    Product(
        inst_id="ETH-USDT-SWAP", code=10461, base="ETH", quote="USDT", contract_value="0.1",
        tick="0.01", lot="0.01", min_size="0.01",
    ),
    Product(
        inst_id="BTC-USD-SWAP", code=10458, base="BTC", quote="USD", contract="inverse",
        contract_value="100", tick="0.1", lot="0.1", min_size="0.1",
    ),
    Product(
        inst_id="BTC-USDT", code=3, base="BTC", quote="USDT", kind="SPOT", contract="",
        contract_multiplier="", tick="0.1", lot="0.00000001", min_size="0.00001",
    ),
    Product(
        inst_id="BTC-USD-301227", code=20001, base="BTC", quote="USD", contract="inverse",
        kind="FUTURES", contract_value="100", tick="0.1", lot="1", min_size="1",
    ),
    Product(
        inst_id="BTC-USD-301227-60000-C", code=20002, base="BTC", quote="USD", kind="OPTION",
        contract="", contract_value="1", contract_multiplier="0.01", tick="0.0001", lot="1",
        min_size="1",
    ),
)  # fmt: skip
ACCOUNTS = (
    AccountSettings(name="net", balances={"USDT": "1000000", "BTC": "10"}),
    AccountSettings(name="hedge", is_hedge_mode=True, balances={"USDT": "1000000", "BTC": "10"}),
)
KEYS = (
    Key(key="net-key", secret="net-secret", passphrase="net-phrase", account="net"),
    Key(key="hedge-key", secret="hedge-secret", passphrase="hedge-phrase", account="hedge"),
    Key(
        key="demo-key", secret="demo-secret", passphrase="demo-phrase", account="net", is_demo=True
    ),
)
