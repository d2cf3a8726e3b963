"""`make run`: live gateway, observer, paper venue and a sample client on this machine, then the
proof that replaying the journal gives the live state. Nothing imports this room."""

from gateway.demo.run import main

__all__ = ["main"]
