"""The toolkit of venue adapters: wires, signatures, budgets, clocks, documents and books.

Public for plugins. Must never import another room than gateway.api, nor depend on any venue.
"""

from gateway.transport.backoff import Backoff
from gateway.transport.book import BookBuilder, BookLevel, BookState, BookUpdate
from gateway.transport.budget_rows import LocalRows, SharedRows
from gateway.transport.clock import VenueClock
from gateway.transport.clock_keeper import ClockKeeper, TimeSample
from gateway.transport.counts import shared_counts
from gateway.transport.documents import (
    DOCUMENT_BYTES_MAX,
    FRAME_BYTES_MAX,
    FrameRouter,
    JsonReader,
    LargeDocument,
    check_unique_keys,
    decode,
    exact_text,
)
from gateway.transport.nonces import Nonces
from gateway.transport.outcomes import Outcome, check_status, outcome_of, retry_after_ms
from gateway.transport.port_guard import PortGuard
from gateway.transport.rate_limit import (
    HEADROOM_PERCENT,
    LANES,
    NEVER_NS,
    NO_HEADROOM,
    Budget,
    Lane,
)
from gateway.transport.rest import RestAnswer, RestPool
from gateway.transport.signing import (
    Ed25519Key,
    HashName,
    HmacKey,
    hmac_sha256_base64,
    hmac_sha256_hex,
    hmac_sha512_base64,
    is_same_signature,
)
from gateway.transport.task_keeper import TaskKeeper, side_by_side
from gateway.transport.tls import client_tls
from gateway.transport.venue_events import (
    ONLY_ROW,
    EventPlace,
    EventReader,
    EventResult,
    VenueFact,
    words_of,
)
from gateway.transport.websocket import Send, SocketSettings, SocketShard
from gateway.transport.websocket_pool import MakeShard, PendingReplies, SocketPool

__all__ = [
    "DOCUMENT_BYTES_MAX",
    "FRAME_BYTES_MAX",
    "HEADROOM_PERCENT",
    "LANES",
    "NEVER_NS",
    "NO_HEADROOM",
    "ONLY_ROW",
    "Backoff",
    "BookBuilder",
    "BookLevel",
    "BookState",
    "BookUpdate",
    "Budget",
    "ClockKeeper",
    "Ed25519Key",
    "EventPlace",
    "EventReader",
    "EventResult",
    "FrameRouter",
    "HashName",
    "HmacKey",
    "JsonReader",
    "Lane",
    "LargeDocument",
    "LocalRows",
    "MakeShard",
    "Nonces",
    "Outcome",
    "PendingReplies",
    "PortGuard",
    "RestAnswer",
    "RestPool",
    "Send",
    "SharedRows",
    "SocketPool",
    "SocketSettings",
    "SocketShard",
    "TaskKeeper",
    "TimeSample",
    "VenueClock",
    "VenueFact",
    "check_status",
    "check_unique_keys",
    "client_tls",
    "decode",
    "exact_text",
    "hmac_sha256_base64",
    "hmac_sha256_hex",
    "hmac_sha512_base64",
    "is_same_signature",
    "outcome_of",
    "retry_after_ms",
    "shared_counts",
    "side_by_side",
    "words_of",
]
