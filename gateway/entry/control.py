"""The control door: the same application on a Unix socket for the command line of this user.

The kernel tells who is on the other side; the daemon's own user needs no key there.
"""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from aiohttp import web

__all__ = ["listen_private", "open_unix_socket"]


async def open_unix_socket(runner: web.AppRunner, path: Path) -> web.SockSite:
    """Serve on a socket of mode 0600. A dead daemon's leftover is replaced, a live one refused."""
    site = web.SockSite(runner, listen_private(path))
    await site.start()
    return site


def listen_private(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A listening socket of mode 0600; whoever is not this user cannot connect."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _remove_leftover(path, kind)
    listener = socket.socket(socket.AF_UNIX, kind)
    try:
        listener.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_leftover(path: Path, kind: socket.SocketKind) -> None:
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise RuntimeError(f"{path} exists and is no socket; remove it")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise RuntimeError(f"{path}: another daemon answers there")
