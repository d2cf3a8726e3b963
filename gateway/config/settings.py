"""Every setting of gateway.toml: type, range, default and one sentence with its unit. Frozen data
only; rules between settings live in checks.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.config.fix import FixSettings
from gateway.config.limits import LimitRow, Limits
from gateway.config.places import Places

__all__ = [
    "AccountSettings",
    "ApiSettings",
    "BreakKind",
    "BreakPolicy",
    "CapacitySettings",
    "Document",
    "GatewaySettings",
    "JournalSettings",
    "LimitRow",
    "LogSettings",
    "Name",
    "ObserverSettings",
    "PrincipalSettings",
    "Settings",
    "ShmSettings",
    "StrategySettings",
    "VenueSettings",
]

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$")]
"""A name of 1 to 31 letters, digits, dots, dashes and underscores, as the journal stores it."""
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,12}$")]
Rate = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?$")]
Cpu = Annotated[int, Meta(ge=-1, le=4095)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Scope = Literal["read", "trade", "cancel", "admin", "override", "risk"]
LOOPBACK_ORIGIN = r"^https?://(localhost|127\.0\.0\.[0-9]{1,3}|\[::1\]):[0-9]{1,5}$"
PageOrigin = Annotated[str, Meta(pattern=LOOPBACK_ORIGIN)]
Names = Literal["all"] | list[Name]


BreakKind = Literal[
    "order_missing_here",
    "order_missing_there",
    "order_differs",
    "order_in_doubt",
    "fill_missing",
    "fill_not_booked",
    "fill_quarantined",
    "funding_not_booked",
    "interest_not_booked",
    "position_differs",
    "balance_differs",
    "instrument_changed",
    "instrument_missing",
    "mode_mismatch",
]
BreakPolicy = Literal["adopt", "quarantine", "halt"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table: unknown keys are refused, nothing changes after start."""


class GatewaySettings(Section, frozen=True, kw_only=True):
    """[gateway]: who this daemon is and how it is driven."""

    instance: Annotated[
        int,
        Meta(
            ge=1,
            le=4095,
            description="Number of this gateway; the first 12 bits of every order id. "
            "Two gateways that trade the same venue account must differ.",
        ),
    ] = 1
    name: Annotated[Name, Meta(description="Name in logs, metrics and the ring directory.")] = (
        "gateway"
    )
    directory: Annotated[
        str,
        Meta(
            min_length=1,
            description="Directory of journal and keys; relative to the working directory.",
        ),
    ] = "var/gateway"
    ring_directory: Annotated[
        str,
        Meta(
            description="Directory of the journal ring, on tmpfs. Empty = $RUNTIME_DIRECTORY, else "
            "/run/gateway/NAME when it is writable, else /dev/shm/gateway-UID-NAME."
        ),
    ] = ""
    drive: Annotated[
        Literal["inline", "pinned"],
        Meta(
            description="Who turns the engine: the event loop (inline: simulation, tests) or an "
            "own native thread (pinned: required for real venues and process isolation)."
        ),
    ] = "inline"
    engine_cpu: Annotated[
        Cpu, Meta(description="CPU of the engine thread with the pinned drive; -1 = any.")
    ] = -1
    engine_wait: Annotated[
        Literal["spin", "pause", "spin_yield", "yield", "park"],
        Meta(
            description="What the pinned engine does while nothing waits: spin, pause (spin and "
            "leave the core's resources to its sibling), spin_yield, yield, or park (short sleeps: "
            "least power, slower to answer)."
        ),
    ] = "park"
    pinning: Annotated[
        Literal["strict", "warn"],
        Meta(
            description="strict = anything doubtful about engine_cpu and commit_cpu stops the "
            "start; warn = it is logged, and only a CPU that cannot be used stops it."
        ),
    ] = "warn"
    lock_memory: Annotated[
        Literal["no", "try", "require"],
        Meta(
            description="Keep touched pages in memory (mlockall). try = with the pinned drive, "
            "where LimitMEMLOCK=infinity lets it hold; require = stop when it cannot be done."
        ),
    ] = "try"
    warm_up_orders: Annotated[
        int,
        Meta(
            ge=0,
            le=100000,
            description="Synthetic orders on a shadow engine before the doors open; they cannot "
            "reach a venue, the journal or the state. 0 = none.",
        ),
    ] = 2000
    shutdown_orders: Annotated[
        Literal["keep", "cancel"],
        Meta(description="What an orderly stop does with open orders at the venues."),
    ] = "keep"
    shutdown_seconds_max: Annotated[
        int,
        Meta(ge=1, le=600, description="Longest orderly stop, in seconds; then it stops anyway."),
    ] = 10
    day_ends_at: Annotated[
        str,
        Meta(
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
            description="HH:MM at which the trading day ends: results of the day count anew, text "
            "client ids of orders that ended in the days before it are free, DAY orders that the "
            "gateway keeps expire. A day that ended while the gateway was down ends at the start.",
        ),
    ] = "00:00"
    day_time_zone: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$",
            description="Time zone of day_ends_at, a name of the IANA database.",
        ),
    ] = "UTC"
    reporting_currency: Annotated[
        CurrencyCode, Meta(description="Currency of exposure and credit limits.")
    ] = "USD"
    limits_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="File of the limits; relative to this file. It seeds an empty journal; at "
            "a start the tighter of file and journal stands, and only `gateway limits apply` "
            "loosens.",
        ),
    ] = "limits.toml"


