"""What the simulated venue states about accounts and markets, as OKX's rows. Changes nothing."""

from __future__ import annotations

import zlib
from fractions import Fraction
from typing import Any

from okx_simulator.orders import decimal_text
from okx_simulator.venue import OkxVenue

__all__ = ["BookFeed", "Reports"]

Row = dict[str, Any]
# Present and empty in the rows of an account that does not use them.
_BALANCE_FIELDS = """
accAvgPx borrowFroz clSpotInUseAmt crossLiab imr interest isoEq isoLiab isoUpl liab maxLoan
maxSpotInUse mgnRatio mmr notionalLever openAvgPx rewardBal smtSyncEq spotBal spotInUseAmt
spotIsoBal spotUpl spotUplRatio stgyEq totalPnl totalPnlRatio twap uplLiab
"""
_POSITION_FIELDS = """
adl availPos avgPx baseBal baseBorrowed baseInterest bePx bizRefId bizRefType clSpotInUseAmt
closeOrderAlgo deltaBS deltaPA fee fundingFee gammaBS gammaPA idxPx imr interest last lever liab
liabCcy liqPenalty liqPx margin markPx maxSpotInUseAmt mgnRatio mmr notionalUsd optVal
pendingCloseOrdLiabVal pnl posCcy quoteBal quoteBorrowed quoteInterest realizedPnl spotInUseAmt
spotInUseCcy thetaBS thetaPA tradeId upl uplLastPx uplRatio uplRatioLastPx usdPx vegaBS vegaPA
"""


