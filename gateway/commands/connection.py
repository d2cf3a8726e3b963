"""Finds the running gateway and speaks its local API. Must never print a key, follow a proxy or
resend an order."""

from __future__ import annotations

import http.client
import json
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from gateway.commands.output import FAILED, NOT_RUNNING, REFUSED, CommandFailure
from gateway.commands.settings import DEFAULT_FILE, load_settings
from gateway.config import Settings

__all__ = ["Connection", "RunningGateway", "connection_options"]

REQUEST_SECONDS_MAX = 15
ANSWER_BYTES_MAX = 64 << 20
EXPLAINED = ("level", "limit", "current", "would_be", "working")
START_HINT = "Start it with `gateway run FILE`, or name a running one with --url or --config."


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """The gateway that --url, --key-file and --config name, before anything was asked of it."""

    url: str | None
    key_file: Path | None
    config_file: Path | None

    def connect(self, *, seconds_max: float = REQUEST_SECONDS_MAX) -> Connection:
        """Its local API. Fails with 3 when it is not running."""
        return self.connector(seconds_max)()

    def connector(self, seconds_max: float = REQUEST_SECONDS_MAX) -> Callable[[], Connection]:
        """For many connections: the configuration is read once, address and key each time, as a
        gateway that was started again may listen elsewhere."""
        settings = None if self.url and self.key_file else load_settings(self.config_file)

        def connect() -> Connection:
            if settings is None:
                assert self.url and self.key_file
                return Connection(self.url, read_key(self.key_file), seconds_max)
            key = read_key(self.key_file or settings.places.cli_key_file)
            return Connection(self.url or find_url(settings), key, seconds_max)

        return connect


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --url, --key-file and --config; the command gets them as `gateway`."""

    @wraps(function)
    def command(
        *, url: str | None, key_file: Path | None, config_file: Path | None, **others: Any
    ) -> Any:
        return function(gateway=RunningGateway(url, key_file, config_file), **others)

    options = (
        click.option(
            "--url",
            envvar="GATEWAY_URL",
            help="Address of the local API, such as http://127.0.0.1:8700.",
        ),
        click.option(
            "--key-file",
            envvar="GATEWAY_KEY_FILE",
            type=click.Path(path_type=Path),
            help="File with KEYID.SECRET, mode 0600.",
        ),
        click.option(
            "--config",
            "config_file",
            envvar="GATEWAY_CONFIG",
            type=click.Path(path_type=Path),
            help=f"Configuration of the running gateway (default: {DEFAULT_FILE}).",
        ),
    )
    decorated: Callable[..., Any] = command
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def find_url(settings: Settings) -> str:
    """The address in run.json, after a look whether that process lives."""
    run_file = settings.places.run_file
    try:
        run = json.loads(run_file.read_text(encoding="utf-8"))
        process_id, url = int(run["pid"]), str(run["api"])
    except FileNotFoundError:
        rule = f"no gateway is running here ({run_file} does not exist)"
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, START_HINT) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        rule = f"{run_file} cannot be read: {error}"
        raise CommandFailure(FAILED, "BAD_RUN_FILE", rule, "Restart the gateway.") from None
    if not is_alive(process_id):
        rule = f"the gateway with process id {process_id} has ended"
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, START_HINT)
    return url


def is_alive(process_id: int) -> bool:
    """Whether a process exists; one of another user exists too."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def read_key(path: Path) -> str:
    """KEYID.SECRET from a private file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        rule, hint = f"the key file {path} does not exist", "The gateway makes it at first start."
        raise CommandFailure(REFUSED, "KEY_MISSING", rule, hint) from None
    except (OSError, UnicodeDecodeError) as error:
        rule, hint = f"the key file {path} cannot be read: {error}", "Use --key-file."
        raise CommandFailure(REFUSED, "KEY_UNREADABLE", rule, hint) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        rule = f"the key file {path} may be read by others (mode {mode:04o})"
        raise CommandFailure(REFUSED, "SECRET_MODE", rule, f"chmod 600 {path}")
    if "." not in key or not key.isprintable() or " " in key:
        raise CommandFailure(REFUSED, "KEY_BAD", f"{path} does not hold KEYID.SECRET")
    return key


class Connection:
    """The local API of one gateway. Each call is one request and is never repeated."""

    def __init__(self, url: str, key: str, seconds_max: float = REQUEST_SECONDS_MAX) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            rule = f"{url!r} is not an http or https address"
            raise CommandFailure(2, "BAD_URL", rule, "For instance --url http://127.0.0.1:8700")
        self.url = url.rstrip("/")
        self.key = key
        self._seconds_max = seconds_max
        # No proxy: orders go to the daemon and nowhere else.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Read something."""
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """One request; the decoded answer, or a CommandFailure that says what happened."""
        chosen = {name: value for name, value in (query or {}).items() if value is not None}
        address = self.url + path + (f"?{urllib.parse.urlencode(chosen)}" if chosen else "")
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=self._seconds_max) as answer:
                return json.loads(answer.read(ANSWER_BYTES_MAX) or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                raise refusal(error.code, error.read(ANSWER_BYTES_MAX)) from None
        except (TimeoutError, ConnectionResetError, http.client.HTTPException) as error:
            raise self._lost(method, error) from None  # also half an answer of one that was killed
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError | ConnectionResetError):
                raise self._lost(method, error.reason) from None
            rule = f"nothing answers at {self.url}: {error.reason}"
            raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, START_HINT) from None
        except ValueError:
            rule = f"{self.url} does not answer like a gateway"
            raise CommandFailure(FAILED, "BAD_ANSWER", rule, "Check --url.") from None

    def _lost(self, method: str, error: Exception) -> CommandFailure:
        """No answer is not a verdict: what was asked may have happened."""
        hint = "Ask again with `gateway status`."
        if method != "GET":
            hint = "It may have taken effect. Look with `gateway orders` before you repeat it."
        return CommandFailure(FAILED, "UNKNOWN_OUTCOME", f"no answer: {error}", hint)


def refusal(status: int, body: bytes) -> CommandFailure:
    """An error answer of the API as a failure of the command."""
    try:
        error = json.loads(body)["error"]
        code, rule = str(error["code"]), str(error.get("rule") or "")
    except (ValueError, KeyError, TypeError):
        return CommandFailure(FAILED, "BAD_ANSWER", f"HTTP status {status} without an error object")
    if not code.isupper():
        rule = f"HTTP status {status}, {code[:64]}: no answer of a gateway; is --url its address?"
        return CommandFailure(FAILED, "BAD_ANSWER", rule)
    hint = str(error.get("hint") or f"See `gateway explain {code}`.")
    value = error.get("value")
    shown = rule if value in (None, "") else f"{rule} (given {value})"
    numbers = [f"{name} {error[name]}" for name in EXPLAINED if error.get(name)]
    if numbers:
        shown += f" [{', '.join(numbers)}]"
    failure = CommandFailure(REFUSED, code, shown, hint)
    failure.error = {"field": "", "value": ""} | error | {"hint": hint}
    return failure
