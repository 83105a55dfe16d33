# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, freethreading_compatible=False
"""The compiled lane. ``_lane_py.py`` says what it does and why; this file does the same with pointers."""

import os
import threading

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_CONTIG_RO, PyBUF_WRITE, PyBuffer_Release, PyObject_GetBuffer
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

cdef extern from "_frames.h" nogil:
    int lane_xor(unsigned char *out, const unsigned char *src, size_t n, const unsigned char *key, unsigned phase)
    size_t lane_utf8(const unsigned char *s, size_t start, size_t n, int *bad)
    ptrdiff_t lane_send(int fd, const void *a, size_t an, const void *b, size_t bn)
    int LANE_DIRECT

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t newsize) except -1
    PyObject *PyBytes_FromStringAndSize_ "PyBytes_FromStringAndSize"(const char *v, Py_ssize_t n) except NULL

__all__ = ["LaneCore", "LaneCounters", "build_frame", "is_utf8", "send_to_all", "xor_mask"]

DEF OPEN = 3
DEF CLOSED = 0
DEF CORK_BYTES = 65536
DEF SCRATCH_BYTES = 262144
DEF FRONT_BYTES = 2048        # a rest up to this size is put before the next read rather than read onto
DEF INTO_BYTES = 65536        # a message lacking this much is read into directly
DEF FIRST_MESSAGE_BYTES = 262144
DEF POOL_BYTES = 4096

cdef bytes _pool = b""
cdef Py_ssize_t _pool_used = 0
_threads = threading.local()


def _forget_pool():
    global _pool, _pool_used
    _pool = b""
    _pool_used = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)

cdef object _urandom = os.urandom
cdef const unsigned char *_no_key = b"\0\0\0\0"


cdef int _next_key(unsigned char *key) except -1:
    global _pool, _pool_used
    if _pool_used >= PyBytes_GET_SIZE(_pool):
        _pool = _urandom(POOL_BYTES)
        _pool_used = 0
    memcpy(key, PyBytes_AS_STRING(_pool) + _pool_used, 4)
    _pool_used += 4
    return 0


cdef inline int _head(unsigned char *head, int opcode, Py_ssize_t n, bint is_masked) noexcept nogil:
    cdef int bit = 0x80 if is_masked else 0
    cdef int i
    head[0] = <unsigned char>(0x80 | opcode)
    if n < 126:
        head[1] = <unsigned char>(bit | n)
        return 2
    if n < 65536:
        head[1] = <unsigned char>(bit | 126)
        head[2] = <unsigned char>(n >> 8)
        head[3] = <unsigned char>(n & 0xFF)
        return 4
    head[1] = <unsigned char>(bit | 127)
    for i in range(8):
        head[2 + i] = <unsigned char>((<uint64_t>n >> (56 - 8 * i)) & 0xFF)
    return 10


def xor_mask(bytes payload not None, bytes key not None):
    """Mask or unmask a payload (RFC 6455 section 5.3)."""
    cdef Py_ssize_t n = PyBytes_GET_SIZE(payload)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n)
    if len(key) != 4:
        raise ValueError("a masking key has four bytes")
    lane_xor(<unsigned char *>PyBytes_AS_STRING(out), <const unsigned char *>PyBytes_AS_STRING(payload), n,
             <const unsigned char *>PyBytes_AS_STRING(key), 0)
    return out


def is_utf8(bytes payload not None):
    """Tell whether a payload is well-formed UTF-8 (RFC 3629)."""
    cdef int bad
    cdef Py_ssize_t n = PyBytes_GET_SIZE(payload)
    return <Py_ssize_t>lane_utf8(<const unsigned char *>PyBytes_AS_STRING(payload), 0, n, &bad) == n


def checked_prefix(bytes payload not None, Py_ssize_t start):
    """Return up to where a text that is still arriving is well formed, or -1 when it never can be."""
    cdef int bad
    cdef Py_ssize_t good = <Py_ssize_t>lane_utf8(
        <const unsigned char *>PyBytes_AS_STRING(payload), start, PyBytes_GET_SIZE(payload), &bad)
    return -1 if bad else good


