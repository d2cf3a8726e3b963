"""A client's end of the gateway, for programs beside the daemon. It knows the public layout of a
port and nothing of the engine; it must never resend an order."""

from gateway.client.port import Instrument, LaneFull, PortClient, PortEnded, Reply, ReplyKind

__all__ = ["Instrument", "LaneFull", "PortClient", "PortEnded", "Reply", "ReplyKind"]
