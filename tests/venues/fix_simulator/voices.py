"""How the simulated venue speaks: what the public documents of each venue say about its reports and
requests, written down here a second time, apart from the adapter's dialects. Sources and dates:
docs/reference/venues/fix.md."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["BINANCE", "COINBASE", "DERIBIT", "GENERIC", "QUICKFIX50", "VOICES", "Voice"]


class Voice(NamedTuple):
    """One venue's manner."""

    name: str
    begin_string: str = "FIX.4.4"
    logon: str = "password"
    is_reset_on_logon: bool = False
    is_reset_silent: bool = False
    has_resend: bool = True
    time_digits: int = 3
    # 11 of a report is the name we gave, or the venue's own id with ours in 41.
    is_client_id_in_41: bool = False
    trade_id_tag: int = 17
    has_fills_group: bool = False
    fee: str = "commission"
    has_order_status: bool = True
    has_mass_status: bool = True
    is_mass_status_by_name: bool = False
    day_word: str = "0"
    error_tag: int = 0
    needs_uuid: bool = False
    server_comp_id: str = "VENUE"
    # 35 -> the fields its body may have; another one is a session Reject. Empty: not judged.
    bodies: Mapping[str, frozenset[int]] = MappingProxyType({})


# fix/schemas/spot-fix-oe.xml: NewOrderSingle, OrderCancelRequest, OrderMassCancelRequest.
_BINANCE_BODIES = {
    "D": frozenset((11, 18, 38, 40, 44, 54, 55, 59, 111, 152, 847, 7940, 25001, 25032)),
    "F": frozenset((11, 37, 41, 55, 66, 25002, 25015)),
    "q": frozenset((11, 55, 530)),
}
GENERIC = Voice("generic")
QUICKFIX50 = Voice("generic", begin_string="FIXT.1.1")
BINANCE = Voice(
    "binance_spot",
    logon="binance",
    is_reset_on_logon=True,
    has_resend=False,
    time_digits=6,
    trade_id_tag=1003,
    fee="misc_fees",
    has_order_status=False,
    has_mass_status=False,
    error_tag=25016,
    server_comp_id="SPOT",
    bodies=MappingProxyType(_BINANCE_BODIES),
)
COINBASE = Voice(
    "coinbase_exchange",
    begin_string="FIXT.1.1",
    logon="coinbase",
    is_reset_on_logon=True,
    trade_id_tag=1003,
    fee="misc_fees",
    has_mass_status=False,
    needs_uuid=True,
    server_comp_id="Coinbase",
)
DERIBIT = Voice(
    "deribit",
    logon="deribit",
    is_reset_silent=True,
    is_client_id_in_41=True,
    trade_id_tag=1363,
    has_fills_group=True,
    fee="none",
    has_order_status=False,
    is_mass_status_by_name=True,
    server_comp_id="DERIBITSERVER",
)
VOICES = {each.name: each for each in (GENERIC, BINANCE, COINBASE, DERIBIT)}