def build_frame(int opcode, bytes payload not None, key):
    """Build an unfragmented frame (RFC 6455 section 5.2); masked when there is a key."""
    cdef unsigned char head[14]
    cdef Py_ssize_t n = PyBytes_GET_SIZE(payload)
    cdef int size = _head(head, opcode, n, key is not None)
    cdef bytes out
    cdef unsigned char *o
    if key is not None:
        memcpy(head + size, PyBytes_AS_STRING(<bytes?>key), 4)
        size += 4
    out = PyBytes_FromStringAndSize(NULL, size + n)
    o = <unsigned char *>PyBytes_AS_STRING(out)
    memcpy(o, head, size)
    if key is None:
        memcpy(o + size, PyBytes_AS_STRING(payload), n)
    else:
        lane_xor(o + size, <const unsigned char *>PyBytes_AS_STRING(payload), n, head + size - 4, 0)
    return out


cdef class LaneCounters:
    """Traffic counters under Autobahn's names."""


cdef class Scratch:
    def __cinit__(self):
        self.store = bytearray(SCRATCH_BYTES)
        self.view = memoryview(self.store)
        self.bytes = <unsigned char *>PyByteArray_AS_STRING(self.store)
        self.is_busy = False


cdef Scratch _scratch_of_thread():
    try:
        return <Scratch>_threads.scratch
    except AttributeError:
        _threads.scratch = Scratch()
        return <Scratch>_threads.scratch


