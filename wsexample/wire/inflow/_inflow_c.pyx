"""What waits between a socket and its consumer, compiled; `_inflow_py` is the specification of every method."""

from libc.stdint cimport int64_t

__all__ = ["InflowCore"]

cdef extern from "<time.h>" nogil:
    int TIME_UTC
    struct timespec:
        int64_t tv_sec
        long tv_nsec
    int timespec_get(timespec *now, int base)

cdef extern from "Python.h":
    char *PyBytes_AS_STRING(object payload)
    Py_ssize_t PyBytes_GET_SIZE(object payload)
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)


cdef inline int64_t _now_ns() noexcept nogil:
    cdef timespec now
    timespec_get(&now, TIME_UTC)
    return now.tv_sec * 1000000000 + now.tv_nsec


cdef class InflowCore:
    # What comes is appended to one list; what goes is popped from the end of the other, which is the first one turned round.
    cdef list _coming, _going
    cdef Py_ssize_t _bytes, _max_messages, _max_bytes
    cdef bint _is_gate_open
    cdef object _pause, _resume
    cdef readonly bint is_paused, is_finished
    cdef readonly Py_ssize_t received, discarded
    cdef public object waiter
    cdef public int64_t last_received_ns

    def __init__(self, *, Py_ssize_t max_messages, Py_ssize_t max_bytes, pause, resume):
        self._coming, self._going = [], []
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._pause, self._resume = pause, resume

    def __len__(self):
        return len(self._coming) + len(self._going)

    def put(self, payload, is_binary):
        cdef int64_t now_ns = _now_ns()
        self.last_received_ns = now_ns
        self.received += 1
        self._coming.append((payload, is_binary, now_ns))
        self._bytes += len(payload)
        if self.waiter is not None:
            self._wake()
        if len(self._coming) + len(self._going) >= self._max_messages or self._bytes >= self._max_bytes:
            self._full()

    cdef _wake(self):
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    cdef _full(self):
        if not self._is_gate_open:
            if not self.is_paused:
                self.is_paused = True
                self._pause()
        elif len(self._coming) + len(self._going) > 2 * self._max_messages or self._bytes > 2 * self._max_bytes:
            self._bytes -= len(<object>(<tuple>self._coming.pop())[0])
            self.discarded += 1

    cdef tuple _oldest(self):
        cdef tuple arrival
        if not self._going:
            if not self._coming:
                return None
            self._coming, self._going = self._going, self._coming
            self._going.reverse()
        arrival = <tuple>self._going.pop()
        self._bytes -= len(<object>arrival[0])
        if self.is_paused:
            self._go_on()
        return arrival

    def take(self):
        cdef tuple arrival = self._oldest()
        if arrival is None:
            raise IndexError("no message waits")
        return arrival

    def take_payload(self):
        cdef tuple arrival = self._oldest()
        if arrival is None:
            return None
        return (arrival[0], arrival[1])

    def take_message(self, str on_bad_utf8 not None):
        cdef tuple arrival = self._oldest()
        if arrival is None:
            return None
        payload = arrival[0]
        if arrival[1]:
            return payload
        if type(payload) is bytes and on_bad_utf8 == "strict":
            return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), NULL)
        return str(payload, "utf-8", on_bad_utf8)

    def take_all(self):
        cdef list taken = self._coming
        if self._going:
            self._going.reverse()
            taken = self._going + taken
            self._going = []
        self._coming = []
        self._bytes = 0
        if self.is_paused:
            self._go_on()
        return taken

    cdef _go_on(self):
        if len(self) * 2 <= self._max_messages and self._bytes * 2 <= self._max_bytes:
            self.is_paused = False
            self._resume()

    def finish(self):
        self.is_finished = True
        self.open_gate()
        self._wake()

    def open_gate(self):
        self._is_gate_open = True
        if self.is_paused:
            self.is_paused = False
            self._resume()
