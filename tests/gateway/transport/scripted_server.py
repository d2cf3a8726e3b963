"""An HTTP server of raw bytes on loopback: it keeps every byte it read and does to each connection
what the test says."""

import asyncio
from collections.abc import Awaitable, Callable

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: yes\r\n\r\nok"
Conduct = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.received = bytearray()
        self.requests: list[bytes] = []
        self.ended = asyncio.Event()

    async def request(self) -> bytes:
        """One whole request, head and body."""
        data = bytearray()
        while b"\r\n\r\n" not in data:
            part = await self.reader.read(65536)
            self.received += part
            if not part:
                raise ConnectionResetError
            data += part
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(body) < length:
            part = await self.reader.read(65536)
            self.received += part
            body += part
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Cut with RST."""
        self.writer.transport.abort()

    def finish(self) -> None:
        """FIN: the other direction stays open."""
        self.writer.write_eof()


async def answer_all(visit: Visit) -> None:
    while True:
        await visit.request()
        await visit.say(ANSWER)


class ScriptedServer:
    """`async with ScriptedServer(conduct) as server`; conducts are used up one per connection, the
    last one stays."""

    def __init__(self, *conducts: Conduct) -> None:
        self._conducts = list(conducts)
        self.visits: list[Visit] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        return [each for visit in self.visits for each in visit.requests]

    async def __aenter__(self) -> "ScriptedServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for visit in self.visits:
            visit.writer.transport.abort()
            visit.reader.feed_eof()
            await asyncio.wait_for(visit.ended.wait(), 300)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(reader, writer)
        conduct = self._conducts.pop(0) if len(self._conducts) > 1 else self._conducts[0]
        self.visits.append(visit)
        try:
            await conduct(visit)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            visit.ended.set()