cdef class LaneCore:
    """Base of both protocol classes; stands before Autobahn's class in the resolution order."""

    is_buffered = True

    def __cinit__(self, *args, **kwargs):
        self.state = CLOSED
        self.data = b""
        self.lane_checks_utf8 = True
        self.lane_restarts_ping = True
        self.later = []
        self.fd = -1
        self.may_be_buffered = True

    def __init__(self, *args, **kwargs):
        super(LaneCore, self).__init__(*args, **kwargs)

    def __dealloc__(self):
        free(self.held)
        free(self.out)

    # -- what wire/autobahn.py provides --------------------------------------------------------------------------

    def lane_refresh(self):
        """Set the ``lane_…`` fields anew from Autobahn's options."""

    def lane_consume(self):
        """Run Autobahn's own parser over ``data``."""

    def lane_returned(self, result):
        """Take care of what ``onMessage`` returned, when that is not None."""

    def lane_failed(self, error):
        """Take care of an exception out of a callback, as Autobahn does."""

    def lane_inflate(self, payload, is_text):
        """Inflate a compressed message; None when it is for Autobahn's parser to find what is wrong with it."""

    def lane_deflate(self, payload):
        """Compress a message for one frame."""
        return payload

    def lane_call_later(self):
        """Have `lane_turn_ended` called in the next turn of the loop."""

    @property
    def lane_stats(self):
        return self.stats

    @lane_stats.setter
    def lane_stats(self, LaneCounters stats):
        self.stats = stats

    @property
    def lane_held(self):
        """Bytes that the lane holds."""
        return self.held_size

    # -- receiving -----------------------------------------------------------------------------------------------

    def get_buffer(self, sizehint):
        """Lend the transport a place to read into, until `buffer_updated`."""
        cdef Scratch scratch = self.scratch
        cdef Py_ssize_t lacking, room
        cdef PyObject *grown
        self.front = 0
        self.is_into_message = False
        if self.message is not None and not self.lane_is_paused:
            lacking = self.message_size - self.message_have
            if lacking >= INTO_BYTES:
                room = PyBytes_GET_SIZE(self.message)
                if self.message_have == room:
                    self._message_room(min(self.message_size, room * 2))
                    room = PyBytes_GET_SIZE(self.message)
                self.is_into_message = True
                return PyMemoryView_FromMemory(PyBytes_AS_STRING(self.message) + self.message_have,
                                               room - self.message_have, PyBUF_WRITE)
        if scratch is None:
            scratch = self.scratch = _scratch_of_thread()
        if scratch.is_busy:  # a callback runs the loop again, and its caller still reads from the shared one
            scratch = self.scratch = Scratch()
        if 0 < self.held_size <= FRONT_BYTES and not self.lane_is_paused and not self.is_running:
            self.front = self.held_size
            memcpy(scratch.bytes, self.held, self.held_size)
            return scratch.view[self.front:]
        return scratch.view

    cdef _message_room(self, Py_ssize_t room):
        # The bytes object is ours alone until it is delivered, so that it may still grow.
        cdef PyObject *grown = <PyObject *>self.message
        Py_INCREF(self.message)
        self.message = None
        _PyBytes_Resize(&grown, room)
        self.message = <bytes>grown
        _drop(grown)

    def buffer_updated(self, Py_ssize_t nbytes):
        """Take what the transport has read into the place that `get_buffer` lent."""
        cdef Scratch scratch = self.scratch
        cdef Py_ssize_t n = nbytes
        if self.is_into_message:
            self.is_into_message = False
            if self.is_running:
                self.later.append(PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.message) + self.message_have, n))
                return
            self._guarded(NULL, n)
            return
        if self.is_running:
            self.later.append(PyBytes_FromStringAndSize(<char *>scratch.bytes, n))
            return
        scratch.is_busy = True
        try:
            self._guarded(scratch.bytes, n)
        finally:
            scratch.is_busy = False

    def data_received(self, data):
        """Take bytes from the transport."""
        cdef Py_buffer buffer
        if self.is_running:  # a callback made more arrive; it waits for its turn
            self.later.append(bytes(data))
            return
        PyObject_GetBuffer(data, &buffer, PyBUF_CONTIG_RO)
        try:
            self.front = 0
            self._guarded(<unsigned char *>buffer.buf, buffer.len)
        finally:
            PyBuffer_Release(&buffer)

    cdef _guarded(self, unsigned char *p, Py_ssize_t n):
        """Take bytes; whatever a callback raises ends this connection only."""
        cdef bytes more
        self.is_running = True
        self.sent_in_turn = 0
        try:
            if p == NULL:
                self._message_updated(n)
            else:
                self._take(p, n)
            while self.later:
                more = self.later.pop(0)
                self.front = 0
                self._take(<const unsigned char *>PyBytes_AS_STRING(more), PyBytes_GET_SIZE(more))
        except Exception as error:
            self.later.clear()
            self.held_size = 0
            self.message = None
            self.lane_is_dead = True
            self.lane_failed(error)
        finally:
            self.is_running = False
            if self.out_size:
                self._flush()

    def lane_resume(self):
        """Go on with what is held after a pause, or with what Autobahn left."""
        self.data_received(b"")

    cdef _message_updated(self, Py_ssize_t n):
        # The transport read straight into the message.
        cdef bytes came
        if self.lane_is_dead or self.message is None:
            return
        if self.lane_is_volatile:
            self.lane_refresh()
        if self.state != OPEN or not self.lane_receives:
            came = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.message) + self.message_have, n)
            self._surrender()
            self._dataReceived(came)
            return
        self.stats.incomingOctetsWireLevel += n
        self._message_grew(n)

    cdef int _take(self, const unsigned char *p, Py_ssize_t n) except -1:
        cdef Py_ssize_t size
        cdef unsigned char *whole
        cdef bytes joined
        cdef Py_ssize_t front = self.front
        if self.lane_is_dead:
            return 0
        if self.lane_is_volatile:
            self.lane_refresh()
        if self.state != OPEN or not self.lane_receives:
            self._surrender()
            if n:
                self._dataReceived(PyBytes_FromStringAndSize(<const char *>p + front, n))
            elif self.data:
                self.lane_consume()
            return 0
        self.stats.incomingOctetsWireLevel += n
        if self.lane_is_paused:
            return self._hold(p + front, n)
        if self.data and self.current_frame is None:  # the beginning of a header that Autobahn could not use yet
            joined = <bytes>self.data + PyBytes_FromStringAndSize(<const char *>p + front, n)
            self.data = b""
            return self._run(<const unsigned char *>PyBytes_AS_STRING(joined), PyBytes_GET_SIZE(joined))
        if self.held_size:
            if front:  # it stands before the bytes already
                self.held_size = 0
                return self._go_on(p, front + n)
            self._hold(p, n)
            whole = self.held
            size = self.held_size
            self.held = NULL
            self.held_size = self.held_room = 0
            try:
                return self._go_on(whole, size)
            finally:
                free(whole)
        return self._go_on(p, n)

    cdef int _go_on(self, const unsigned char *p, Py_ssize_t n) except -1:
        return self._run(p, n) if self.message is None else self._take_rest(p, n)

    cdef int _take_rest(self, const unsigned char *p, Py_ssize_t n) except -1:
        # The rest of a long message is here, or a part of it, and perhaps other frames behind.
        cdef Py_ssize_t part = min(n, self.message_size - self.message_have)
        cdef Py_ssize_t room = PyBytes_GET_SIZE(self.message)
        if self.message_have + part > room:
            self._message_room(min(self.message_size, max(room * 2, self.message_have + part)))
        memcpy(PyBytes_AS_STRING(self.message) + self.message_have, p, part)
        if self._message_grew(part) == 0:
            if n > part:
                self.data = <bytes>self.data + PyBytes_FromStringAndSize(<const char *>p + part, n - part)
                self.lane_consume()
            return 0
        if n > part:
            return self._run(p + part, n - part)
        return 0

    cdef int _run(self, const unsigned char *p, Py_ssize_t end) except -1:
        cdef Py_ssize_t pos = 0, step, rest
        while pos < end:
            if self.lane_is_paused:
                break
            if self.state != OPEN or not self.lane_receives:
                self._uncount()
                self.data = <bytes>self.data + PyBytes_FromStringAndSize(<const char *>p + pos, end - pos)
                self.lane_consume()
                return 0
            if self.current_frame is not None:  # Autobahn is inside a frame: the rest of it is its
                rest = min(<object>(self.current_frame.length - self.current_frame_masker.pointer()), <object>(end - pos))
                pos = self._hand_over(p, pos, pos + rest, end)
                continue
            if end - pos < 2:
                break
            step = self._plain_frame(p, pos, end)
            if step == 0:
                break
            pos = step
        if pos < end:
            self._hold(p + pos, end - pos)
        return 0

    cdef Py_ssize_t _plain_frame(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t end) except -1:
        cdef unsigned char b0 = p[pos], b1 = p[pos + 1]
        cdef bint is_masked = b1 >= 0x80
        cdef bint is_deflated = (b0 & 0xF0) == 0xC0 and self.lane_inflates
        cdef bint is_plain
        cdef Py_ssize_t size = b1 & 0x7F
        cdef Py_ssize_t at, start, stop, good
        cdef uint64_t wide
        cdef int i, bad
        cdef int is_beyond_ascii
        cdef bytes payload
        cdef object message
        at = pos + 2
        if size > 125:
            at += 2 if size == 126 else 8
        start = at + 4 if is_masked else at
        is_plain = (
            ((b0 & 0xF0) == 0x80 or is_deflated)
            and ((b0 & 0x0F) == 1 or (b0 & 0x0F) == 2)
            and is_masked == self.lane_is_server
            and not self.inside_message
        )
        if start > end:
            return 0 if is_plain else self._hand_over(p, pos, end + 1, end)
        if size == 126:
            size = (<Py_ssize_t>p[pos + 2] << 8) | p[pos + 3]
            is_plain = is_plain and size >= 126
        elif size == 127:
            wide = 0
            for i in range(8):
                wide = (wide << 8) | p[pos + 2 + i]
            is_plain = is_plain and 65536 <= wide < (<uint64_t>1 << 62)
            # a length past all memory never completes; any that leaves room for sums does
            size = <Py_ssize_t>wide if wide < (<uint64_t>1 << 62) else (<Py_ssize_t>1 << 62)
        if self.lane_max_payload and size > self.lane_max_payload:
            is_plain = False
        stop = start + size
        if not is_plain:
            return self._hand_over(p, pos, stop, end)
        if stop > end:
            if is_deflated:  # inflated piece by piece, so that a bomb is noticed early
                return self._hand_over(p, pos, stop, end)
            return self._arriving(p, pos, start, end, size)
        payload = PyBytes_FromStringAndSize(NULL, size)
        is_beyond_ascii = lane_xor(<unsigned char *>PyBytes_AS_STRING(payload), p + start, size,
                                   p + at if is_masked else _no_key, 0)
        if is_deflated:
            message = self.lane_inflate(payload, (b0 & 0x0F) == 1)
            if message is None:
                return self._hand_over(p, pos, stop, end)
            self.stats.incomingOctetsWebSocketLevel += size
            self.stats.incomingOctetsAppLevel += PyBytes_GET_SIZE(message)
            self._deliver(message, (b0 & 0x0F) == 2)
            return stop
        if is_beyond_ascii and b0 == 0x81 and self.lane_checks_utf8:
            good = <Py_ssize_t>lane_utf8(<const unsigned char *>PyBytes_AS_STRING(payload), self.seen, size, &bad)
            if good != size:
                return self._hand_over(p, pos, stop, end)
        self.stats.incomingOctetsWebSocketLevel += size - self.counted
        self.stats.incomingOctetsAppLevel += size - self.counted
        self.seen = self.counted = 0
        self._deliver(payload, b0 == 0x82)
        return stop

    cdef int _deliver(self, object payload, bint is_binary) except -1:
        cdef object result
        self.stats.incomingWebSocketFrames += 1
        if self.autoPingTimeoutCall is not None and self.lane_restarts_ping:
            self._cancelAutoPingTimeoutCall()
        self.stats.incomingWebSocketMessages += 1
        result = self.onMessage(payload, True if is_binary else False)
        if result is not None:
            self.lane_returned(result)
        return 0

    cdef Py_ssize_t _arriving(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t start, Py_ssize_t end,
                              Py_ssize_t size) except -1:
        """Check what is there of a frame that is not complete; a long one moves into its own bytes object."""
        cdef Py_ssize_t have = end - start, good, base, part
        cdef unsigned char piece[1024]
        cdef int bad
        if size > FRONT_BYTES:
            self._uncount()
            self.message_head_size = <int>(start - pos)
            memcpy(self.message_head, p + pos, start - pos)
            self.message = PyBytes_FromStringAndSize(NULL, min(size, max(have * 2, <Py_ssize_t>FIRST_MESSAGE_BYTES)))
            self.message_size = size
            self.message_have = 0
            memcpy(PyBytes_AS_STRING(self.message), p + start, have)
            if have:
                self._message_grew(have)
            return end
        if p[pos] == 0x81 and self.lane_checks_utf8:
            if not self.lane_is_server:
                good = <Py_ssize_t>lane_utf8(p + start, self.seen, have, &bad)
                if bad:
                    return self._hand_over(p, pos, end + 1, end)
                self.seen = good
            else:
                while self.seen < have:  # unmasked aside, a piece at a time, for the frame stays as it came
                    base = self.seen
                    part = min(have - base, <Py_ssize_t>1024)
                    lane_xor(piece, p + start + base, part, p + start - 4, base & 3)
                    good = <Py_ssize_t>lane_utf8(piece, 0, part, &bad)
                    if bad:
                        return self._hand_over(p, pos, end + 1, end)
                    self.seen = base + good
                    if base + part == have:
                        break
        self.stats.incomingOctetsWebSocketLevel += have - self.counted
        self.stats.incomingOctetsAppLevel += have - self.counted
        self.counted = have
        return 0

    cdef Py_ssize_t _message_grew(self, Py_ssize_t added) except -1:
        """More of a long message is in place: unmask and check it, deliver when it is whole.

        Returns 1, or 0 when the message went to Autobahn.
        """
        cdef unsigned char *m = <unsigned char *>PyBytes_AS_STRING(self.message)
        cdef Py_ssize_t was = self.message_have, good
        cdef int bad
        cdef bytes came
        if self.lane_is_server:
            lane_xor(m + was, m + was, added, self.message_head + self.message_head_size - 4, was & 3)
        self.message_have += added
        if self.message_head[0] == 0x81 and self.lane_checks_utf8:
            good = <Py_ssize_t>lane_utf8(m, self.seen, self.message_have, &bad)
            if bad or (good != self.message_have and self.message_have == self.message_size):
                came = self._message_as_came()
                self.data = <bytes>self.data + came
                self.lane_consume()
                return 0
            self.seen = good
        self.stats.incomingOctetsWebSocketLevel += added
        self.stats.incomingOctetsAppLevel += added
        self.counted += added
        if self.message_have == self.message_size:
            self._message_done()
        return 1

    cdef int _message_done(self) except -1:
        cdef bytes payload
        cdef bint is_binary = self.message_head[0] == 0x82
        if PyBytes_GET_SIZE(self.message) != self.message_size:
            self._message_room(self.message_size)
        payload = self.message
        self.message = None
        self.seen = self.counted = 0
        return self._deliver(payload, is_binary)

    cdef bytes _message_as_came(self):
        """Take the long message back: head and payload as they came, no longer counted."""
        cdef bytes message = self.message
        cdef Py_ssize_t have = self.message_have
        cdef unsigned char *m = <unsigned char *>PyBytes_AS_STRING(message)
        if self.lane_is_server:
            lane_xor(m, m, have, self.message_head + self.message_head_size - 4, 0)
        came = PyBytes_FromStringAndSize(<char *>self.message_head, self.message_head_size)
        came += PyBytes_FromStringAndSize(<char *>m, have)
        self.message = None
        self._uncount()
        return came

    cdef int _uncount(self) except -1:
        if self.counted:
            self.stats.incomingOctetsWebSocketLevel -= self.counted
            self.stats.incomingOctetsAppLevel -= self.counted
        self.seen = self.counted = 0
        return 0

    cdef int _surrender(self) except -1:
        """Give Autobahn everything that the lane holds."""
        if self.message is not None:
            self.data = <bytes>self.data + self._message_as_came()
        if self.held_size:
            self._uncount()
            self.data = <bytes>self.data + PyBytes_FromStringAndSize(<char *>self.held, self.held_size)
            self.held_size = 0
        return 0

    cdef Py_ssize_t _hand_over(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t stop, Py_ssize_t end) except -1:
        cdef bint is_complete = stop <= end
        self._uncount()
        if not is_complete:
            stop = end
        self.data = <bytes>self.data + PyBytes_FromStringAndSize(<const char *>p + pos, stop - pos)
        self.lane_consume()
        if is_complete and self.current_frame is not None and self.state != OPEN:
            self.data = <bytes>self.data + PyBytes_FromStringAndSize(<const char *>p + stop, end - stop)
            return end  # it gave the frame up halfway, and would not look at what follows
        return stop

    cdef int _hold(self, const unsigned char *p, Py_ssize_t n) except -1:
        cdef Py_ssize_t need = self.held_size + n
        cdef unsigned char *grown
        if need > self.held_room:
            grown = <unsigned char *>realloc(self.held, need + need // 2)
            if grown == NULL:
                raise MemoryError
            self.held = grown
            self.held_room = need + need // 2
        memmove(self.held + self.held_size, p, n)
        self.held_size = need
        return 0

    # -- sending -------------------------------------------------------------------------------------------------

    def lane_use_socket(self, int fd, bint asks):
        """Write to this socket directly while the transport holds nothing back; -1 ends that.

        Parameters:
            fd: the transport's socket.
            asks: whether the transport may close the socket before it says so, and is asked each time.
        """
        self.fd = fd if LANE_DIRECT else -1
        self.fd_asks = asks

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False, doNotCompress=False):
        """Send a message as Autobahn's method of this name does."""
        cdef Py_ssize_t n
        cdef int opcode
        if (
            not self.lane_sends
            or self.state != OPEN
            or not PyBytes_CheckExact(payload)
            or (isBinary is not False and isBinary is not True)
            or fragmentSize is not None
            or sync is not False
            or (doNotCompress is not False and doNotCompress is not True)
            or self.send_queue
        ):
            super(LaneCore, self).sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)
            return
        n = PyBytes_GET_SIZE(payload)
        if (self.lane_max_send and n > self.lane_max_send) or (
            self.lane_fragment and (n > self.lane_fragment or self.lane_deflates)
        ):
            super(LaneCore, self).sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)
            return
        self.stats.outgoingWebSocketMessages += 1
        self.stats.outgoingOctetsAppLevel += n
        opcode = 2 if isBinary is True else 1
        if self.lane_deflates and doNotCompress is False:
            opcode |= 0x40
            payload = <bytes?>self.lane_deflate(payload)
            n = PyBytes_GET_SIZE(payload)
        self.stats.outgoingOctetsWebSocketLevel += n
        self._send(opcode, <const unsigned char *>PyBytes_AS_STRING(payload), n)

    cdef int _send_frame(self, bytes frame, Py_ssize_t payload_size, Py_ssize_t max_backlog) except -1:
        # 1: sent; 0: cannot take a frame built for others; 2: too far behind
        if not self.lane_sends or self.state != OPEN or self.lane_masks or self.lane_deflates or self.send_queue:
            return 0
        if max_backlog and not self._may_send_directly() and self._backlog() > max_backlog:
            return 2
        self.stats.outgoingWebSocketMessages += 1
        self.stats.outgoingOctetsAppLevel += payload_size
        self.stats.outgoingOctetsWebSocketLevel += payload_size
        self.stats.outgoingWebSocketFrames += 1
        self.stats.outgoingOctetsWireLevel += PyBytes_GET_SIZE(frame)
        if self.is_running or self.out_size:
            self._hold_back(NULL, 0, <const unsigned char *>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
        else:
            self._write_now(NULL, 0, <const unsigned char *>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), frame)
        return 1

    cdef Py_ssize_t _backlog(self) except -1:
        return self.out_size + <Py_ssize_t>(self._transport.get_write_buffer_size() if self._transport is not None else 0)

    @property
    def lane_backlog(self):
        """Bytes sent that no socket has taken yet."""
        return self._backlog()

    def lane_write(self, bytes frame not None):
        """Write a frame now, or together with the others of this turn."""
        self._write(NULL, 0, <const unsigned char *>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), frame)

    cdef int _send(self, int opcode, const unsigned char *payload, Py_ssize_t n) except -1:
        cdef unsigned char head[14]
        cdef int size = _head(head, opcode, n, self.lane_masks)
        cdef unsigned char *o
        cdef bint at_once
        cdef bytes frame
        if not self.lane_masks:
            return self._write(head, size, payload, n, None)
        _next_key(head + size)
        size += 4
        self.stats.outgoingWebSocketFrames += 1
        self.stats.outgoingOctetsWireLevel += size + n
        at_once = self._is_at_once()
        o = self._out_space(size + n)
        memcpy(o, head, size)
        lane_xor(o + size, payload, n, head + size - 4, 0)
        self.out_size += size + n
        if at_once or self.out_size >= CORK_BYTES:
            self._flush()
        return 0

    cdef bint _is_at_once(self) except -1:
        # The first message of a turn goes at once, the following ones go together when the turn ends.
        self.sent_in_turn += 1
        if self.is_running:
            return False
        if self.sent_in_turn == 1:
            return True
        if self.out_size == 0:
            self.lane_call_later()
        return False

    cdef int _write(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body, Py_ssize_t body_size,
                    object whole) except -1:
        cdef Py_ssize_t n = head_size + body_size
        self.stats.outgoingWebSocketFrames += 1
        self.stats.outgoingOctetsWireLevel += n
        if not self._is_at_once() and n < CORK_BYTES:
            return self._hold_back(head, head_size, body, body_size)
        return self._write_now(head, head_size, body, body_size, whole)

    cdef int _hold_back(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body,
                        Py_ssize_t body_size) except -1:
        cdef unsigned char *o = self._out_space(head_size + body_size)
        memcpy(o, head, head_size)
        memcpy(o + head_size, body, body_size)
        self.out_size += head_size + body_size
        if self.out_size >= CORK_BYTES:
            self._flush()
        return 0

    cdef int _write_now(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body,
                        Py_ssize_t body_size, object whole) except -1:
        cdef Py_ssize_t n = head_size + body_size
        cdef Py_ssize_t sent
        cdef unsigned char *o
        if self.out_size:
            self._flush()
        sent = 0
        if self._may_send_directly():
            if head_size:
                sent = lane_send(self.fd, head, head_size, body, body_size)
            else:
                sent = lane_send(self.fd, body, body_size, NULL, 0)
            if sent == n:
                return 0
            if sent < 0:
                sent = 0
        self.may_be_buffered = True
        if sent == 0 and whole is not None:
            self._transport.write(whole)
            return 0
        rest = PyBytes_FromStringAndSize(NULL, n - sent)
        o = <unsigned char *>PyBytes_AS_STRING(rest)
        if sent < head_size:
            memcpy(o, head + sent, head_size - sent)
            memcpy(o + head_size - sent, body, body_size)
        else:
            memcpy(o, body + sent - head_size, n - sent)
        self._transport.write(rest)
        return 0

    cdef bint _may_send_directly(self) except -1:
        if self.fd < 0 or self._transport is None:
            return False
        if self.fd_asks and self._transport.is_closing():
            return False
        if self.may_be_buffered:
            if self._transport.get_write_buffer_size() != 0:
                return False
            self.may_be_buffered = False
        return True

    cdef unsigned char *_out_space(self, Py_ssize_t n) except NULL:
        cdef Py_ssize_t need = self.out_size + n
        cdef Py_ssize_t room
        cdef unsigned char *grown
        if need > self.out_room:
            room = max(need + need // 2, <Py_ssize_t>1024)
            grown = <unsigned char *>realloc(self.out, room)
            if grown == NULL:
                raise MemoryError
            self.out = grown
            self.out_room = room
        return self.out + self.out_size

    cdef int _flush(self) except -1:
        cdef Py_ssize_t n = self.out_size, sent = 0
        cdef object rest
        self.out_size = 0
        if n and self._transport is not None:
            if self._may_send_directly():
                sent = lane_send(self.fd, self.out, n, NULL, 0)
                if sent < 0:
                    sent = 0
            if sent < n:
                self.may_be_buffered = True
                rest = PyBytes_FromStringAndSize(<char *>self.out + sent, n - sent)
                self._transport.write(rest)
        if self.out_room > 16384 and self.out_size == 0:
            free(self.out)
            self.out = NULL
            self.out_room = 0
        return 0

    def lane_flush(self):
        """Write what is held back."""
        self._flush()

    def lane_turn_ended(self):
        """A turn of the loop is over: write what it sent."""
        self.sent_in_turn = 0
        self._flush()

    @property
    def transport(self):
        """The transport, with everything written that was held back."""
        if self.out_size:
            self._flush()
        self.may_be_buffered = True  # whoever asks for it may write
        return self._transport

    @transport.setter
    def transport(self, transport):
        if self.out_size:
            self._flush()
        self._transport = transport
        self.may_be_buffered = True


def send_to_all(links, bytes frame not None, Py_ssize_t payload_size, Py_ssize_t max_backlog):
    """Send an unmasked frame to many connections; returns how many took it, who cannot, and who is too far behind."""
    cdef int how
    cdef Py_ssize_t sent = 0
    cdef list unable = [], behind = []
    cdef LaneCore link
    for link in links:
        how = link._send_frame(frame, payload_size, max_backlog)
        if how == 1:
            sent += 1
        elif how == 0:
            unable.append(link)
        else:
            behind.append(link)
    return sent, unable, behind


cdef extern from "Python.h":
    void _drop "Py_XDECREF"(PyObject *o)
