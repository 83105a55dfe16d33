"""Sending on a connection: messages, fragments and single frames, and the wait while the write buffer is full.

Framing and masking are the link's; the close frame and what comes after it are in `wsexample.wire.closing`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, Iterable
from typing import Any

from wsexample.errors import OptionError, StateError
from wsexample.wire.closing import OPEN, Closing
from wsexample.wire.fragments import with_last
from wsexample.wire.inflow import Inflow
from wsexample.wire.options import ConnectOptions, ServeOptions

__all__ = ["Sending", "octets_of"]


def octets_of(message: bytes | bytearray | memoryview) -> bytes:
    """Return a binary message as bytes; ``bytes()`` alone would make as many zeros of a number, and something of any list.

    Raises:
        TypeError: it is nothing like bytes.
    """
    try:
        return bytes(memoryview(message))
    except TypeError:
        raise TypeError(f"a message is str, or like bytes, not {type(message).__name__}") from None


class Sending(Closing):
    """A connection to send on.

    Parameters:
        link: what the frames go through.
        options: what is compressed, and how large a message may be.
        inflow: what came and waits to be taken.
    """

    def __init__(self, link: Any, options: ConnectOptions | ServeOptions, inflow: Inflow) -> None:
        super().__init__(link, options, inflow)
        self._drain: asyncio.Future[None] | None = None
        self._fragmenting: asyncio.Future[None] | None = None
        self._postponed: list[str | bytes] = []
        self._postponed_bytes = 0
        deflate = options.compression
        self._compress_from = deflate.min_bytes if not isinstance(deflate, bool) else 0
        self._largest = -1 if self._compress_from else options.max_message_bytes or sys.maxsize
        self._plain_bytes = self._largest
        """Messages up to this length need no closer look: -1 while a message in fragments is being sent."""

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send one message: str as text, anything else as binary; waits while the write buffer is full.

        Raises:
            ConnectionClosed: the connection is over or being closed.
            TypeError: the message is neither.
        """
        if self._fragmenting is not None:
            await self._own_turn()
        self.send_nowait(message)
        if self._drain is not None:
            await self._drained()

    def send_nowait(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send one message without waiting for the write buffer; the caller bounds what it piles up.

        Raises:
            ConnectionClosed: the connection is over or being closed.
            StateError: another task is in the middle of `send_fragments`.
        """
        if isinstance(message, str):
            payload, is_binary = message.encode(), False
        else:
            payload, is_binary = (message if type(message) is bytes else octets_of(message)), True
        if self._link.state == OPEN and len(payload) <= self._plain_bytes:
            self._link.sendMessage(payload, is_binary)
        else:
            self._send_unusual(payload, is_binary)

    async def send_text(self, payload: bytes | bytearray | memoryview) -> None:
        """Send one text message that is UTF-8 already, such as JSON fresh from an encoder; else as `send`.

        Parameters:
            payload: the message.
        """
        if self._fragmenting is not None:
            await self._own_turn()
        payload = payload if type(payload) is bytes else octets_of(payload)
        if self._link.state == OPEN and len(payload) <= self._plain_bytes:
            self._link.sendMessage(payload, False)
        else:
            self._send_unusual(payload, False)
        if self._drain is not None:
            await self._drained()

    def _send_unusual(self, payload: bytes, is_binary: bool) -> None:
        """Send what needs a closer look, or say why it cannot be sent."""
        link = self._link
        if link.state != OPEN:
            raise self._closing_error()
        if self._fragmenting is not None:
            raise StateError("a message in fragments is being sent; await send() to wait for its end")
        if 0 < link.maxMessagePayloadSize < len(payload):
            self._send_large(payload, is_binary)
        elif len(payload) < self._compress_from:
            link.sendMessage(payload, is_binary, doNotCompress=True)
        else:
            link.sendMessage(payload, is_binary)

    def _send_large(self, payload: bytes, is_binary: bool) -> None:
        """Send what is larger than this side would accept; Autobahn holds its limit against both directions."""
        link = self._link
        if link._perMessageCompress is None or len(payload) < self._compress_from:
            link.sendFrame(opcode=2 if is_binary else 1, payload=payload)
        else:
            link.beginMessage(is_binary)
            link.sendMessageFrame(payload)
            link.endMessage()

    async def send_fragments(
        self, parts: Iterable[str | bytes] | AsyncIterable[str | bytes], *, is_binary: bool | None = None
    ) -> None:
        """Send one message in fragments, each as soon as it is there; other messages wait for its end.

        Parameters:
            parts: the fragments, also as an asynchronous iterable. If it fails the connection is closed with 1011,
                because a message begun must be ended.
            is_binary: kind of the message; None goes by the first part.

        Raises:
            ConnectionClosed: the connection is over or being closed.
        """
        await self._own_turn()
        if self._link.state != OPEN:
            raise self._closing_error()
        turn = self._fragmenting = self._loop.create_future()
        self._plain_bytes = -1
        self._link.hold_back(True)
        opcode: int | None = None
        is_begun = False
        try:
            async for part, is_last in with_last(parts):
                if opcode is None:
                    opcode = 2 if (not isinstance(part, str) if is_binary is None else is_binary) else 1
                payload = part.encode() if isinstance(part, str) else octets_of(part)
                self._send_one_frame(opcode, payload, fin=is_last)
                opcode, is_begun = 0, not is_last
                if self._drain is not None:
                    await self._drained()
        except BaseException:  # cancelled too: a message begun must be ended
            if is_begun:
                self.start_close(1011, "a message was not finished")
            raise
        finally:
            self._fragmenting = None
            self._plain_bytes = self._largest
            self._link.hold_back(False)
            turn.set_result(None)
            self._send_postponed()

    async def _own_turn(self) -> None:
        """Wait until no message in fragments is being sent; no longer than the connection lasts."""
        while self._fragmenting is not None and not self.over.done():
            await asyncio.wait({self._fragmenting, self.over}, return_when=asyncio.FIRST_COMPLETED)

    def _send_soon(self, message: str | bytes) -> None:
        """Send one message as `send_nowait` does, but behind a message in fragments that is being sent."""
        if self._fragmenting is None or self._link.state != OPEN:
            self.send_nowait(message)
        else:
            self._postponed.append(message)
            self._postponed_bytes += len(message)

    def _send_postponed(self) -> None:
        postponed, self._postponed, self._postponed_bytes = self._postponed, [], 0
        for message in postponed:
            if self._link.state == OPEN:
                self.send_nowait(message)

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Send one frame as it is, valid or not; for protocols of your own and for testing servers.

        Parameters:
            opcode: 0 to 15 (RFC 6455 section 5.2).
            payload: its data, sent uncompressed.
            fin: whether the message ends with it.
            rsv: the three reserved bits as a number.

        Raises:
            OptionError: the opcode or the bits do not fit.
            ConnectionClosed: the connection is over or being closed.
        """
        if not 0 <= opcode <= 15 or not 0 <= rsv <= 7:
            raise OptionError(
                f"a frame has an opcode of 0 to 15 and bits of 0 to 7, not {opcode} and {rsv}", option="opcode"
            )
        self._send_one_frame(opcode, octets_of(payload), fin=fin, rsv=rsv)
        if self._drain is not None:
            await self._drained()

    def _send_one_frame(self, opcode: int, payload: bytes, *, fin: bool, rsv: int = 0) -> None:
        if self._link.state != OPEN:
            raise self._closing_error()
        self._link.sendFrame(opcode=opcode, payload=payload, fin=fin, rsv=rsv)

    async def _drained(self) -> None:
        assert self._drain is not None
        await asyncio.shield(self._drain)
        if self._close_error is not None:
            raise self._closing_error()

    @property
    def write_buffer_bytes(self) -> int:
        """Bytes that wait to be written to the socket, or for the end of a message in fragments."""
        transport = self._link.transport
        waiting = transport.get_write_buffer_size() if transport is not None else 0
        return waiting + self._postponed_bytes

    @property
    def is_writing_paused(self) -> bool:
        """Whether the write buffer is above high water, so that `send` would wait."""
        return self._drain is not None

    # -- told by the link ------------------------------------------------------------------------------------

    def writing_paused(self) -> None:
        """The write buffer is above high water."""
        if self._drain is None:
            self._drain = self._loop.create_future()

    def writing_resumed(self) -> None:
        """The write buffer is below low water again."""
        drain, self._drain = self._drain, None
        if drain is not None and not drain.done():
            drain.set_result(None)
