"""What the sink is told: where the server is, and in which schema the tables lie. The password is a
secret of its own and stands in no message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

__all__ = ["Settings", "settings_of"]

SETTINGS = ("dsn", "schema")
SECRETS = ("password",)
SCHEMA_BYTES_MAX = 63  # PostgreSQL cuts longer names without a word
# A server that is gone without a word is noticed; what the dsn says wins.
PATIENCE = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5,
            "keepalives_count": 3, "tcp_user_timeout": 30_000,
            "application_name": "gateway-history"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked."""

    connection: dict[str, Any] = field(repr=False)
    schema: str


def settings_of(settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Settings:
    """ValueError with the key of the first setting that is wrong; no value of a dsn is quoted."""
    for given, known in ((settings, SETTINGS), (secrets, SECRETS)):
        for key in given:
            if key not in known:
                raise ValueError(f"{key}: unknown, known are {', '.join(known)}")
    dsn = settings.get("dsn", "")
    if not isinstance(dsn, str) or not dsn:
        raise ValueError("dsn: missing, for instance 'host=127.0.0.1 dbname=desk user=gateway'")
    try:
        connection = dict(conninfo_to_dict(dsn))
    except psycopg.ProgrammingError:
        raise ValueError("dsn: not what libpq takes, KEY=VALUE pairs or postgresql://") from None
    if "password" in connection:
        raise ValueError("dsn: holds a password; name its file as the secret `password` instead")
    connection = {**PATIENCE, **connection, **secrets, "client_encoding": "UTF8"}
    return Settings(connection, _schema(settings))


def _schema(settings: Mapping[str, Any]) -> str:
    schema = settings.get("schema", "gateway")
    if not isinstance(schema, str) or not 0 < len(schema.encode()) <= SCHEMA_BYTES_MAX:
        raise ValueError(f"schema: a name of 1 to {SCHEMA_BYTES_MAX} bytes")
    if "\0" in schema or schema.startswith("pg_"):
        raise ValueError("schema: PostgreSQL keeps names that begin with pg_ for itself")
    return schema
