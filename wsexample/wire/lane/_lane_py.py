"""The lane: plain frames straight to ``onMessage`` and from ``sendMessage``, everything else to Autobahn, in order.

This file is the specification; ``_lane_c.pyx`` does the same with pointers and must not be told apart from it. What is
left to others: which connections may use the lane (``wire/autobahn.py`` decides and sets the ``lane_…`` fields), and
every frame that is not plain. A frame is plain when FIN is set, RSV is clear, it is text or binary, stands outside a
fragmented message, is masked as the role demands, has a length in minimal form and within limits, and a text is UTF-8.
A frame of permessage-deflate that is plain but for RSV1 is taken too where ``lane_inflates`` says so.

Rules:

* The lane runs only while the state is OPEN. Bytes that Autobahn has to see are given to it frame by frame.
* Between two frames either the lane holds bytes (``_held``) or Autobahn does (``data``), never both.
* Nothing is looked at twice: of a frame that is still arriving, `_seen` payload bytes are already checked.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

__all__ = ["LaneCore", "LaneCounters", "build_frame", "is_utf8", "send_to_all", "xor_mask"]

OPEN = 3
CLOSED = 0
CORK_BYTES = 64 * 1024


class _MaskPool:
    """Unpredictable masking keys (RFC 6455 section 10.3), drawn from the system in batches."""

    def __init__(self) -> None:
        self._keys = b""
        self._used = 0

    def forget(self) -> None:
        """Drop what is left; a forked child must not use its parent's keys."""
        self._keys = b""
        self._used = 0

    def next(self) -> bytes:
        """Return four bytes never returned before."""
        if self._used == len(self._keys):
            self._keys = os.urandom(4096)
            self._used = 0
        key = self._keys[self._used : self._used + 4]
        self._used += 4
        return key


_pool = _MaskPool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)


def xor_mask(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask a payload (RFC 6455 section 5.3)."""
    n = len(payload)
    if n == 0:
        return b""
    mask = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(n, "big")


def is_utf8(payload: bytes) -> bool:
    """Tell whether a payload is well-formed UTF-8 (RFC 3629)."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def checked_prefix(payload: bytes, start: int) -> int:
    """Return up to where a text that is still arriving is well formed, or -1 when it never can be.

    Parameters:
        payload: what came so far.
        start: where checking begins; everything before is well formed and ends at a code point.
    """
    try:
        payload[start:].decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return start + error.start
        return -1
    return len(payload)


def build_frame(opcode: int, payload: bytes, key: bytes | None) -> bytes:
    """Build an unfragmented frame (RFC 6455 section 5.2); masked when there is a key."""
    n = len(payload)
    bit = 0x80 if key is not None else 0
    if n < 126:
        head = bytes((0x80 | opcode, bit | n))
    elif n < 65536:
        head = bytes((0x80 | opcode, bit | 126)) + n.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, bit | 127)) + n.to_bytes(8, "big")
    if key is None:
        return head + payload
    return head + key + xor_mask(payload, key)


def send_to_all(
    links: Iterable[LaneCore], frame: bytes, payload_size: int, max_backlog: int
) -> tuple[int, list[Any], list[Any]]:
    """Send an unmasked frame to many connections; returns how many took it, who cannot, and who is too far behind."""
    sent = 0
    unable: list[Any] = []
    behind: list[Any] = []
    for link in links:
        how = link._send_frame(frame, payload_size, max_backlog)
        if how == 1:
            sent += 1
        else:
            (behind if how == 2 else unable).append(link)
    return sent, unable, behind


class LaneCounters:
    """Traffic counters under Autobahn's names."""

    incomingOctetsWireLevel: int
    incomingOctetsWebSocketLevel: int
    incomingOctetsAppLevel: int
    incomingWebSocketFrames: int
    incomingWebSocketMessages: int
    outgoingOctetsWireLevel: int
    outgoingOctetsWebSocketLevel: int
    outgoingOctetsAppLevel: int
    outgoingWebSocketFrames: int
    outgoingWebSocketMessages: int


