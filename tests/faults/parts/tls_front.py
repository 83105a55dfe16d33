"""TLS in front of a simulator that has none: what a reverse proxy does, so that a storm can meet ciphertext."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def tls_front(port: int, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Yield a port on which TLS is spoken in place of this one; without a context the same port."""
    if tls is None:
        yield port
        return
    running: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
        except asyncio.CancelledError:
            pass  # the front is closed; its callers learn it below
        finally:
            for end in (writer, far_writer):
                end.transport.abort()
            running.discard(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls, ssl_handshake_timeout=2.0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
