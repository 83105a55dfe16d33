/* Raw byte work of the lane: masking (RFC 6455 section 5.3), UTF-8 (RFC 3629) and one direct write to a socket.
   Nothing here knows Python or keeps state. */
#ifndef WSEXAMPLE_FRAMES_H
#define WSEXAMPLE_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* out = in XOR key, where key[0] applies to in[0] when phase is 0; out may be in. A key of zeros copies.
   Returns whether any byte of out is outside ASCII, which is known for nothing while the bytes pass by. */
static int lane_xor(unsigned char *out, const unsigned char *in, size_t n, const unsigned char *key, unsigned phase)
{
    unsigned char k[8], tail = 0;
    uint64_t wide, word, high = 0;
    size_t i = 0;
    unsigned j;
    for (j = 0; j < 8; j++)
        k[j] = key[(phase + j) & 3];
    memcpy(&wide, k, 8);
#if defined(__SSE2__)
    if (n >= 16) {
        const __m128i mask = _mm_set1_epi64x((long long)wide);
        __m128i seen = _mm_setzero_si128();
        for (; i + 64 <= n; i += 64) {
            __m128i a = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i)), mask);
            __m128i b = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i + 16)), mask);
            __m128i c = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i + 32)), mask);
            __m128i d = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i + 48)), mask);
            _mm_storeu_si128((__m128i *)(out + i), a);
            _mm_storeu_si128((__m128i *)(out + i + 16), b);
            _mm_storeu_si128((__m128i *)(out + i + 32), c);
            _mm_storeu_si128((__m128i *)(out + i + 48), d);
            seen = _mm_or_si128(seen, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
        }
        for (; i + 16 <= n; i += 16) {
            __m128i a = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i)), mask);
            _mm_storeu_si128((__m128i *)(out + i), a);
            seen = _mm_or_si128(seen, a);
        }
        high = (uint64_t)_mm_movemask_epi8(seen) ? 0x80 : 0;
    }
#endif
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, in + i, 8);
        word ^= wide;
        memcpy(out + i, &word, 8);
        high |= word & 0x8080808080808080ULL;
    }
    for (; i < n; i++)
        tail |= out[i] = in[i] ^ k[i & 7];
    return high != 0 || (tail & 0x80) != 0;
}

/* Length of the longest well-formed prefix of s[start:n]; *bad tells whether what follows can never be well formed
   (1) or is only cut short (0). Returns n when all is well. start must be the beginning of a code point. */
static size_t lane_utf8(const unsigned char *s, size_t start, size_t n, int *bad)
{
    size_t i = start;
    *bad = 0;
    while (i < n) {
        unsigned char c = s[i];
        if (c < 0x80) {
            if (++i < n && s[i] >= 0x80)
                continue; /* one letter between two characters of another script */
#if defined(__SSE2__)
            while (i + 32 <= n) {
                __m128i a = _mm_loadu_si128((const __m128i *)(s + i));
                __m128i b = _mm_loadu_si128((const __m128i *)(s + i + 16));
                if (_mm_movemask_epi8(_mm_or_si128(a, b)))
                    break;
                i += 32;
            }
#endif
            while (i + 8 <= n) {
                uint64_t word;
                memcpy(&word, s + i, 8);
                if (word & 0x8080808080808080ULL)
                    break;
                i += 8;
            }
            while (i < n && s[i] < 0x80)
                i++;
            continue;
        }
        if (c >= 0xE1 && c <= 0xEF && c != 0xED) {
            /* The three-byte range of Japanese text: twelve bytes, four characters, at a time. */
            while (i + 12 <= n && s[i + 3] >= 0xE1) {
                unsigned char l0 = s[i], l1 = s[i + 3], l2 = s[i + 6], l3 = s[i + 9];
                if ((unsigned char)(l0 - 0xE1) > 0x0B || (unsigned char)(l1 - 0xE1) > 0x0B ||
                    (unsigned char)(l2 - 0xE1) > 0x0B || (unsigned char)(l3 - 0xE1) > 0x0B)
                    break;
                if (((s[i + 1] ^ 0x80) | (s[i + 2] ^ 0x80) | (s[i + 4] ^ 0x80) | (s[i + 5] ^ 0x80) |
                     (s[i + 7] ^ 0x80) | (s[i + 8] ^ 0x80) | (s[i + 10] ^ 0x80) | (s[i + 11] ^ 0x80)) & 0xC0)
                    break;
                i += 12;
            }
            if (i >= n)
                break;
            c = s[i];
            if (c < 0x80)
                continue;
        }
        if (c < 0xC2) {
            *bad = 1;
            return i;
        }
        if (c < 0xE0) {
            if (i + 1 >= n)
                return i;
            if ((s[i + 1] & 0xC0) != 0x80) {
                *bad = 1;
                return i;
            }
            i += 2;
        } else if (c < 0xF0) {
            unsigned char low = c == 0xE0 ? 0xA0 : 0x80, high = c == 0xED ? 0x9F : 0xBF;
            if (i + 1 >= n)
                return i;
            if (s[i + 1] < low || s[i + 1] > high) {
                *bad = 1;
                return i;
            }
            if (i + 2 >= n)
                return i;
            if ((s[i + 2] & 0xC0) != 0x80) {
                *bad = 1;
                return i;
            }
            i += 3;
        } else if (c < 0xF5) {
            unsigned char low = c == 0xF0 ? 0x90 : 0x80, high = c == 0xF4 ? 0x8F : 0xBF;
            if (i + 1 >= n)
                return i;
            if (s[i + 1] < low || s[i + 1] > high) {
                *bad = 1;
                return i;
            }
            if (i + 2 >= n)
                return i;
            if ((s[i + 2] & 0xC0) != 0x80) {
                *bad = 1;
                return i;
            }
            if (i + 3 >= n)
                return i;
            if ((s[i + 3] & 0xC0) != 0x80) {
                *bad = 1;
                return i;
            }
            i += 4;
        } else {
            *bad = 1;
            return i;
        }
    }
    return n;
}

#if defined(_WIN32)
#define LANE_DIRECT 0
static ptrdiff_t lane_send(int fd, const void *a, size_t an, const void *b, size_t bn)
{
    (void)fd; (void)a; (void)an; (void)b; (void)bn;
    return -1;
}
#else
#define LANE_DIRECT 1
#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif
/* Write two pieces to a non-blocking socket in one system call; returns the bytes taken, 0 when it would block,
   -1 on an error, which the transport's own next write will meet and report. */
static ptrdiff_t lane_send(int fd, const void *a, size_t an, const void *b, size_t bn)
{
    ssize_t sent;
    if (bn == 0) {
        sent = send(fd, a, an, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
        struct iovec parts[2];
        struct msghdr message;
        parts[0].iov_base = (void *)a;
        parts[0].iov_len = an;
        parts[1].iov_base = (void *)b;
        parts[1].iov_len = bn;
        memset(&message, 0, sizeof(message));
        message.msg_iov = parts;
        message.msg_iovlen = 2;
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (sent < 0)
        return (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
    return sent;
}
#endif

#endif
