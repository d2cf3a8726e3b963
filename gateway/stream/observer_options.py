"""What the observer needs to know, taken from the settings once, before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.analytics.aggregation import MapEntry, load_map
from gateway.config import Settings
from gateway.history.archive_runs import ArchiveTerms
from gateway.journal import JournalPlace
from gateway.stream.authority import Authority
from gateway.stream.conduct import ConductLimits
from gateway.stream.stream_session import StreamLimits

__all__ = ["ObserverOptions"]


@dataclass(frozen=True, slots=True)
class ObserverOptions:
    """Files, limits and terms of one observer."""

    place: JournalPlace
    host: str
    port: int
    keys_file: Path
    readers: frozenset[str] | None = None  # principals whose keys may read; None = all
    authorities: Mapping[str, Authority] | None = None  # what they may see; None = everything
    margin_file: Path | None = None  # schedules; None = no margin is shown
    options_file: Path | None = None  # what is an option; None = what names say
    instrument_map: Mapping[str, MapEntry] = field(default_factory=dict)  # of the same assets
    mark_age_ms_max: int = 60_000  # older marks value nothing: as long as a venue may be silent
    rate_age_ms_max: int = 0  # older rates report nothing; 0 = of any age
    reporting_currency: str = ""
    snapshot_every_seals: int = 1
    records_max: int = 4096
    history_max: int = 65536
    finished_orders_max: int = 1000
    stream: StreamLimits = field(default_factory=StreamLimits)
    conduct: ConductLimits = field(default_factory=ConductLimits)
    archive: ArchiveTerms = field(default_factory=ArchiveTerms)

    @classmethod
    def from_settings(cls, settings: Settings) -> ObserverOptions:
        """ValueError: what `observer.instrument_map` names is no such map."""
        places, observer = settings.places, settings.observer
        return cls(
            place=JournalPlace(places.directory, places.ring_directory),
            host=observer.host,
            port=observer.port,
            keys_file=places.keys_file,
            readers=frozenset(n for n, p in settings.principals.items() if "read" in p.scopes),
            authorities={
                name: Authority.of(p.accounts, p.strategies, p.instruments)
                for name, p in settings.principals.items()
            },
            margin_file=places.configuration_directory / observer.margin_file
            if observer.margin_file
            else None,
            options_file=places.configuration_directory / observer.options_file
            if observer.options_file
            else None,
            instrument_map=load_map(places.configuration_directory / observer.instrument_map)
            if observer.instrument_map
            else {},
            mark_age_ms_max=observer.mark_age_seconds_max * 1000,
            rate_age_ms_max=observer.rate_age_seconds_max * 1000,
            reporting_currency=settings.gateway.reporting_currency,
            stream=StreamLimits(frame_interval_seconds=observer.frame_ms / 1000),
            snapshot_every_seals=observer.snapshot_every_segments,
            conduct=ConductLimits(
                window_seconds=observer.conduct_window_seconds,
                orders_min=observer.conduct_orders_min,
                order_to_trade_max=observer.order_to_trade_max,
                cancel_max=observer.cancel_percent_max / 100,
                refusal_max=observer.refusal_percent_max / 100,
                reject_max=observer.reject_percent_max / 100,
            ),
            archive=ArchiveTerms.from_settings(settings.history),
        )