class Reports:
    """Reads the venue."""

    def __init__(self, venue: OkxVenue) -> None:
        self._venue = venue

    def config(self, account: str) -> Row:
        is_hedged = self._venue.holder(account).is_hedge_mode
        return {
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "greeksType": "PA",
            "ip": "",
            "kycLv": "3",
            "label": account,
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": "44705892343619584",
            "mgnIsoMode": "automatic",
            "opAuth": "1",
            "perm": self._venue.key_permissions,
            "posMode": "long_short_mode" if is_hedged else "net_mode",
            "roleType": "0",
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "stgyType": "0",
            "traderInsts": [],
            "type": "0",
            "uid": "44705892343619584",
        }

    def balance(self, account: str) -> Row:
        now = str(self._venue.now_ms())
        details = [
            {
                **dict.fromkeys(_BALANCE_FIELDS.split(), ""),
                "ccy": currency,
                "cashBal": decimal_text(total - self._venue.isolated_in(account, currency)),
                "isoEq": decimal_text(self._venue.isolated_in(account, currency)),
                "isoUpl": "0",
                "eq": decimal_text(total),
                "availBal": decimal_text(total),
                "availEq": decimal_text(total),
                "frozenBal": "0",
                "ordFrozen": "0",
                "fixedBal": "0",
                "disEq": decimal_text(total),
                "eqUsd": decimal_text(total),
                "upl": "0",
                "uTime": now,
            }
            for currency, total in sorted(self._venue.holder(account).balances.items())
        ]
        names = ("adjEq", "imr", "isoEq", "mgnRatio", "mmr", "notionalUsd", "ordFroz", "upl")
        total = sum((Fraction(row["eq"]) for row in details), Fraction(0))
        return {
            **dict.fromkeys(names, ""),
            "totalEq": decimal_text(total),
            "uTime": now,
            "details": details,
        }

    def positions(self, account: str, *, inst_id: str = "") -> list[Row]:
        """Flat ones too, with pos 0 and empty strings, as long as they are remembered."""
        rows = []
        for (name, leg), position in self._venue.holder(account).positions.items():
            if inst_id in ("", name):
                row = self._position(name, leg, position.quantity, position.cost)
                margin = self._venue.margin(account, name, leg)
                if margin is not None:
                    row["mgnMode"] = "isolated"
                    row["margin"] = decimal_text(margin) if position.quantity else ""
                rows.append(row)
        return rows

    def _position(self, name: str, leg: str, quantity: int, cost: Fraction) -> Row:
        product = self._venue.products[name]
        listing = self._venue.exchange.listings[name]
        row = {
            **dict.fromkeys(_POSITION_FIELDS.split(), ""),
            "instId": name,
            "instType": product.kind,
            "mgnMode": "cross",
            "posId": f"{product.code}{ {'net': 0, 'long': 1, 'short': 2}[leg] }",
            "posSide": leg,
            "ccy": product.settle,
            "cTime": "1597026383085",
            "uTime": str(self._venue.now_ms()),
            "pos": "0",
        }
        if quantity:
            size = Fraction(abs(quantity), 10**listing.quantity_scale)
            worth = size * Fraction(listing.multiplier)
            is_inverse = product.contract == "inverse"
            average = worth / abs(cost) if is_inverse else abs(cost) / worth
            signed = quantity if leg == "net" else abs(quantity)
            row |= {
                "pos": listing.quantity_text(signed),
                "availPos": listing.quantity_text(abs(quantity)),
                "avgPx": decimal_text(average),
                "lever": "10",
                "adl": "1",
                "upl": "0",
                "realizedPnl": "0",
                "fundingFee": "0",
                "markPx": self.mark(name)["markPx"],
                "tradeId": "1",
            }
        return row

    def mark(self, inst_id: str) -> Row:
        row = self._venue.exchange.mark_row(inst_id)
        product = self._venue.products[inst_id]
        now = str(self._venue.now_ms())
        return {
            "instId": inst_id,
            "instType": product.kind,
            "markPx": row["mark"] or "",
            "ts": now,
        }

    def ticker(self, inst_id: str) -> Row:
        row = self._venue.exchange.mark_row(inst_id)
        depth = self._venue.exchange.depth_rows(inst_id, 1)
        bid = (depth["bids"] or [["", ""]])[0]
        ask = (depth["asks"] or [["", ""]])[0]
        last = row["last"] or ""
        day = dict.fromkeys(("open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), last)
        return {
            "instId": inst_id,
            "instType": self._venue.products[inst_id].kind,
            "last": last,
            "lastSz": "0",
            "askPx": ask[0],
            "askSz": ask[1],
            "bidPx": bid[0],
            "bidSz": bid[1],
            **day,
            "vol24h": "0",
            "volCcy24h": "0",
            "ts": str(self._venue.now_ms()),
        }

    def funding_rate(self, inst_id: str) -> Row:
        hour, now = 3_600_000, self._venue.now_ms()
        due = (now // (8 * hour) + 1) * 8 * hour
        return {
            "instId": inst_id,
            "instType": "SWAP",
            "formulaType": "noRate",
            "fundingRate": self._venue.products[inst_id].funding_rate,
            "fundingTime": str(due),
            "nextFundingRate": "",
            "nextFundingTime": str(due + 8 * hour),
            "maxFundingRate": "0.00375",
            "minFundingRate": "-0.00375",
            "method": "current_period",
            "premium": "0",
            "settFundingRate": "0",
            "settState": "settled",
            "ts": str(now),
        }

    def levels(self, inst_id: str, depth: int) -> dict[str, list[list[str]]]:
        rows = self._venue.exchange.depth_rows(inst_id, depth)
        return {side: [[*level, "0", "1"] for level in rows[side]] for side in ("asks", "bids")}


class BookFeed:
    """The books channel of one instrument: a snapshot, then differences chained by seqId and
    sealed by the CRC32 of the best 25 levels (docs-v5, order book channel); or by 0, as OKX
    announced on 2026-05-21 for the time after 2026-06-23."""

    def __init__(self, reports: Reports, inst_id: str, *, has_checksum: bool = True) -> None:
        self._reports = reports
        self._inst_id = inst_id
        self._has_checksum = has_checksum
        self._sequence = 100
        self._known: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}

    def snapshot(self, now_ms: int) -> Row:
        levels = self._reports.levels(self._inst_id, 400)
        self._known = {side: {row[0]: row[1] for row in rows} for side, rows in levels.items()}
        return self._message(levels, levels, previous=-1, now_ms=now_ms)

    def update(self, now_ms: int) -> Row | None:
        levels = self._reports.levels(self._inst_id, 400)
        changed: dict[str, list[list[str]]] = {}
        for side, rows in levels.items():
            now = {row[0]: row[1] for row in rows}
            known = self._known[side]
            gone = [[price, "0", "0", "0"] for price in known if price not in now]
            changed[side] = [row for row in rows if known.get(row[0]) != row[1]] + gone
            self._known[side] = now
        if not any(changed.values()):
            return None
        previous, self._sequence = self._sequence, self._sequence + 3
        return self._message(changed, levels, previous=previous, now_ms=now_ms)

    def _message(
        self,
        told: dict[str, list[list[str]]],
        levels: dict[str, list[list[str]]],
        *,
        previous: int,
        now_ms: int,
    ) -> Row:
        return {
            **told,
            "ts": str(now_ms),
            "checksum": _checksum(levels) if self._has_checksum else 0,
            "prevSeqId": previous,
            "seqId": self._sequence,
        }


def _checksum(levels: dict[str, list[list[str]]]) -> int:
    parts = []
    for at in range(25):
        for side in ("bids", "asks"):
            if at < len(levels[side]):
                parts += levels[side][at][:2]
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value >= 1 << 31 else value
