"""Answers to what a FIX counterparty may ask for besides orders: rows in, messages out.

Pure: below the door (`fix_acceptor`), whose services send them. Nothing here may know a session, an
engine or an order's way in.
"""

from gateway.entry.fix_answers import market_data, notices, positions, securities, trades
from gateway.entry.fix_answers.answer import Answer, MessageForm
from gateway.entry.fix_answers.market_data import MarketData, MarketDataLimits
from gateway.entry.fix_answers.notices import news, trading_session_status, venue_status
from gateway.entry.fix_answers.positions import position_reports
from gateway.entry.fix_answers.securities import security_list
from gateway.entry.fix_answers.trades import trade_reports

__all__ = [
    "MESSAGE_FORMS",
    "Answer",
    "MarketData",
    "MarketDataLimits",
    "MessageForm",
    "news",
    "position_reports",
    "security_list",
    "trade_reports",
    "trading_session_status",
    "venue_status",
]

# For the rules of engagement: every message of this room, in the order of the page.
MESSAGE_FORMS: tuple[MessageForm, ...] = (
    *securities.FORMS,
    *positions.FORMS,
    *trades.FORMS,
    *market_data.FORMS,
    *notices.FORMS,
)
