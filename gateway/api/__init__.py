"""The contract with plugins, which import this package and, to simulate a venue, gateway.matching.

Must never import another room of the gateway.
"""

from gateway.api.adapter import (
    AdapterPort,
    BorrowSource,
    Counted,
    DeadManSwitch,
    MassCancel,
    VenueAdapter,
)
from gateway.api.capabilities import Capabilities, RateLimit
from gateway.api.errors import (
    GatewayError,
    Outcome,
    OutcomeUnknown,
    RefusedError,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
    outcome_of,
)
from gateway.api.history_sink import (
    HistorySink,
    SinkBatch,
    SinkColumn,
    SinkMark,
    SinkRefused,
    SinkSchemaMismatch,
    SinkTable,
    SinkUnavailable,
    SinkValue,
)
from gateway.api.hookspecs import SinkMaker, hookimpl
from gateway.api.instruments import Instrument
from gateway.api.market import MARKET_LEVELS_MAX, MarketDataSource, MarketSink
from gateway.api.messages import (
    BalanceReport,
    BorrowReport,
    CancelRequest,
    FillReport,
    FundingReport,
    MarginCallReport,
    MarkReport,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
)
from gateway.api.version import API_LEVEL

__all__ = [
    "API_LEVEL",
    "MARKET_LEVELS_MAX",
    "AdapterPort",
    "BalanceReport",
    "BorrowReport",
    "BorrowSource",
    "CancelRequest",
    "Capabilities",
    "Counted",
    "DeadManSwitch",
    "FillReport",
    "FundingReport",
    "GatewayError",
    "HistorySink",
    "Instrument",
    "MarginCallReport",
    "MarkReport",
    "MarketDataSource",
    "MarketSink",
    "MassCancel",
    "OrderReport",
    "OrderRequest",
    "Outcome",
    "OutcomeUnknown",
    "PositionReport",
    "RateLimit",
    "RefusedError",
    "ReplaceRequest",
    "SinkBatch",
    "SinkColumn",
    "SinkMaker",
    "SinkMark",
    "SinkRefused",
    "SinkSchemaMismatch",
    "SinkTable",
    "SinkUnavailable",
    "SinkValue",
    "VenueAdapter",
    "VenueError",
    "VenueProtocolError",
    "VenueRateLimited",
    "VenueRejected",
    "VenueUnavailable",
    "hookimpl",
    "outcome_of",
]
