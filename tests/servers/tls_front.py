"""A port that speaks TLS in front of a server that does not: what a TLS proxy beside it is."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from urllib.parse import quote

from tests.servers.standalone import Certificate

_CLOSE_BOUND_S = 10


class TlsFront:
    """Forwards what comes over TLS at `url` to the plain port `target`, until closed."""

    def __init__(self, target: int, certificate: Certificate) -> None:
        self._target, self._certificate = target, certificate
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(self._listen())
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={quote(str(certificate.file))}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSE_BOUND_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_BOUND_S)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate.file, self._certificate.key)
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)

    async def _end(self) -> None:
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        inner, outer = await asyncio.open_connection("127.0.0.1", self._target)
        with suppress(OSError):
            await asyncio.gather(_pump(reader, outer), _pump(inner, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction; its end ends the other."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
