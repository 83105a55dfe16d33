# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Frames that hold quotes and nothing else, read from the bytes; `wsexample.brokers.alpaca.dialect.market` is the specification.

What does not stand as the vendor writes it is given back, to be read the long way: other messages, escapes, signs, exponents, nulls,
keys that are not known, numbers whose digits a double cannot hold, times that are no time.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memcmp, memcpy

from wsexample.brokers.base._digits cimport decimal

from wsexample.brokers.alpaca.codes import VENUE
from wsexample.records.market import Quote

__all__ = ["read_packed", "read_text"]

cdef extern from "Python.h":
    object PyObject_Vectorcall(object function, PyObject** args, size_t count, object names)

cdef enum:
    MAX_CODES = 48

cdef long long SECOND_NS = 1_000_000_000
cdef double MOST = 1e300  # MessagePack carries infinity and NaN too; neither is within
cdef int[13] DAYS_BEFORE
DAYS_BEFORE[:] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
cdef int[13] DAYS_IN
DAYS_IN[:] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

cdef tuple NAMES = (
    "venue", "symbol", "exchange_ns", "received_ns", "bid_price", "bid_size", "ask_price", "ask_size",
    "bid_exchange", "ask_exchange", "conditions", "tape",
)
cdef object THE_VENUE = VENUE
cdef object MAKE = Quote


cdef class Codes:
    """The conditions read last: most quotes of a moment have the same."""

    cdef char[MAX_CODES] text
    cdef Py_ssize_t size
    cdef tuple codes

    def __cinit__(self):
        self.size = -1
        self.codes = ()


cdef Codes LAST_TEXT = Codes()
cdef Codes LAST_PACKED = Codes()


cdef struct Words:
    const char* text
    Py_ssize_t size


cdef struct Raw:
    Words symbol
    Words bid_exchange
    Words ask_exchange
    Words tape
    double bid
    double bid_size
    double ask
    double ask_size
    bint has_bid
    bint has_bid_size
    bint has_ask
    bint has_ask_size
    bint has_time
    long long time_ns


cdef inline object _word(Words words):
    return PyUnicode_DecodeASCII(words.text, words.size, NULL) if words.text != NULL else None


cdef object _quote(Raw* raw, object received_ns, tuple codes):
    cdef object symbol = _word(raw.symbol)
    cdef object bid_exchange = _word(raw.bid_exchange)
    cdef object ask_exchange = _word(raw.ask_exchange)
    cdef object tape = _word(raw.tape)
    cdef object exchange_ns = raw.time_ns if raw.has_time else None
    cdef object bid = None
    cdef object bid_size = None
    cdef object ask = None
    cdef object ask_size = None
    cdef PyObject* args[12]
    if raw.has_bid and raw.bid != 0:
        bid = raw.bid
        if raw.has_bid_size:
            bid_size = raw.bid_size
    if raw.has_ask and raw.ask != 0:
        ask = raw.ask
        if raw.has_ask_size:
            ask_size = raw.ask_size
    args[0] = <PyObject*>THE_VENUE
    args[1] = <PyObject*>symbol
    args[2] = <PyObject*>exchange_ns
    args[3] = <PyObject*>received_ns
    args[4] = <PyObject*>bid
    args[5] = <PyObject*>bid_size
    args[6] = <PyObject*>ask
    args[7] = <PyObject*>ask_size
    args[8] = <PyObject*>bid_exchange
    args[9] = <PyObject*>ask_exchange
    args[10] = <PyObject*>codes
    args[11] = <PyObject*>tape
    return PyObject_Vectorcall(MAKE, args, 0, NAMES)


cdef inline bint _number_of(const char* at, int digits, int* value) noexcept:
    cdef int i, found = 0
    for i in range(digits):
        if not c'0' <= at[i] <= c'9':
            return False
        found = found * 10 + (at[i] - c'0')
    value[0] = found
    return True


