# cython: language_level=3, boundscheck=False, wraparound=False
"""The sides of a book and the reading of its changes, compiled; ``_sides_py`` is the specification.

A change is read here when it stands exactly as the venue writes it and fits a book that is kept. Everything else, `read_change`
hands back untouched, to be read the long way.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_Insert
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memcmp, memcpy, memmove

from wsexample.brokers.base._digits cimport decimal

from wsexample.records.market import Level

__all__ = ["Side", "WireSide", "read_change"]

cdef enum:
    MAX_CHANGES = 512  # of one side in one frame; a book has 200 levels
    MAX_NAME = 64

cdef long long LAST_MS = 9_000_000_000_000  # in nanoseconds such a time still fits 64 bits


cdef struct Change:
    double price
    double size
    const char* price_text
    const char* size_text
    int price_chars
    int size_chars


cdef class Side:
    """Levels of one side, best first."""

    cdef double* _keys
    cdef Py_ssize_t _room
    cdef double _sign
    cdef readonly list levels

    def __cinit__(self, double sign):
        self._sign = sign
        self.levels = []
        self._room = 64
        self._keys = <double*>PyMem_Malloc(self._room * sizeof(double))
        if self._keys == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._keys)

    def change(self, changes):
        """Set the size of levels, 0 for gone."""
        cdef double size
        for level in changes:
            size = level.size
            self._set(level.price, size, level if size > 0 else None, None)

    cdef list _pairs(self):
        return None

    cdef int _set(self, double price, double size, object level, object pair) except -1:
        """Put a level in its place; ``size`` 0 takes it out."""
        cdef double key = price * self._sign
        cdef double* keys = self._keys
        cdef Py_ssize_t count = len(self.levels), low = 0, high = count, middle
        cdef list pairs = self._pairs()
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        if low < count and keys[low] == key:
            if size > 0:
                self.levels[low] = level
                if pairs is not None:
                    pairs[low] = pair
                return 0
            memmove(keys + low, keys + low + 1, (count - low - 1) * sizeof(double))
            del self.levels[low]
            if pairs is not None:
                del pairs[low]
            return 0
        if not size > 0:
            return 0
        if count == self._room:
            keys = <double*>PyMem_Realloc(keys, 2 * self._room * sizeof(double))
            if keys == NULL:
                raise MemoryError
            self._keys = keys
            self._room *= 2
        memmove(keys + low + 1, keys + low, (count - low) * sizeof(double))
        keys[low] = key
        PyList_Insert(self.levels, low, level)
        if pairs is not None:
            PyList_Insert(pairs, low, pair)
        return 0

    cdef int _apply(self, Change* changes, Py_ssize_t count) except -1:
        cdef Py_ssize_t at
        for at in range(count):
            if changes[at].size > 0:
                self._set(changes[at].price, changes[at].size, Level(changes[at].price, changes[at].size), None)
            else:
                self._set(changes[at].price, 0.0, None, None)
        return 0


cdef class WireSide(Side):
    """The same, and beside each level the pair that it was read from."""

    cdef readonly list pairs

    def __cinit__(self, double sign):
        self.pairs = []

    cdef list _pairs(self):
        return self.pairs

    def change_both(self, changes):
        """Set the size of levels from the venue's texts, "0" for gone."""
        cdef double price, size
        for pair in changes:
            price, size = float(pair[0]), float(pair[1])
            self._set(price, size, Level(price, size) if size > 0 else None, pair)

    cdef int _apply(self, Change* changes, Py_ssize_t count) except -1:
        cdef Py_ssize_t at
        cdef Change one
        for at in range(count):
            one = changes[at]
            if one.size > 0:
                pair = (
                    PyUnicode_DecodeASCII(one.price_text, one.price_chars, NULL),
                    PyUnicode_DecodeASCII(one.size_text, one.size_chars, NULL),
                )
                self._set(one.price, one.size, Level(one.price, one.size), pair)
            else:
                self._set(one.price, 0.0, None, None)
        return 0


cdef inline const char* _skip(const char* at, const char* end, const char* text, Py_ssize_t size) noexcept:
    """Return what comes after a text that has to stand here; NULL when it does not."""
    if at == NULL or end - at < size or memcmp(at, text, size) != 0:
        return NULL
    return at + size


