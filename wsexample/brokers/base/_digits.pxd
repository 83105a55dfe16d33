# Reading numbers as venues write them, for the compiled readers: exactly what ``float`` gives, or left to those who take more care.

cdef extern from *:
    """
    static const double WSEXAMPLE_POWERS[16] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    static const long long WSEXAMPLE_MAX_EXACT = 9007199254740992LL;
    """
    const double[16] WSEXAMPLE_POWERS
    const long long WSEXAMPLE_MAX_EXACT  # 2^53: such a number, divided by a power of ten below 10^23, is rounded once


cdef inline const char* decimal(const char* at, const char* end, double* value) noexcept:
    """Read digits with or without a point, no sign, no exponent; returns what comes after them, NULL for anything else."""
    cdef const char* begin = at
    cdef long long found = 0
    cdef int decimals = -1
    while at < end:
        if c'0' <= at[0] <= c'9':
            found = found * 10 + (at[0] - c'0')
            if decimals >= 0:
                decimals += 1
        elif at[0] == c'.' and decimals < 0 and at > begin:
            decimals = 0
        else:
            break
        at += 1
        if at - begin > 17:
            return NULL
    if at == begin or found > WSEXAMPLE_MAX_EXACT or decimals == 0 or decimals > 15:
        return NULL
    if begin[0] == c'0' and at - begin > 1 and begin[1] != c'.':
        return NULL
    value[0] = <double>found if decimals < 0 else <double>found / WSEXAMPLE_POWERS[decimals]
    return at
