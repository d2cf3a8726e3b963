"""The messages of the local API: the one source for REST, WebSocket, OpenAPI and clients.

Strict: unknown fields are refused. Prices and quantities are decimal text, never JSON numbers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.api.messages import LegName, OrderTypeName, SideName, TimeInForceName
from gateway.core.vocabulary import CROSS_MS_MAX

__all__ = [
    "WS_MESSAGES",
    "WS_OPERATIONS",
    "AddFixSession",
    "AdoptBreak",
    "BalancesAnswer",
    "BreakAnswer",
    "BreaksAnswer",
    "CancelsAnswer",
    "DefinedAnswer",
    "Enable",
    "ErrorAnswer",
    "FixSessionAnswer",
    "FixSessionsAnswer",
    "HealthAnswer",
    "InstrumentsAnswer",
    "Kill",
    "KillAnswer",
    "LimitsAnswer",
    "LinkedOrders",
    "NamedAction",
    "NewOrderMessage",
    "Note",
    "NotedAnswer",
    "OrderAnswer",
    "OrdersAnswer",
    "PluginsAnswer",
    "PositionsAnswer",
    "ReconciledAnswer",
    "ReplaceOrderMessage",
    "ResolveBreak",
    "SetLimits",
    "SetTradingState",
    "StatusAnswer",
    "TellMeasures",
    "TradingStatesAnswer",
    "WsAnswer",
    "WsCancel",
    "WsLogin",
    "WsOperation",
    "WsOrderEvent",
    "WsPositionsEvent",
    "WsReplace",
    "WsResync",
    "WsSubmit",
    "WsSubmitLinked",
    "WsSubscribe",
]

# The descriptions are the rules that an error and the OpenAPI document quote.
ClientOrderId = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{1,64}\Z", description="1 to 64 printable ASCII characters without a space"
    ),
]
Decimal = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,40}(\.[0-9]{1,40})?\Z",
        description='decimal text in quotes such as "0.50", no exponent and no sign "+"',
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:-]{0,31}\Z",
        description="a name of 1 to 32 letters, digits and _ . / : - that begins with one of the "
        "first two",
    ),
]
EntityName = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_./:-]{0,31})?\Z",
        description='a registered name of at most 32 characters, "" for the firm',
    ),
]
Actor = Annotated[
    str,
    Meta(
        pattern=r"^[!-~][ -~]{0,39}\Z",
        description="the person who answers, 1 to 40 printable ASCII characters",
    ),
]
KnownActor = Annotated[
    str,
    Meta(
        pattern=r"^([!-~][ -~]{0,39})?\Z",
        description='who set what stands, at most 40 printable ASCII characters, "" for nobody',
    ),
]
Reason = Annotated[
    str,
    Meta(
        pattern=r"^[!-~][ -~]{0,47}\Z",
        description="the reason, 1 to 48 printable ASCII characters",
    ),
]
HastyText = Annotated[
    str,
    Meta(
        max_length=2_000,
        description="any text, at most 2,000 characters; what the journal has no room or letters "
        "for is cut or replaced",
    ),
]
TimeNs = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Subject = Annotated[
    str,
    Meta(
        pattern=r"^[!-~][ -~]{0,79}\Z",
        description="what it is about, 1 to 80 printable ASCII characters",
    ),
]
LevelName = Literal["instrument", "strategy", "account", "venue", "firm"]
ChannelName = Literal["orders", "fills", "positions"]
RequestId = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
OrderIdText = Annotated[
    str, Meta(pattern=r"^[0-9]{1,19}\Z", description="an order id: 1 to 19 digits, as text")
]
CrossMs = Annotated[
    int,
    Meta(
        ge=1,
        le=CROSS_MS_MAX,
        description="keep the order so many milliseconds, to be crossed with an opposite one",
    ),
]
Rows = list[dict[str, Any]]
LinkName = Literal["oco", "ouo", "bracket"]


class Message(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of everything a client sends."""


class NewOrderMessage(Message, kw_only=True):
    """One new order. The same client_order_id with the same content is the same order."""

    client_order_id: ClientOrderId
    account: Name
    instrument: Name
    strategy: Name
    side: SideName
    type: OrderTypeName
    time_in_force: TimeInForceName
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    display_quantity: Decimal | None = None
    expires_ns: TimeNs | None = None
    leg: LegName = "net"
    post_only: bool = False
    reduce_only: bool = False
    emulate: bool = False
    override_size: bool = False
    cross_ms: CrossMs | None = None