class JournalSettings(Section, frozen=True, kw_only=True):
    """[journal]: the one log."""

    level: Annotated[
        Literal["process", "memory"],
        Meta(
            description="process = ring and segments on disk; memory = ring alone, lost at the end "
            "(simulation only)."
        ),
    ] = "process"
    ring_mib: Annotated[
        int,
        Meta(
            ge=1,
            le=65536,
            description="Size of the ring in MiB; bounds how far the disk may fall behind.",
        ),
    ] = 64
    segment_mib: Annotated[
        int, Meta(ge=1, le=4096, description="Size of one segment file in MiB.")
    ] = 64
    commit_cpu: Annotated[Cpu, Meta(description="CPU of the journal_commit thread; -1 = any.")] = -1
    disk_async_window_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=60000,
            description="How far `disk_async` accounts may run ahead of the disk, in ms.",
        ),
    ] = 250


class CapacitySettings(Section, frozen=True, kw_only=True):
    """[capacity]: fixed sizes, reserved at start. Full means refused by name, never slower."""

    orders_max: Annotated[
        int,
        Meta(ge=1024, le=16777216, description="Orders in memory, open and recent terminal ones."),
    ] = 262144
    idempotency_max: Annotated[
        int,
        Meta(ge=1024, le=67108864, description="Text client order ids remembered in one period."),
    ] = 1048576
    positions_max: Annotated[
        int, Meta(ge=64, le=16777216, description="Position keys (account, instrument, leg, book).")
    ] = 65536


