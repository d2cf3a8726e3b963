"""The FIX door: counterparties log on, send orders, and hear what became of them.

A door checks form and identity; the engine decides. Nothing here may answer for the engine, and no
report may go out that is not in the journal first.

How a part is plugged in
------------------------
A part of the door is a `FixService` (take `QuietService` and override what you need):

- `handlers()`: MsgType -> handler. `await handler(context, message)` is called for each application
  message of that type, one at a time and in order within a session. It returns None when the
  message was taken, or a BusinessReject (35=j). The incoming number is journaled only after that,
  so what a handler awaits (an order's verdict) is known before the message counts as taken.
  A message that a crash left uncounted comes again, with 43=Y: handlers are idempotent.
- `logged_on(context)`, `logged_out(context, reason)`: the counterparty came or went.
- `happened(event)`: what happened to an order of a followed principal, from the journal, in its
  order, each exactly once over any number of restarts. What the service sends from within the
  call is journaled in one group with the mark that says the event is done with.
- `contexts added and removed at run time`: `opened(context)`, `closed(context)`.

`context.send(message_type, fields)` sends on a session; to one that is not logged on the message is
kept for its next logon. `context.settings` are the counterparty's, `context.who` its identity.

    door = FixDoor(desk, router, keys, terms)
    door.plug(MarketData(...))            # before start
    await door.start()
"""

from gateway.entry.fix_acceptor.context import (
    FixService,
    Handler,
    QuietService,
    SessionContext,
)
from gateway.entry.fix_acceptor.door import FixDoor, FixTerms
from gateway.entry.fix_acceptor.order_event import OrderEvent

__all__ = [
    "FixDoor",
    "FixService",
    "FixTerms",
    "Handler",
    "OrderEvent",
    "QuietService",
    "SessionContext",
]
