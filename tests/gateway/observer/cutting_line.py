"""A line between a stream's client and the observer that is cut at random bytes, and hands on what
it carries in random pieces, some of them late. Bounded in cuts; then it carries everything."""

import asyncio
import threading
from random import Random

PIECE_BYTES_MAX = 700
LATE_SECONDS = 0.003
CUT_BYTES = (500, 5_000, 50_000, 200_000)  # of which one bounds how much a line carries


class CuttingLine:
    """Listens on loopback while the block lasts. `cuts` counts lines that were cut."""

    def __init__(self, url, cuts_max, seed):
        self.cuts = 0
        self.url = ""
        self._to = int(url.rpartition(":")[2])
        self._cuts_max = cuts_max
        self._random = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._is_open = threading.Event()
        self._over, self._open_ends = None, set()

    def __enter__(self):
        self._thread.start()
        assert self._is_open.wait(60)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    @property
    def is_done(self):
        return self.cuts >= self._cuts_max

    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._is_open.set()
        await self._over.wait()
        server.close()
        for end in self._open_ends:
            end.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 60)

    async def _carry(self, reader, writer):
        """One line, both ways, until one end goes or its bytes are used up."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there_writer}
        self._open_ends |= ends
        left = None
        if not self.is_done:
            left = [self._random.randint(1, self._random.choice(CUT_BYTES))]
        ways = [
            asyncio.create_task(self._one_way(reader, there_writer, left)),
            asyncio.create_task(self._one_way(there_reader, writer, left)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.transport.abort()
            self._open_ends -= ends

    async def _one_way(self, reader, writer, left):
        while data := await reader.read(1 << 16):
            while data:
                size = self._random.randint(1, PIECE_BYTES_MAX) if left else len(data)
                piece, data = data[:size], data[size:]
                if left and len(piece) >= left[0]:
                    self.cuts += left[0] > 0
                    writer.write(piece[: left[0]])
                    left[0] = 0
                    # What was written before goes out, then the line is gone without a goodbye.
                    await asyncio.sleep(LATE_SECONDS)
                    return
                writer.write(piece)
                await writer.drain()
                if left:
                    left[0] -= len(piece)
                    await asyncio.sleep(LATE_SECONDS if self._random.random() < 0.05 else 0)
