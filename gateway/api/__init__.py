"""The contract with plugins, which import this package and, to simulate a venue, gateway.matching.

Must never import another room of the gateway.
"""

from gateway.api.adapter import AdapterPort, VenueAdapter
from gateway.api.capabilities import Capabilities
from gateway.api.errors import (
    GatewayError,
    OutcomeUnknown,
    RefusedError,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.api.hookspecs import hookimpl
from gateway.api.instruments import Instrument
from gateway.api.messages import (
    BalanceReport,
    CancelRequest,
    FillReport,
    FundingReport,
    MarkReport,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
)
from gateway.api.version import API_LEVEL

__all__ = [
    "API_LEVEL",
    "AdapterPort",
    "BalanceReport",
    "CancelRequest",
    "Capabilities",
    "FillReport",
    "FundingReport",
    "GatewayError",
    "Instrument",
    "MarkReport",
    "OrderReport",
    "OrderRequest",
    "OutcomeUnknown",
    "PositionReport",
    "RefusedError",
    "ReplaceRequest",
    "VenueAdapter",
    "VenueError",
    "VenueProtocolError",
    "VenueRateLimited",
    "VenueRejected",
    "VenueUnavailable",
    "hookimpl",
]
