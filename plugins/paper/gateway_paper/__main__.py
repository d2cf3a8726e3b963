"""Command line of the venue process: `python -m gateway_paper --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec

from gateway_paper.venue.process import run_until_signal
from gateway_paper.venue.settings import VenueSettings, load_settings

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage or configuration."""
    parser = argparse.ArgumentParser(
        prog="gateway-paper",
        description="A simulated trading venue: REST and WebSocket on loopback.",
        epilog="example: gateway-paper --config conf/venues/paper.toml --port 0",
    )
    parser.add_argument("--config", type=Path, required=True, help="TOML file, see README.md")
    parser.add_argument("--port", type=int, help="0 = chosen by the kernel and printed")
    parser.add_argument("--record", type=Path, help="the venue's own record file")
    parser.add_argument("--market", choices=("generator", "recorded", "manual"))
    parser.add_argument("--seed", type=int)
    given = parser.parse_args(arguments)
    try:
        settings = _with_flags(load_settings(given.config), given)
        asyncio.run(run_until_signal(settings, Path.cwd()))
    except (ValueError, FileNotFoundError) as error:
        print(f"gateway-paper: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"gateway-paper: {error}", file=sys.stderr)
        return 1
    return 0


def _with_flags(settings: VenueSettings, given: argparse.Namespace) -> VenueSettings:
    """Flags win over the file."""
    flags = {name: getattr(given, name) for name in ("port", "record", "market", "seed")}
    flags["record"] = str(given.record) if given.record else None
    chosen = {name: value for name, value in flags.items() if value is not None}
    return msgspec.structs.replace(settings, **chosen)


if __name__ == "__main__":
    sys.exit(main())