class ApiSettings(Section, frozen=True, kw_only=True):
    """[api]: the local API door."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address to listen on; beyond loopback TLS is required."),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port; 0 = chosen by the kernel.")] = 8700
    unix_socket: Annotated[
        str, Meta(max_length=100, description="Unix socket path; empty = api.sock beside the ring.")
    ] = ""
    keys_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="API keys (id, SHA-256 of the secret, principal, scopes); relative to "
            "gateway.directory; mode 0600.",
        ),
    ] = "keys.toml"
    tls_certificate: Annotated[
        str, Meta(description="PEM certificate chain; relative to this file; empty = no TLS.")
    ] = ""
    tls_private_key: Annotated[
        str, Meta(description="PEM private key, mode 0600; relative to this file.")
    ] = ""
    body_bytes_max: Annotated[
        int, Meta(ge=1024, le=65536, description="Largest request body, in bytes.")
    ] = 65536
    sessions_max: Annotated[
        int, Meta(ge=1, le=100000, description="WebSocket sessions at the same time.")
    ] = 1000
    session_queue_max: Annotated[
        int,
        Meta(
            ge=16,
            le=1048576,
            description="Events waiting for one slow session; then it is closed by name.",
        ),
    ] = 8192
    subscriptions_max: Annotated[
        int, Meta(ge=1, le=10000, description="Subscriptions of one session.")
    ] = 64
    requests_per_second: Annotated[
        int, Meta(ge=0, le=10000000, description="Requests of one key per second; 0 = no bound.")
    ] = 0
    request_burst: Annotated[
        int,
        Meta(
            ge=0,
            le=10000000,
            description="Requests of one key at once; 0 = one second's worth.",
        ),
    ] = 0
    request_seconds_max: Annotated[
        int, Meta(ge=1, le=300, description="Longest wait for one request's bytes, in seconds.")
    ] = 10
    page_origins: Annotated[
        Literal["observer"] | list[PageOrigin],
        Meta(
            description='Pages that may call the API with a key: "observer" = its own at '
            "observer.port; [] = none."
        ),
    ] = "observer"


class ShmSettings(Section, frozen=True, kw_only=True):
    """[shm]: the door for clients in shared memory."""

    enabled: Annotated[
        bool, Meta(description="Whether clients may attach; off, nothing listens.")
    ] = False
    socket: Annotated[
        str,
        Meta(max_length=100, description="Unix socket path; empty = port.sock beside the ring."),
    ] = ""
    ports_max: Annotated[
        int, Meta(ge=1, le=64, description="Clients attached at the same time.")
    ] = 32
    request_entries: Annotated[
        int,
        Meta(
            ge=16,
            le=65536,
            description="Entries of a client's request lane, 128 bytes each; rounded up to a power "
            "of two.",
        ),
    ] = 1024
    reply_entries: Annotated[
        int,
        Meta(
            ge=64,
            le=1048576,
            description="Entries of a client's reply lane, 128 bytes each; what finds it full is "
            "counted and lost.",
        ),
    ] = 4096


class ObserverSettings(Section, frozen=True, kw_only=True):
    """[observer]: the second program, which reads and never trades."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on; loopback only.")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="TCP port; 0 = chosen by the kernel.")] = 8701
    snapshot_every_segments: Annotated[
        int,
        Meta(ge=1, le=10000, description="Sealed segments between two snapshots."),
    ] = 1
    frame_ms: Annotated[
        int, Meta(ge=5, le=1000, description="Shortest time between two updates of a stream.")
    ] = 50
    mark_age_seconds_max: Annotated[
        int, Meta(ge=1, le=86400, description="Older marks value nothing in profit and exposure.")
    ] = 60
    rate_age_seconds_max: Annotated[
        int,
        Meta(
            ge=0,
            le=31536000,
            description="Older rates report nothing; the reporting currency's own never ages. "
            "0 = any age.",
        ),
    ] = 604800
    margin_file: Annotated[
        str, Meta(description="Margin schedules, as in conf/margin.toml; empty = none are shown.")
    ] = ""
    options_file: Annotated[
        str, Meta(description="What is an option, as in conf/options.toml; empty = names say it.")
    ] = ""
    instrument_map: Annotated[
        str,
        Meta(
            description="What is the same asset under another name, as in "
            "conf/instrument_map.toml; empty = assets are what the registry says."
        ),
    ] = ""
    conduct_window_seconds: Annotated[
        int,
        Meta(ge=60, le=86400, description="Window of the soft monitors below, per strategy."),
    ] = 600
    conduct_orders_min: Annotated[
        int,
        Meta(ge=1, le=1000000, description="Orders in the window below which nothing is judged."),
    ] = 100
    order_to_trade_max: Annotated[
        int,
        Meta(ge=0, le=1000000, description="Orders per trade, less one, that warn; 0 = never."),
    ] = 0
    cancel_percent_max: Annotated[
        int, Meta(ge=0, le=100, description="Cancelled of entered orders that warn; 0 = never.")
    ] = 0
    refusal_percent_max: Annotated[
        int, Meta(ge=0, le=100, description="Refused of asked orders that warn; 0 = never.")
    ] = 0
    reject_percent_max: Annotated[
        int, Meta(ge=0, le=100, description="Venue rejects of entered that warn; 0 = never.")
    ] = 0