class LaneCore:
    """Base of both protocol classes; stands before Autobahn's class in the resolution order."""

    is_buffered = False
    """Whether `get_buffer` and `buffer_updated` are offered to the transport."""

    # Autobahn's own fields that decide whether the lane may go on
    state = CLOSED
    current_frame: Any = None
    current_frame_masker: Any = None
    inside_message = False
    autoPingTimeoutCall: Any = None
    send_queue: Any = None
    data: bytes = b""
    # set by wire/autobahn.py
    lane_receives = False
    lane_sends = False
    lane_is_server = False
    lane_checks_utf8 = True
    lane_masks = False
    lane_inflates = False
    lane_deflates = False
    lane_max_payload = 0
    lane_max_send = 0
    lane_fragment = 0
    lane_restarts_ping = True
    lane_is_volatile = False
    lane_is_paused = False
    lane_is_dead = False
    lane_stats: Any = None

    if TYPE_CHECKING:  # Autobahn's class has these
        _dataReceived: Callable[[bytes], None]
        _cancelAutoPingTimeoutCall: Callable[[], None]
        onMessage: Callable[[bytes, bool], Any]

    def __init__(self) -> None:
        super().__init__()
        self._held = b""
        self._seen = 0
        self._counted = 0
        self._is_running = False
        self._later: deque[bytes] = deque()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._sent_in_turn = 0
        self._transport: Any = None

    # -- what wire/autobahn.py provides --------------------------------------------------------------------------

    def lane_refresh(self) -> None:
        """Set the ``lane_…`` fields anew from Autobahn's options."""

    def lane_consume(self) -> None:
        """Run Autobahn's own parser over ``data``."""

    def lane_returned(self, result: Any) -> None:
        """Take care of what ``onMessage`` returned, when that is not None."""

    def lane_failed(self, error: Exception) -> None:
        """Take care of an exception out of a callback, as Autobahn does."""

    def lane_inflate(self, payload: bytes, is_text: bool) -> bytes | None:
        """Inflate a compressed message; None when it is for Autobahn's parser to find what is wrong with it."""

    def lane_deflate(self, payload: bytes) -> bytes:
        """Compress a message for one frame."""
        return payload

    def lane_call_later(self) -> None:
        """Have `lane_turn_ended` called in the next turn of the loop."""

    # -- receiving -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the transport."""
        data = bytes(data)  # which an object of bytes is already
        if self._is_running:  # a callback made more arrive; it waits for its turn
            self._later.append(data)
            return
        self._is_running = True
        self._sent_in_turn = 0
        try:
            self._take(data)
            while self._later:
                self._take(self._later.popleft())
        except Exception as error:  # noqa: BLE001 - whatever a callback raises ends this connection only
            self._later.clear()
            self._held = b""
            self.lane_is_dead = True
            self.lane_failed(error)
        finally:
            self._is_running = False
            if self._out:
                self.lane_flush()

    def lane_resume(self) -> None:
        """Go on with what is held after a pause, or with what Autobahn left."""
        self.data_received(b"")

    @property
    def lane_held(self) -> int:
        """Bytes that the lane holds."""
        return len(self._held)

    def _take(self, data: bytes) -> None:
        if self.lane_is_dead:
            return
        if self.lane_is_volatile:
            self.lane_refresh()
        if self.state != OPEN or not self.lane_receives:
            self._surrender()
            if data:
                self._dataReceived(data)
            elif self.data:
                self.lane_consume()
            return
        self.lane_stats.incomingOctetsWireLevel += len(data)
        if self.lane_is_paused:
            self._held += data
            return
        if self.data and self.current_frame is None:  # the beginning of a header that Autobahn could not use yet
            data = self.data + data
            self.data = b""
        if self._held:
            data = self._held + data
            self._held = b""
        self._run(data)

    def _run(self, buffer: bytes) -> None:
        pos, end = 0, len(buffer)
        while pos < end:
            if self.lane_is_paused:
                break
            if self.state != OPEN or not self.lane_receives:
                self._uncount()
                self.data += buffer[pos:]
                self.lane_consume()
                return
            if self.current_frame is not None:  # Autobahn is inside a frame: the rest of it is its
                rest = self.current_frame.length - self.current_frame_masker.pointer()
                pos = self._hand_over(buffer, pos, pos + rest)
                continue
            if end - pos < 2:
                break
            step = self._plain_frame(buffer, pos, end)
            if step == 0:
                break
            pos = step
        self._held = buffer[pos:]

    def _plain_frame(self, buffer: bytes, pos: int, end: int) -> int:
        """Take one frame; returns where the next begins, or 0 when more bytes are needed first."""
        b0, b1 = buffer[pos], buffer[pos + 1]
        is_masked = b1 >= 0x80
        size = b1 & 0x7F
        at = pos + 2 + (2 if size == 126 else 8 if size == 127 else 0)
        start = at + (4 if is_masked else 0)
        is_deflated = b0 & 0xF0 == 0xC0 and self.lane_inflates
        is_plain = (
            (b0 & 0xF0 == 0x80 or is_deflated)
            and b0 & 0x0F in (1, 2)
            and is_masked == self.lane_is_server
            and not self.inside_message
        )
        if start > end:
            return 0 if is_plain else self._hand_over(buffer, pos, start)
        if size > 125:
            least = 126 if size == 126 else 65536
            size = int.from_bytes(buffer[pos + 2 : at], "big")
            is_plain = is_plain and least <= size < 1 << 63
        if self.lane_max_payload and size > self.lane_max_payload:
            is_plain = False
        if not is_plain:
            return self._hand_over(buffer, pos, start + size)
        key = buffer[at:start] if is_masked else None
        if start + size > end:
            if is_deflated:  # inflated piece by piece, so that a bomb is noticed early
                return self._hand_over(buffer, pos, start + size)
            return self._arriving(buffer, pos, start, end, key, is_text=b0 & 0x0F == 1)
        payload = buffer[start : start + size]
        if key is not None:
            payload = xor_mask(payload, key)
        if is_deflated:
            message = self.lane_inflate(payload, b0 & 0x0F == 1)
            if message is None:
                return self._hand_over(buffer, pos, start + size)
            self.lane_stats.incomingOctetsWebSocketLevel += size
            self.lane_stats.incomingOctetsAppLevel += len(message)
            self._deliver(message, b0 & 0x0F == 2)
            return start + size
        if b0 == 0x81 and self.lane_checks_utf8 and not is_utf8(payload):
            return self._hand_over(buffer, pos, start + size)
        stats = self.lane_stats
        stats.incomingOctetsWebSocketLevel += size - self._counted
        stats.incomingOctetsAppLevel += size - self._counted
        self._seen = self._counted = 0
        self._deliver(payload, b0 == 0x82)
        return start + size

    def _deliver(self, payload: bytes, is_binary: bool) -> None:
        stats = self.lane_stats
        stats.incomingWebSocketFrames += 1
        if self.autoPingTimeoutCall is not None and self.lane_restarts_ping:
            self._cancelAutoPingTimeoutCall()
        stats.incomingWebSocketMessages += 1
        result = self.onMessage(payload, is_binary)
        if result is not None:
            self.lane_returned(result)

    def _arriving(self, buffer: bytes, pos: int, start: int, end: int, key: bytes | None, *, is_text: bool) -> int:
        """Check what is there of a frame that is not complete; bad text goes to Autobahn at once."""
        have = end - start
        if is_text and self.lane_checks_utf8:
            payload = buffer[start:end]
            if key is not None:
                payload = xor_mask(payload, key)
            seen = checked_prefix(payload, self._seen)
            if seen < 0:
                return self._hand_over(buffer, pos, end)
            self._seen = seen
        stats = self.lane_stats
        stats.incomingOctetsWebSocketLevel += have - self._counted
        stats.incomingOctetsAppLevel += have - self._counted
        self._counted = have
        return 0

    def _uncount(self) -> None:
        """Take back what was counted of a frame that Autobahn will count itself."""
        if self._counted:
            self.lane_stats.incomingOctetsWebSocketLevel -= self._counted
            self.lane_stats.incomingOctetsAppLevel -= self._counted
        self._seen = self._counted = 0

    def _surrender(self) -> None:
        """Give Autobahn everything that the lane holds."""
        if self._held:
            self._uncount()
            self.data += self._held
            self._held = b""

    def _hand_over(self, buffer: bytes, pos: int, stop: int) -> int:
        """Let Autobahn parse ``buffer[pos:stop]``, which ends with a frame or with the buffer; returns where to go on."""
        self._uncount()
        is_complete = stop <= len(buffer)
        stop = min(stop, len(buffer))
        self.data += buffer[pos:stop]
        self.lane_consume()
        if is_complete and self.current_frame is not None and self.state != OPEN:
            self.data += buffer[stop:]  # it gave the frame up halfway, and would not look at what follows
            return len(buffer)
        return stop

    # -- sending -------------------------------------------------------------------------------------------------

    def lane_use_socket(self, fd: int, asks: bool) -> None:
        """Learn of a socket that may be written to directly; this lane always asks the transport."""

    def sendMessage(
        self,
        payload: bytes,
        isBinary: bool = False,
        fragmentSize: int | None = None,
        sync: bool = False,
        doNotCompress: bool = False,
    ) -> None:
        """Send a message as Autobahn's method of this name does."""
        n = len(payload) if type(payload) is bytes else -1
        if (
            n < 0
            or not self.lane_sends
            or self.state != OPEN
            or type(isBinary) is not bool
            or fragmentSize is not None
            or sync is not False
            or type(doNotCompress) is not bool
            or (self.lane_max_send and n > self.lane_max_send)
            or (self.lane_fragment and (n > self.lane_fragment or self.lane_deflates))
            or self.send_queue
        ):
            super().sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)  # type: ignore[misc] # Autobahn's
            return
        opcode = 2 if isBinary else 1
        stats = self.lane_stats
        stats.outgoingWebSocketMessages += 1
        stats.outgoingOctetsAppLevel += n
        if self.lane_deflates and not doNotCompress:
            opcode |= 0x40
            payload = self.lane_deflate(payload)
        stats.outgoingOctetsWebSocketLevel += len(payload)
        self.lane_write(build_frame(opcode, payload, _pool.next() if self.lane_masks else None))

    def _send_frame(self, frame: bytes, payload_size: int, max_backlog: int) -> int:
        # 1: sent; 0: cannot take a frame built for others; 2: too far behind
        if not self.lane_sends or self.state != OPEN or self.lane_masks or self.lane_deflates or self.send_queue:
            return 0
        if max_backlog and self.lane_backlog > max_backlog:
            return 2
        stats = self.lane_stats
        stats.outgoingWebSocketMessages += 1
        stats.outgoingOctetsAppLevel += payload_size
        stats.outgoingOctetsWebSocketLevel += payload_size
        stats.outgoingWebSocketFrames += 1
        stats.outgoingOctetsWireLevel += len(frame)
        if self._is_running or self._out:
            self._hold_back(frame)
        else:
            self._transport.write(frame)
        return 1

    @property
    def lane_backlog(self) -> int:
        """Bytes sent that no socket has taken yet."""
        return self._out_bytes + (self._transport.get_write_buffer_size() if self._transport is not None else 0)

    def lane_write(self, frame: bytes) -> None:
        """Write a frame now, or together with the others of this turn."""
        stats = self.lane_stats
        stats.outgoingWebSocketFrames += 1
        stats.outgoingOctetsWireLevel += len(frame)
        self._sent_in_turn += 1
        if not self._is_running:
            if self._sent_in_turn == 1:
                self._transport.write(frame)
                return
            if not self._out:
                self.lane_call_later()
        self._hold_back(frame)

    def _hold_back(self, frame: bytes) -> None:
        self._out.append(frame)
        self._out_bytes += len(frame)
        if self._out_bytes >= CORK_BYTES:
            self.lane_flush()

    def lane_flush(self) -> None:
        """Write what is held back."""
        out, self._out, self._out_bytes = self._out, [], 0
        if out and self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def lane_turn_ended(self) -> None:
        """A turn of the loop is over: write what it sent."""
        self._sent_in_turn = 0
        self.lane_flush()

    @property
    def transport(self) -> Any:
        """The transport, with everything written that was held back."""
        if self._out:
            self.lane_flush()
        return self._transport

    @transport.setter
    def transport(self, transport: Any) -> None:
        if self._out:
            self.lane_flush()
        self._transport = transport