cdef inline const char* _whole(const char* at, const char* end, long long* value) noexcept:
    """Read a whole number of at most 18 digits."""
    cdef const char* begin = at
    cdef long long found = 0
    if at == NULL:
        return NULL
    while at < end and c'0' <= at[0] <= c'9':
        if at - begin == 18:  # one more might not fit
            return NULL
        found = found * 10 + (at[0] - c'0')
        at += 1
    value[0] = found
    if at == begin or (begin[0] == c'0' and at - begin > 1):
        return NULL
    return at


cdef const char* _changes(const char* at, const char* end, Change* changes, Py_ssize_t* count) noexcept:
    """Read ``[["price","size"],...]``."""
    cdef Py_ssize_t found = 0
    cdef Change* one
    count[0] = 0
    at = _skip(at, end, b"[", 1)
    if at == NULL or at >= end:
        return NULL
    if at[0] == c']':
        return at + 1
    while True:
        if found == MAX_CHANGES:
            return NULL
        one = changes + found
        at = _skip(at, end, b'["', 2)
        if at == NULL:
            return NULL
        one.price_text = at
        at = decimal(at, end, &one.price)
        if at == NULL:
            return NULL
        one.price_chars = <int>(at - one.price_text)
        at = _skip(at, end, b'","', 3)
        if at == NULL:
            return NULL
        one.size_text = at
        at = decimal(at, end, &one.size)
        if at == NULL:
            return NULL
        one.size_chars = <int>(at - one.size_text)
        at = _skip(at, end, b'"]', 2)
        if at == NULL or at >= end:
            return NULL
        found += 1
        if at[0] == c']':
            count[0] = found
            return at + 1
        if at[0] != c',':
            return NULL
        at += 1


def read_change(payload, dict books not None):
    """Read a frame of changes into the book that it belongs to; returns (topic, symbol, UTC epoch nanoseconds).

    None means that nothing was changed: the frame is not plain, its book is not kept, or a frame before it is missing.
    """
    cdef const char* at
    cdef const char* end
    cdef const char* symbol
    cdef const char* level_text
    cdef long long time_ms = 0, first = 0, last = 0, level = 0
    cdef Py_ssize_t symbol_chars, level_chars, bid_count = 0, ask_count = 0
    cdef Change[MAX_CHANGES] bids
    cdef Change[MAX_CHANGES] asks
    cdef char[MAX_NAME + 32] name
    if type(payload) is not bytes:
        return None
    at = PyBytes_AS_STRING(payload)
    end = at + PyBytes_GET_SIZE(payload)
    at = _skip(at, end, b'{"e":"depth","E":', 17)
    at = _whole(at, end, &time_ms)
    at = _skip(at, end, b',"s":"', 6)
    if at == NULL or time_ms > LAST_MS:
        return None
    symbol = at
    while at < end and (c'A' <= at[0] <= c'Z' or c'0' <= at[0] <= c'9' or at[0] == c'_'):
        at += 1
    symbol_chars = at - symbol
    if symbol_chars > MAX_NAME:
        return None
    at = _skip(at, end, b'","U":', 6)
    at = _whole(at, end, &first)
    at = _skip(at, end, b',"u":', 5)
    at = _whole(at, end, &last)
    level_text = _skip(at, end, b',"l":', 5)
    at = _whole(level_text, end, &level)
    if at == NULL:
        return None
    level_chars = at - level_text
    at = _skip(at, end, b',"d":"CHANGED","b":', 19)
    if at == NULL:
        return None
    at = _changes(at, end, bids, &bid_count)
    at = _skip(at, end, b',"a":', 5)
    if at == NULL:
        return None
    at = _changes(at, end, asks, &ask_count)
    at = _skip(at, end, b"}", 1)
    if at != end:
        return None
    memcpy(name, symbol, symbol_chars)
    memcpy(name + symbol_chars, b"@depth", 6)
    memcpy(name + symbol_chars + 6, level_text, level_chars)
    topic = PyUnicode_DecodeASCII(name, symbol_chars + 6 + level_chars, NULL)
    book = books.get(topic)
    if book is None or book.sequence != first:
        return None
    (<Side?>book.bids)._apply(bids, bid_count)
    (<Side?>book.asks)._apply(asks, ask_count)
    book.sequence = last
    return topic, PyUnicode_DecodeASCII(symbol, symbol_chars, NULL), 1_000_000 * time_ms