cdef bint _time(const char* at, Py_ssize_t size, long long* time_ns) noexcept:
    """Read ``2026-03-02T14:30:00.000412907Z``, with nine decimals or fewer; False for what would need more care."""
    cdef int year, month, day, hour, minute, second, digits, i
    cdef long long days, fraction = 0
    if size < 20 or size == 21 or size > 30 or at[size - 1] != c'Z':
        return False
    if at[4] != c'-' or at[7] != c'-' or at[10] != c'T' or at[13] != c':' or at[16] != c':':
        return False
    if not (_number_of(at, 4, &year) and _number_of(at + 5, 2, &month) and _number_of(at + 8, 2, &day)):
        return False
    if not (_number_of(at + 11, 2, &hour) and _number_of(at + 14, 2, &minute) and _number_of(at + 17, 2, &second)):
        return False
    if not (1970 <= year <= 2200 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        return False
    cdef bint is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day < 1 or day > DAYS_IN[month] + (1 if month == 2 and is_leap else 0):
        return False
    days = 365 * (year - 1970) + (year - 1969) // 4 - (year - 1901) // 100 + (year - 1601) // 400
    days += DAYS_BEFORE[month] + day - 1 + (1 if month > 2 and is_leap else 0)
    if size > 20:
        if at[19] != c'.':
            return False
        digits = <int>size - 21
        for i in range(9):
            fraction *= 10
            if i < digits:
                if not c'0' <= at[20 + i] <= c'9':
                    return False
                fraction += at[20 + i] - c'0'
    time_ns[0] = (days * 86400 + hour * 3600 + minute * 60 + second) * SECOND_NS + fraction
    return True


# -- JSON ------------------------------------------------------------------------------------------------------------


cdef inline const char* _text(const char* at, const char* end, Words* words) noexcept:
    """Read ``"..."`` without escapes and beyond ASCII nothing."""
    if at >= end or at[0] != c'"':
        return NULL
    at += 1
    words.text = at
    while at < end and at[0] != c'"':
        if at[0] < 32 or at[0] == c'\\':  # what is beyond ASCII is negative here
            return NULL
        at += 1
    if at >= end:
        return NULL
    words.size = at - words.text
    return at + 1


cdef tuple _codes_of(const char* at, const char* end):
    """Return the texts of ``["R","A"]``, which is known to be no longer; None when it is something else."""
    cdef Words words
    cdef list found = []
    at += 1
    if at < end and at[0] == c']':
        return () if at + 1 == end else None
    while True:
        at = _text(at, end, &words)
        if at == NULL or at >= end:
            return None
        found.append(PyUnicode_DecodeASCII(words.text, words.size, NULL))
        if at[0] == c']':
            return tuple(found) if at + 1 == end else None
        if at[0] != c',':
            return None
        at += 1


def read_text(payload, received_ns):
    """Read a JSON frame of quotes; None leaves it to the long way."""
    cdef const char* at
    cdef const char* end
    cdef const char* begin
    cdef Raw raw
    cdef Words words
    cdef Words when
    cdef tuple codes
    cdef list quotes = []
    cdef char first, second
    if type(payload) is not bytes:
        return None
    at = PyBytes_AS_STRING(payload)
    end = at + PyBytes_GET_SIZE(payload)
    if at >= end or at[0] != c'[':
        return None
    while True:
        at += 1
        if end - at < 14 or memcmp(at, b'{"T":"q","S":"', 14) != 0:
            return None
        raw = Raw(
            Words(NULL, 0), Words(NULL, 0), Words(NULL, 0), Words(NULL, 0), 0, 0, 0, 0, False, False, False, False, False, 0
        )
        codes = ()
        at = _text(at + 13, end, &raw.symbol)
        if at == NULL:
            return None
        while at < end and at[0] == c',':
            if end - at < 7 or at[1] != c'"':
                return None
            first, second = at[2], at[3]
            if second == c'"':
                if at[4] != c':':
                    return None
                at += 5
                if first == c't':
                    at = _text(at, end, &when)
                    if at == NULL or not _time(when.text, when.size, &raw.time_ns):
                        return None
                    raw.has_time = True
                elif first == c'z':
                    at = _text(at, end, &raw.tape)
                elif first == c'c':
                    if at[0] != c'[':
                        return None
                    begin = at
                    while at < end and at[0] != c']':
                        at += 1
                    if at >= end:
                        return None
                    at += 1
                    if at - begin == LAST_TEXT.size and memcmp(begin, LAST_TEXT.text, at - begin) == 0:
                        codes = LAST_TEXT.codes
                    else:
                        codes = _codes_of(begin, at)
                        if codes is None:
                            return None
                        if at - begin <= MAX_CODES:
                            memcpy(LAST_TEXT.text, begin, at - begin)
                            LAST_TEXT.size = at - begin
                            LAST_TEXT.codes = codes
                else:
                    return None
            else:
                if at[4] != c'"' or at[5] != c':':
                    return None
                at += 6
                if first == c'b':
                    if second == c'p':
                        at = decimal(at, end, &raw.bid)
                        raw.has_bid = True
                    elif second == c's':
                        at = decimal(at, end, &raw.bid_size)
                        raw.has_bid_size = True
                    elif second == c'x':
                        at = _text(at, end, &raw.bid_exchange)
                    else:
                        return None
                elif first == c'a':
                    if second == c'p':
                        at = decimal(at, end, &raw.ask)
                        raw.has_ask = True
                    elif second == c's':
                        at = decimal(at, end, &raw.ask_size)
                        raw.has_ask_size = True
                    elif second == c'x':
                        at = _text(at, end, &raw.ask_exchange)
                    else:
                        return None
                else:
                    return None
            if at == NULL:
                return None
        if end - at < 2 or at[0] != c'}':
            return None
        quotes.append(_quote(&raw, received_ns, codes))
        at += 1
        if at[0] == c']':
            return quotes if at + 1 == end else None
        if at[0] != c',':
            return None


# -- MessagePack -----------------------------------------------------------------------------------------------------


cdef inline unsigned long long _big(const unsigned char* at, int size) noexcept:
    cdef unsigned long long found = 0
    cdef int i
    for i in range(size):
        found = (found << 8) | at[i]
    return found


cdef inline const unsigned char* _packed_text(const unsigned char* at, const unsigned char* end, Words* words) noexcept:
    cdef Py_ssize_t size, i
    if at >= end:
        return NULL
    if at[0] & 0xE0 == 0xA0:
        size = at[0] & 0x1F
        at += 1
    elif at[0] == 0xD9 and end - at > 1:
        size = at[1]
        at += 2
    else:
        return NULL
    if end - at < size:
        return NULL
    for i in range(size):
        if at[i] > 127:
            return NULL
    words.text = <const char*>at
    words.size = size
    return at + size


cdef inline const unsigned char* _packed_number(const unsigned char* at, const unsigned char* end, double* value) noexcept:
    cdef unsigned long long bits
    cdef unsigned int half
    cdef float single
    cdef int size
    if at >= end:
        return NULL
    if at[0] < 0x80:
        value[0] = at[0]
        return at + 1
    if at[0] == 0xCB:
        if end - at < 9:
            return NULL
        bits = _big(at + 1, 8)
        memcpy(value, &bits, 8)
        return at + 9 if -MOST <= value[0] <= MOST else NULL
    if at[0] == 0xCA:
        if end - at < 5:
            return NULL
        half = <unsigned int>_big(at + 1, 4)
        memcpy(&single, &half, 4)
        value[0] = single
        return at + 5 if -MOST <= value[0] <= MOST else NULL
    if 0xCC <= at[0] <= 0xCE:
        size = 1 << (at[0] - 0xCC)
        if end - at <= size:
            return NULL
        value[0] = <double>_big(at + 1, size)
        return at + 1 + size
    return NULL


cdef inline const unsigned char* _packed_time(const unsigned char* at, const unsigned char* end, long long* time_ns) noexcept:
    """Read the timestamp extension of 4 or 8 bytes."""
    cdef unsigned long long value
    if end - at < 6 or at[1] != 0xFF:
        return NULL
    if at[0] == 0xD7 and end - at >= 10:
        value = _big(at + 2, 8)
        if (value & <unsigned long long>0x3FFFFFFFF) >> 32 or value >> 34 >= <unsigned long long>SECOND_NS:
            return NULL
        time_ns[0] = <long long>(value & <unsigned long long>0x3FFFFFFFF) * SECOND_NS + <long long>(value >> 34)
        return at + 10
    if at[0] == 0xD6:
        time_ns[0] = <long long>_big(at + 2, 4) * SECOND_NS
        return at + 6
    return NULL


def read_packed(payload, received_ns):
    """Read a MessagePack frame of quotes; None leaves it to the long way."""
    cdef const unsigned char* at
    cdef const unsigned char* end
    cdef const unsigned char* begin
    cdef Raw raw
    cdef Words words
    cdef tuple codes
    cdef list quotes = []
    cdef list found
    cdef unsigned char first, second
    cdef Py_ssize_t left, members, count
    if type(payload) is not bytes:
        return None
    at = <const unsigned char*>PyBytes_AS_STRING(payload)
    end = at + PyBytes_GET_SIZE(payload)
    if end - at < 3:
        return None
    if at[0] & 0xF0 == 0x90:
        left = at[0] & 0x0F
        at += 1
    elif at[0] == 0xDC:
        left = <Py_ssize_t>_big(at + 1, 2)
        at += 3
    else:
        return None
    if left == 0:
        return None
    while left:
        left -= 1
        if end - at < 5 or at[0] & 0xF0 != 0x80 or memcmp(at + 1, b"\xa1T\xa1q", 4) != 0:
            return None
        members = (at[0] & 0x0F) - 1
        at += 5
        raw = Raw(
            Words(NULL, 0), Words(NULL, 0), Words(NULL, 0), Words(NULL, 0), 0, 0, 0, 0, False, False, False, False, False, 0
        )
        codes = ()
        while members > 0:
            members -= 1
            if end - at < 4:
                return None
            if at[0] == 0xA1:
                first = at[1]
                at += 2
                if first == c't':
                    at = _packed_time(at, end, &raw.time_ns)
                    raw.has_time = True
                elif first == c'S':
                    at = _packed_text(at, end, &raw.symbol)
                elif first == c'z':
                    at = _packed_text(at, end, &raw.tape)
                elif first == c'c':
                    if at[0] & 0xF0 != 0x90:
                        return None
                    begin = at
                    count = at[0] & 0x0F
                    at += 1
                    if end - begin > LAST_PACKED.size > 0 and memcmp(begin, LAST_PACKED.text, LAST_PACKED.size) == 0:
                        at = begin + LAST_PACKED.size
                        codes = LAST_PACKED.codes
                    else:
                        found = []
                        while count:
                            count -= 1
                            at = _packed_text(at, end, &words)
                            if at == NULL:
                                return None
                            found.append(PyUnicode_DecodeASCII(words.text, words.size, NULL))
                        codes = tuple(found)
                        if at - begin <= MAX_CODES:
                            memcpy(LAST_PACKED.text, begin, at - begin)
                            LAST_PACKED.size = at - begin
                            LAST_PACKED.codes = codes
                else:
                    return None
            elif at[0] == 0xA2:
                first, second = at[1], at[2]
                at += 3
                if first == c'b':
                    if second == c'p':
                        at = _packed_number(at, end, &raw.bid)
                        raw.has_bid = True
                    elif second == c's':
                        at = _packed_number(at, end, &raw.bid_size)
                        raw.has_bid_size = True
                    elif second == c'x':
                        at = _packed_text(at, end, &raw.bid_exchange)
                    else:
                        return None
                elif first == c'a':
                    if second == c'p':
                        at = _packed_number(at, end, &raw.ask)
                        raw.has_ask = True
                    elif second == c's':
                        at = _packed_number(at, end, &raw.ask_size)
                        raw.has_ask_size = True
                    elif second == c'x':
                        at = _packed_text(at, end, &raw.ask_exchange)
                    else:
                        return None
                else:
                    return None
            else:
                return None
            if at == NULL:
                return None
        if raw.symbol.text == NULL:
            return None
        quotes.append(_quote(&raw, received_ns, codes))
    return quotes if at == end else None
