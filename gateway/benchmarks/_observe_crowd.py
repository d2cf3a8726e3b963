"""Many stream clients in a process of their own: each subscribes and reads everything. Run by the
observe bench; prints what each got."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

__all__ = ["main"]

HANDSHAKE = (
    "GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


class Client(asyncio.Protocol):
    """Counts messages by their headers alone; a server's frames carry no mask."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.pending = bytearray()
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self.pending += data
        if not self.is_open:
            end = self.pending.find(b"\r\n\r\n")
            if end < 0:
                return
            self.is_open = True
            del self.pending[: end + 4]
        while (size := self._whole()) is not None:
            del self.pending[:size]
            self.messages += 1

    def _whole(self) -> int | None:
        """Bytes of the first frame, None while it is not there as a whole."""
        pending = self.pending
        if len(pending) < 2:
            return None
        short = pending[1] & 0x7F
        head = {126: 4, 127: 10}.get(short, 2)
        if len(pending) < head:
            return None
        size = head + (short if head == 2 else int.from_bytes(pending[2:head], "big"))
        return size if len(pending) >= size else None


async def run(port: int, clients_count: int, encoding: str, *, compresses: bool) -> None:
    loop = asyncio.get_running_loop()
    clients = []
    request = {"op": "subscribe", "channel": "orders", "encoding": encoding}
    body = json.dumps(request).encode()
    frame = bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body
    head = HANDSHAKE + (DEFLATE if compresses else "") + "\r\n"
    for _ in range(clients_count):
        transport, client = await loop.create_connection(Client, "127.0.0.1", port)
        transport.write(head.encode())
        clients.append(client)
        while not client.is_open:  # noqa: ASYNC110 - the protocol's callback sets it
            await asyncio.sleep(0.001)
        transport.write(frame)
    while min(client.messages for client in clients) < 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    await asyncio.sleep(0.3)
    messages = [client.messages for client in clients]
    print(
        json.dumps({
            "messages_min": min(messages),
            "messages_max": max(messages),
            "bytes": sum(client.bytes for client in clients),
        }),
        flush=True,
    )  # fmt: skip


def main(port: str, clients: str, encoding: str, compresses: str) -> None:
    """`compresses`: "1" = permessage-deflate is asked for."""
    uvloop.run(run(int(port), int(clients), encoding, compresses=compresses == "1"))


if __name__ == "__main__":
    main(*sys.argv[1:])