class LogSettings(Section, frozen=True, kw_only=True):
    """[log]: what the daemon says about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe level kept.")
    ] = "info"
    file: Annotated[str, Meta(description="File to append JSON lines to; empty = stderr.")] = ""


class VenueSettings(Section, frozen=True, kw_only=True):
    """[venues.NAME]: one venue and the adapter that speaks to it."""

    adapter: Annotated[
        Name, Meta(description="Name of the adapter, as `gateway plugins` lists it.")
    ]
    isolation: Annotated[
        Literal["auto", "in_process", "process"],
        Meta(
            description="process = the adapter in its own process: its crash, hang or leak is its "
            "own. in_process = inside the daemon. auto = in_process for a simulated venue, process "
            "for a real one."
        ),
    ] = "auto"
    process_silence_ms_max: Annotated[
        int,
        Meta(
            ge=200,
            le=600000,
            description="An adapter process that says nothing for so long is ended and started "
            "again, in ms.",
        ),
    ] = 5000
    process_memory_mib_max: Annotated[
        int,
        Meta(
            ge=64,
            le=1048576,
            description="An adapter process that holds more memory is ended and started again, in "
            "MiB.",
        ),
    ] = 1024
    reconcile_timeout_seconds: Annotated[
        int,
        Meta(ge=1, le=3600, description="Longest reconciliation after a connect, in seconds."),
    ] = 30
    reconcile_interval_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86400,
            description="Between two comparisons with the venue while orders flow, in seconds; "
            "0 = only after a connect and on demand.",
        ),
    ] = 300
    breaks: Annotated[
        dict[BreakKind, BreakPolicy],
        Meta(
            description="What a difference of a kind does: adopt = named, and trading goes on; "
            "quarantine = its instrument or account is halted; halt = the venue is halted. Kinds "
            "and defaults: docs/concepts/breaks.md."
        ),
    ] = {}
    dead_man_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=3600000,
            description="The venue cancels our orders when it has not heard from us for so long, "
            "in ms; 0 = never. Within what the venue's manifest accepts.",
        ),
    ] = 0
    market_data: Annotated[
        list[Name],
        Meta(
            max_length=1024,
            description="Instruments whose books, trades and rates are shown beside the ring "
            "(docs/reference/market_file.md); empty = none. They use connections of their own.",
        ),
    ] = []
    settings: Annotated[
        dict[str, Any], Meta(description="Free table handed to the adapter, which checks it.")
    ] = {}
    secrets: Annotated[
        dict[Name, str],
        Meta(
            description="Credential name = path of a file of mode 0600, relative to this file, or "
            "$CREDENTIALS_DIRECTORY/NAME. Never the secret itself."
        ),
    ] = {}


class AccountSettings(Section, frozen=True, kw_only=True):
    """[accounts.NAME]: one account at one venue."""

    venue: Annotated[Name, Meta(description="Venue the account is at.")]
    durability: Annotated[
        Literal["process", "disk_async", "disk", "memory", "replica"],
        Meta(
            description="How far an order must be stored before the venue hears of it. memory = "
            "simulated venues alone; replica is reserved and refused."
        ),
    ] = "process"
    margin_mode: Annotated[
        Literal["cross", "isolated", "cash"], Meta(description="How the venue margins the account.")
    ] = "cross"


class StrategySettings(Section, frozen=True, kw_only=True):
    """[strategies.NAME]: one book of positions."""

    description: Annotated[str, Meta(max_length=200, description="One line for people.")] = ""


class PrincipalSettings(Section, frozen=True, kw_only=True):
    """[principals.NAME]: who may do what. API keys belong to a principal."""

    scopes: Annotated[list[Scope], Meta(min_length=1, description="What the principal may do.")]
    accounts: Annotated[Names, Meta(description='Accounts it may touch, or "all".')] = "all"
    strategies: Annotated[Names, Meta(description='Strategies it may touch, or "all".')] = "all"
    instruments: Annotated[Names, Meta(description='Instruments it may touch, or "all".')] = "all"


class HistorySettings(Section, frozen=True, kw_only=True):
    """[history]: Parquet files of sealed segments, made beside the observer."""

    archive: Annotated[
        bool,
        Meta(
            description="The observer archives sealed segments in a process of low priority; "
            "needs the extra history."
        ),
    ] = False
    directory: Annotated[
        str, Meta(description='Where the archive lies; "" = history in the journal\'s directory.')
    ] = ""
    check_seconds: Annotated[
        int, Meta(ge=1, le=86400, description="Between two looks for newly sealed segments.")
    ] = 60
    keep_days: Annotated[
        int,
        Meta(ge=0, le=36500, description="Days that stay, whole segments at a time; 0 = all."),
    ] = 0
    keep_mib_max: Annotated[
        int,
        Meta(ge=0, le=1073741824, description="Size above which the oldest go; 0 = no bound."),
    ] = 0
    free_mib_min: Annotated[
        int,
        Meta(
            ge=0, le=1073741824, description="Room on the disk below which the oldest go; 0 = any."
        ),
    ] = 0
    compact: Annotated[
        bool, Meta(description="Files of a day that is over become one per table, with archive.")
    ] = True
    marks_every_seconds: Annotated[
        int,
        Meta(ge=0, le=86400, description="Between two samples of marks, with archive; 0 = none."),
    ] = 60
    delete_journal_segments: Annotated[
        bool,
        Meta(description="A journal segment goes with its files, when recovery does not need it."),
    ] = False


class Document(Section, frozen=True, kw_only=True):
    """gateway.toml as a whole."""

    gateway: GatewaySettings = GatewaySettings()
    journal: JournalSettings = JournalSettings()
    capacity: CapacitySettings = CapacitySettings()
    api: ApiSettings = ApiSettings()
    shm: ShmSettings = ShmSettings()
    fix: FixSettings = FixSettings()
    observer: ObserverSettings = ObserverSettings()
    history: HistorySettings = HistorySettings()
    log: LogSettings = LogSettings()
    venues: dict[Name, VenueSettings] = {}
    accounts: dict[Name, AccountSettings] = {}
    strategies: dict[Name, StrategySettings] = {}
    principals: dict[Name, PrincipalSettings] = {}
    currencies: Annotated[
        dict[CurrencyCode, Rate],
        Meta(description="Currency = its rate in the reporting currency, decimal text."),
    ] = {}


class Settings(Document, frozen=True, kw_only=True):
    """Checked settings, with the limits, the resolved places and where each value came from."""

    limits: Limits
    places: Places
    file: str
    origins: dict[str, str] = {}  # dotted key path -> "file:line" or "environment NAME"