class LinkedOrders(Message, kw_only=True):
    """Orders that live and end together: oco (the first execution of one cancels the others), ouo
    (an execution takes its quantity off the others), bracket (the first enters, the others leave).
    """

    link: LinkName
    orders: Annotated[
        list[NewOrderMessage], Meta(min_length=2, max_length=8, description="2 to 8 orders")
    ]


class ReplaceOrderMessage(Message, kw_only=True):
    """New total quantity or price of an order; what is absent stays."""

    client_order_id: ClientOrderId | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None


class SetLimits(Message, kw_only=True):
    """All limits of one level entity, replaced at once."""

    level: LevelName
    name: EntityName = ""
    fields: dict[str, str | int]
    actor: Actor
    reason: Reason


class TellMeasures(Message, kw_only=True):
    """What guards of one level entity are held against: margin headroom, result of the trading
    period, and of an instrument the greeks of one unit."""

    level: LevelName
    name: EntityName = ""
    fields: dict[str, str]
    actor: Actor


class Kill(Message, kw_only=True):
    """Halt one level entity with a latch; `cancel` also cancels its open orders. Whoever is in a
    hurry is not refused for a letter."""

    level: LevelName
    name: EntityName = ""
    actor: HastyText
    reason: HastyText
    cancel: bool = True


class Enable(Message, kw_only=True):
    """Lift a latch, by name."""

    level: LevelName
    name: EntityName = ""
    actor: Actor
    reason: Reason


class SetTradingState(Message, kw_only=True):
    """Let one level entity only reduce, or lift that again; never a halt or a latch. `if_actor`:
    only while what stands was set by him; "" = by nobody yet."""

    level: LevelName
    name: EntityName = ""
    state: Literal["active", "reducing"]
    actor: Actor
    reason: Reason
    if_actor: KnownActor | None = None


class Note(Message, kw_only=True):
    """What somebody found out and wants in the journal beside what was done about it."""

    subject: Subject
    actor: Actor
    reason: Reason


class ResolveBreak(Message, kw_only=True):
    """A named person answers for a difference as it is."""

    actor: Actor
    reason: Reason


class NamedAction(Message, kw_only=True):
    """What a named person does, and why; both are kept."""

    actor: Actor
    reason: Reason


class AddFixSession(NamedAction, kw_only=True):
    """A new FIX counterparty; its settings are those under [fix.sessions.NAME]."""

    name: Name
    settings: dict[str, Any]


class AdoptBreak(Message, kw_only=True):
    """A named person takes over the position of a difference, at this price, into this book, or
    says that a quarantined fill is real. The quantity is the difference as it was read, with its
    sign; of a fill the price is as it was told, and its order names the book."""

    actor: Actor
    reason: Reason
    quantity: Decimal
    price: Decimal
    strategy: EntityName = "EXTERNAL"


class WsLogin(Message, tag_field="op", tag="login", kw_only=True):
    """First message of a session."""

    key: Annotated[str, Meta(max_length=256)]
    id: RequestId = 0
    cancel_on_disconnect: bool = False


class WsSubmit(Message, tag_field="op", tag="submit", kw_only=True):
    """A new order over the session."""

    id: RequestId
    order: NewOrderMessage


class WsSubmitLinked(Message, tag_field="op", tag="submit_linked", kw_only=True):
    """A group of new orders over the session."""

    id: RequestId
    link: LinkName
    orders: Annotated[
        list[NewOrderMessage], Meta(min_length=2, max_length=8, description="2 to 8 orders")
    ]


class WsCancel(Message, tag_field="op", tag="cancel", kw_only=True):
    """A cancel over the session."""

    id: RequestId
    order_id: OrderIdText


class WsReplace(Message, tag_field="op", tag="replace", kw_only=True):
    """A replace over the session."""

    id: RequestId
    order_id: OrderIdText
    client_order_id: ClientOrderId | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None


class WsSubscribe(Message, tag_field="op", tag="subscribe", kw_only=True):
    """Events of one channel from now on."""

    channel: ChannelName
    id: RequestId = 0


class WsAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The answer to one operation, by its id. `order` for submit, cancel and replace, `orders` for
    submit_linked, `principal` and `scopes` for login, `channel` for subscribe, `error` when not
    ok."""

    id: int | None  # null: the message had none that could be read
    ok: bool
    order: dict[str, Any] | None = None
    orders: Rows | None = None
    principal: str | None = None
    scopes: list[str] | None = None
    channel: ChannelName | None = None
    error: dict[str, Any] | None = None


class WsOrderEvent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An order moved; on the channel fills: it was executed or an execution was revised."""

    channel: Literal["orders", "fills"]
    sequence: int
    order: dict[str, Any]


class WsPositionsEvent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The positions of one account and instrument after a fill."""

    channel: Literal["positions"]
    sequence: int
    positions: Rows


class WsResync(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Events were lost: read the orders again."""

    channel: Literal["orders"]
    resync: bool


WS_OPERATIONS = (WsLogin, WsSubmit, WsSubmitLinked, WsCancel, WsReplace, WsSubscribe)
WS_MESSAGES = (WsAnswer, WsOrderEvent, WsPositionsEvent, WsResync)
WsOperation = WsLogin | WsSubmit | WsSubmitLinked | WsCancel | WsReplace | WsSubscribe


class OrderAnswer(msgspec.Struct):
    """One order row."""

    order: dict[str, Any]


class OrdersAnswer(msgspec.Struct):
    """Order rows."""

    orders: Rows


class CancelsAnswer(msgspec.Struct):
    """How many cancels a mass cancel sent, and for how many orders it could not: too many cancels
    at once, no room, not permitted. Those are not asked again."""

    cancels_sent: int
    cancels_refused: int = 0


class PositionsAnswer(msgspec.Struct):
    """Position rows."""

    positions: Rows


class BalancesAnswer(msgspec.Struct):
    """Balance rows."""

    balances: Rows


class InstrumentsAnswer(msgspec.Struct):
    """Registered instruments."""

    instruments: Rows


class LimitsAnswer(msgspec.Struct):
    """Limit rows."""

    limits: Rows


class TradingStatesAnswer(msgspec.Struct):
    """Trading states that are not the default."""

    trading_states: Rows


class FixSessionsAnswer(msgspec.Struct):
    """Sessions of FIX counterparties."""

    fix_sessions: Rows


class FixSessionAnswer(msgspec.Struct):
    """One session of a FIX counterparty."""

    fix_session: dict[str, Any]


class BreaksAnswer(msgspec.Struct):
    """Differences between the journal and the venues."""

    breaks: Rows


class BreakAnswer(msgspec.Struct):
    """One difference."""

    # `break` is a word of the language.
    found: dict[str, Any] = msgspec.field(name="break")


class ReconciledAnswer(msgspec.Struct):
    """What is still open after a comparison."""

    venue: str
    breaks: list[str]


class PluginsAnswer(msgspec.Struct):
    """Installed plugins, the refused ones too."""

    plugins: Rows


class DefinedAnswer(msgspec.Struct):
    """What a control command journaled."""

    sequence: int


class KillAnswer(msgspec.Struct, kw_only=True):
    """What a kill journaled, and what becomes of the orders that worked there. Pending: a cancel
    was on its way before. Refused: not the caller's to cancel. Waiting, by its cause: sent when
    it can be."""

    sequence: int
    cancels_sent: int = 0
    cancels_pending: int = 0
    cancels_refused: int = 0
    waiting: dict[str, int] = msgspec.field(default_factory=dict)


class NotedAnswer(msgspec.Struct):
    """A note is in the journal."""

    sequence: int
    noted: bool = True


class StatusAnswer(msgspec.Struct, kw_only=True):
    """The daemon in one object. The state hash belongs to `sequence`. `reason`: why it does not
    trade, "" = it does. `halts`: every level that holds orders back. `clock_ahead_ns`: how far
    journal time is ahead of the clock."""

    state: str
    live: bool
    ready: bool
    trading: bool
    reason: str
    halts: Rows
    sequence: int
    state_hash: str
    epoch: int
    clock_ahead_ns: int
    venues: Rows
    open_orders: int
    unknown_orders: int
    counters: dict[str, int]


class HealthAnswer(msgspec.Struct):
    """One health question."""

    ok: bool
    reason: str = ""


class ErrorAnswer(msgspec.Struct):
    """Every refusal, on every door."""

    error: dict[str, Any]
