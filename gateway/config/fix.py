"""Settings of the FIX door: [fix] and one [fix.sessions.NAME] per counterparty. Frozen data only;
rules between them live in fix_checks.py."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "DROP_COPIES_MAX",
    "CounterpartySettings",
    "FixSchedule",
    "FixSettings",
    "SessionPolicy",
    "policy_of",
]

# The copies of one event and its mark are one group of records in the journal.
DROP_COPIES_MAX = 64

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$")]
CompId = Annotated[str, Meta(pattern=r"^[!-~]{1,32}$")]
SubId = Annotated[str, Meta(pattern=r"^[!-~]{0,32}$")]
Names = Literal["all"] | list[Name]
TimeOfDay = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$")]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
RESEND_PAGE_MAX = 10_000  # as many messages as a session keeps while a gap is open


class FixSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[fix.schedule] and [fix.sessions.NAME.schedule]: when a session may be up. Daily, weekly when
    both days are given, non-stop when empty."""

    start_time: Annotated[
        TimeOfDay,
        Meta(description="When the session time begins; empty = at any hour, without an end."),
    ] = ""
    end_time: Annotated[
        TimeOfDay,
        Meta(
            description="When it ends: everybody is logged out. Not after the start = on the day "
            "after; equal = around the clock, a new session time at each start."
        ),
    ] = ""
    days: Annotated[list[Day], Meta(description="Days on which it begins; empty = every day.")] = []
    start_day: Annotated[
        Literal["", Day],
        Meta(description="Day of the week on which a weekly session time begins; empty = daily."),
    ] = ""
    end_day: Annotated[Literal["", Day], Meta(description="Day of the week on which it ends.")] = ""
    time_zone: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$",
            description="Zone of the times, a name of the IANA database; clock changes are its.",
        ),
    ] = "UTC"


class SessionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What [fix] says for every session and [fix.sessions.NAME] for one."""

    schedule: FixSchedule = FixSchedule()
    reset_at_start: bool = True
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    reset_accepted: bool = False
    resend_page: int = 0


class CounterpartySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[fix.sessions.NAME]: one counterparty, who may log on as it, and what it may do."""

    target_comp_id: Annotated[
        CompId, Meta(description="CompID of the counterparty: its 49, our 56.")
    ]
    principal: Annotated[
        Name,
        Meta(
            description="Whose orders these are. An order-entry session is told everything about "
            "all orders of its principal, so a principal has at most one of them."
        ),
    ]
    kind: Annotated[
        Literal["order_entry", "drop_copy", "market_data"],
        Meta(
            description="order_entry = sends orders and hears of them; drop_copy = hears of "
            "orders others sent; market_data = asks for prices and lists alone."
        ),
    ] = "order_entry"
    begin_string: Annotated[
        Literal["FIX.4.2", "FIX.4.4", "FIXT.1.1"],
        Meta(description="Version of the session; FIXT.1.1 carries FIX 5.0 SP2."),
    ] = "FIX.4.4"
    sender_comp_id: Annotated[
        SubId, Meta(description="Our CompID on this session; empty = fix.sender_comp_id.")
    ] = ""
    target_sub_id: Annotated[
        SubId, Meta(description="50 every message of the counterparty must have; empty = any.")
    ] = ""
    sender_sub_id: Annotated[
        SubId, Meta(description="57 every message of the counterparty must have; empty = any.")
    ] = ""
    enabled: Annotated[bool, Meta(description="Off, nobody may log on to it.")] = True
    password: Annotated[
        bool,
        Meta(
            description="Whether the Logon must name a key of the principal: 553 the key id, 554 "
            "its secret. Off needs certificate_name."
        ),
    ] = True
    certificate_name: Annotated[
        str,
        Meta(
            max_length=128,
            description="Common name the client certificate must have; empty = any, or none.",
        ),
    ] = ""
    scopes: Annotated[
        list[Literal["read", "trade", "cancel"]],
        Meta(min_length=1, description="What the session may do; the key and the principal bind."),
    ] = msgspec.field(default_factory=lambda: ["read", "trade", "cancel"])
    accounts: Annotated[
        Names,
        Meta(description='Accounts of the session, or "all"; one alone stands for an absent 1.'),
    ] = "all"
    strategies: Annotated[
        Names,
        Meta(description='Strategies of the session, or "all"; the first is that of its orders.'),
    ] = "all"
    instruments: Annotated[Names, Meta(description='Instruments of the session, or "all".')] = "all"
    messages_per_second: Annotated[
        int,
        Meta(
            ge=0,
            le=1000000,
            description="Application messages per second, cancels apart; 0 = no bound.",
        ),
    ] = 0
    message_burst: Annotated[
        int, Meta(ge=0, le=1000000, description="Messages at once; 0 = one second's worth.")
    ] = 0
    cancel_on_disconnect: Annotated[
        bool,
        Meta(
            description="Cancel the session's open orders when its line ends, by Logout, by a cut "
            "or by silence."
        ),
    ] = False
    cancel_grace_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=600000,
            description="How long a counterparty has to come back before its orders are "
            "cancelled, in ms.",
        ),
    ] = 0
    schedule: Annotated[
        FixSchedule | None,
        Meta(
            description="When the session may be up, [fix.sessions.NAME.schedule], in place of "
            "[fix.schedule] as a whole; an empty table = at any hour."
        ),
    ] = None
    reset_at_start: Annotated[
        bool | None, Meta(description="As fix.reset_at_start, for this session.")
    ] = None
    reset_on_logon: Annotated[
        bool | None, Meta(description="As fix.reset_on_logon, for this session.")
    ] = None
    reset_on_logout: Annotated[
        bool | None, Meta(description="As fix.reset_on_logout, for this session.")
    ] = None
    reset_on_disconnect: Annotated[
        bool | None, Meta(description="As fix.reset_on_disconnect, for this session.")
    ] = None
    reset_accepted: Annotated[
        bool | None, Meta(description="As fix.reset_accepted, for this session.")
    ] = None
    resend_page: Annotated[
        Annotated[int, Meta(ge=0, le=RESEND_PAGE_MAX)] | None,
        Meta(description="As fix.resend_page, for this session."),
    ] = None
    next_expected: Annotated[bool, Meta(description="789 in both Logons; FIX.4.4 and later.")] = (
        False
    )
    last_processed: Annotated[bool, Meta(description="369 on every message.")] = False
    heartbeat_seconds_max: Annotated[
        int, Meta(ge=1, le=3600, description="Largest 108 that is taken, in seconds.")
    ] = 60
    pending_reports: Annotated[
        bool, Meta(description="Whether pending new, cancel and replace are reported (39=A 6 E).")
    ] = True
    accept_user_fields: Annotated[
        bool, Meta(description="Whether fields from 5000 on are let through.")
    ] = True


class FixSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[fix]: the door for FIX counterparties."""

    enabled: Annotated[
        bool, Meta(description="Whether counterparties may log on; off, nothing listens.")
    ] = False
    host: Annotated[
        str,
        Meta(min_length=1, description="Address to listen on; beyond loopback TLS is required."),
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port; 0 = chosen by the kernel.")
    ] = 8702
    sender_comp_id: Annotated[
        CompId, Meta(description="Our CompID: the 56 of every counterparty.")
    ] = "GATEWAY"
    tls_certificate: Annotated[
        str, Meta(description="PEM certificate chain; relative to this file; empty = no TLS.")
    ] = ""
    tls_private_key: Annotated[
        str, Meta(description="PEM private key, mode 0600; relative to this file.")
    ] = ""
    tls_client_authority: Annotated[
        str,
        Meta(
            description="PEM authority of client certificates; relative to this file; set, every "
            "client must show one."
        ),
    ] = ""
    allowed: Annotated[
        list[str],
        Meta(description="Addresses and networks that may connect; empty = every one."),
    ] = []
    connections_max: Annotated[
        int, Meta(ge=1, le=100000, description="Connections at the same time, logged on or not.")
    ] = 12000
    awaited_per_address_max: Annotated[
        int,
        Meta(
            ge=1,
            le=100000,
            description="Connections of one address whose Logon has not come; more are closed.",
        ),
    ] = 1000
    failed_logons_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=10000,
            description="Of one address; then it waits. 0 = no bound.",
        ),
    ] = 10
    logon_seconds_max: Annotated[
        int, Meta(ge=1, le=300, description="Longest wait for a Logon, in seconds.")
    ] = 10
    message_seconds_max: Annotated[
        int,
        Meta(ge=1, le=300, description="From the first to the last byte of a message, in seconds."),
    ] = 10
    message_bytes_max: Annotated[
        int, Meta(ge=1024, le=65536, description="Largest message, in bytes.")
    ] = 65536
    send_buffer_bytes_max: Annotated[
        int,
        Meta(
            ge=65536,
            le=1073741824,
            description="Unsent bytes for a counterparty that does not read; then it is cut off.",
        ),
    ] = 4194304
    update_interval_ms: Annotated[
        int,
        Meta(ge=10, le=60000, description="Pause between updates of prices and states, in ms."),
    ] = 250
    update_unsent_bytes_max: Annotated[
        int,
        Meta(
            ge=4096,
            le=1073741824,
            description="A session with more unsent bytes gets no updates until it has read.",
        ),
    ] = 262144
    fills_kept_max: Annotated[
        int, Meta(ge=1, le=10000000, description="Newest fills that 35=AD is answered from.")
    ] = 20000
    venue_subscriptions_max: Annotated[
        int, Meta(ge=1, le=1000, description="Subscriptions of 35=g of one session.")
    ] = 8
    schedule: Annotated[
        FixSchedule,
        Meta(description="When sessions may be up, [fix.schedule]; empty = at any hour."),
    ] = FixSchedule()
    reset_at_start: Annotated[
        bool,
        Meta(
            description="Whether both numbers begin with 1 at each start of the session time; off, "
            "they go on."
        ),
    ] = True
    reset_on_logon: Annotated[
        bool,
        Meta(description="Both numbers 1 at each Logon; nothing is ever resent from before it."),
    ] = False
    reset_on_logout: Annotated[bool, Meta(description="Both numbers 1 behind each Logout.")] = False
    reset_on_disconnect: Annotated[
        bool, Meta(description="Both numbers 1 whenever the line ends.")
    ] = False
    reset_accepted: Annotated[
        bool,
        Meta(description="Whether 141=Y is taken; it wipes what could be resent."),
    ] = False
    resend_page: Annotated[
        int,
        Meta(
            ge=0,
            le=RESEND_PAGE_MAX,
            description="Messages that one ResendRequest of ours asks for; 0 = the whole gap.",
        ),
    ] = 0
    sessions: Annotated[
        dict[Name, CounterpartySettings],
        Meta(description="The counterparties, [fix.sessions.NAME]."),
    ] = {}


def policy_of(
    chosen: FixSettings | CounterpartySettings, default: SessionPolicy | None = None
) -> SessionPolicy:
    """What was chosen, and the default where nothing was."""
    default = default or SessionPolicy()
    values = {}
    for name in SessionPolicy.__struct_fields__:
        value = getattr(chosen, name)
        values[name] = getattr(default, name) if value is None else value
    return SessionPolicy(**values)
