"""Door to market files: the process that hosts an adapter writes one per venue, anybody reads.

Nothing here knows the engine: a book that is late, lost or stale delays no order.
"""

from gateway.market.host import MarketHost, MarketTerms
from gateway.market.latest import LatestBooks
from gateway.market.reader import (
    MarketReader,
    Reference,
    ShownBook,
    ShownTrade,
    market_path,
)
from gateway.market.sink import MarketFileSink

__all__ = [
    "LatestBooks",
    "MarketFileSink",
    "MarketHost",
    "MarketReader",
    "MarketTerms",
    "Reference",
    "ShownBook",
    "ShownTrade",
    "market_path",
]
