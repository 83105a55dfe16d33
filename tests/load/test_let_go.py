"""What a connection took is given back when it ends, not when the collector comes by."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from autobahn.exception import PayloadExceededError

from tests.load.conftest import bomb, frame, hostile
from wsexample.echo import WSEServe
from wsexample.wire.autobahn import WebSocketServerFactory, deflate_server_options

LIMIT = 64 * 1024


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_refused_bomb_leaves_neither_window_nor_error(run: Any, in_pieces: bool) -> None:
    """A protocol lives on with its future `is_closed`; the 40 kB of its inflater and the error with its frames do not."""
    ended: list[Any] = []

    class Ends(WSEServe):
        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            ended.append(self)

    async def main() -> None:
        factory = WebSocketServerFactory()
        factory.protocol = Ends
        factory.setProtocolOptions(maxMessagePayloadSize=LIMIT, failByDrop=False, **deflate_server_options())
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        packed = frame(2, bomb(16 * LIMIT), rsv=4)
        async with server, hostile(server.sockets[0].getsockname()[1], deflate=True) as peer:
            await peer.push(packed[:100] if in_pieces else packed)
            if in_pieces:
                await asyncio.sleep(0.05)  # so that it comes in two reads
                await peer.push(packed[100:])
            assert await peer.end() == 1009
        while not ended:
            await asyncio.sleep(0.01)

    gc.collect()
    gc.disable()
    try:
        run(main())
        kept = [each for each in gc.get_objects() if isinstance(each, PayloadExceededError)]
        assert kept == []
        assert ended[0]._perMessageCompress._decompressor is None
    finally:
        gc.enable()
