"""Settings, read once at start, checked completely, frozen afterwards. Must never guess: a key it
does not know, a value out of range or a secret in clear is a fault, and all faults come at once."""

from gateway.config.explain import Explained, explain, json_schema, limits_json_schema
from gateway.config.faults import ConfigError, ConfigFault
from gateway.config.limits import Limits, load_limits
from gateway.config.load import is_isolated, load
from gateway.config.places import Places, find_ring_directory, is_on_tmpfs
from gateway.config.secrets import read_secrets
from gateway.config.settings import (
    AccountSettings,
    ApiSettings,
    CapacitySettings,
    GatewaySettings,
    JournalSettings,
    LimitRow,
    LogSettings,
    ObserverSettings,
    PrincipalSettings,
    Settings,
    StrategySettings,
    VenueSettings,
)

__all__ = [
    "AccountSettings",
    "ApiSettings",
    "CapacitySettings",
    "ConfigError",
    "ConfigFault",
    "Explained",
    "GatewaySettings",
    "JournalSettings",
    "LimitRow",
    "Limits",
    "LogSettings",
    "ObserverSettings",
    "Places",
    "PrincipalSettings",
    "Settings",
    "StrategySettings",
    "VenueSettings",
    "explain",
    "find_ring_directory",
    "is_isolated",
    "is_on_tmpfs",
    "json_schema",
    "limits_json_schema",
    "load",
    "load_limits",
    "read_secrets",
]
