"""Which parts of URLs and headers are secrets, and how they look in logs, traces, errors and reprs.

One table for the whole project; ``wire/trace.py`` and every options object print through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "MASK",
    "holds_secret",
    "is_secret_header",
    "is_secret_key",
    "mask_head",
    "mask_headers",
    "mask_log",
    "mask_text",
    "mask_url",
    "url_trouble",
]

MASK = "***"

_SECRET_HEADERS = frozenset(
    {
        "api-key", "authorization", "cookie", "proxy-authorization", "set-cookie", "x-access-token", "x-amz-security-token",
        "x-api-key", "x-api-secret", "x-auth-token", "x-csrf-token",
    }
)  # fmt: skip
_SECRET_HEADER_PREFIXES = ("apca-", "access-", "x-mbx-")
_HARMLESS_HEADER_PREFIXES = ("access-control-",)
# Names under which brokers and login frames carry what must not be seen; compared without case, "-" and "_".
_SECRET_KEYS = frozenset(
    {
        "accesskey", "accesspassphrase", "accesssign", "accesstoken", "apikey", "apipassword", "apisecret", "apitoken",
        "auth", "authorization", "authtoken", "bearertoken", "clientsecret", "idtoken", "key", "keyid", "listenkey",
        "oauthtoken", "passphrase", "passwd", "password", "privatekey", "refreshtoken", "secret", "secretkey",
        "sessionkey", "sessiontoken", "sign", "signature", "token", "xapikey",
    }
)  # fmt: skip

# What is masked may be a peer's, and long: no pattern looks at anything but a constant number of times.

# The name of a JSON member, and a value, which may be cut off; quotes are escaped where JSON stands inside JSON.
_NAME = re.compile(r"""(?P<quote>\\{0,64}["'])(?P<name>[\w.-]+)(?P=quote)\s*:\s*""")
_VALUE = re.compile(
    r"""
      "(?:[^"\\]|\\.)*"?              # a string
    | \\+".*?(?:\\{1,64}"|$)          # a string inside a string
    | '(?:[^'\\]|\\.)*'?              # a string as Python prints it
    | \[[^\]]*\]?                     # a list
    | [^\s,}\]\[{"']+                 # a number or a word
    """,
    re.DOTALL | re.VERBOSE,
)
# A header inside a log line, where line ends may be shown as escapes.
_HEADER = re.compile(
    r"(?:^|(?<=\\n))(?P<name>[A-Za-z][\w-]*)(?P<colon>:[ \t]*)(?P<value>.*?)(?=\\r\\n|\r|\n|$)", re.MULTILINE
)
_PAIR = re.compile(r"(?<![\w-])(?P<lead>(?:(?![A-Za-z])[\w-])*)(?P<name>[A-Za-z][\w-]*)=(?P<value>[^&\s\"',;]+)")
# User info where it is not found by taking a URL apart: without a scheme, or with a / ? # in it that should be escaped.
_LOOSE_USER = re.compile(
    r"""
    ^(?!wss?\+unix:)                                      # where "@" begins an abstract name
    (?=[^@]*@)
    (?:
      (?P<scheme>[\w.+-]*://)(?![^/?#]*@)                 # no user info as the rules have it,
      [^/?#\[\]]*:(?!\d*(?:[/?#]|$)).*                    # but a port that is none
    | [^/?#]*                                             # or no scheme
    )@
    """,
    re.DOTALL | re.VERBOSE,
)
_SCHEME = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_NAMES_IN_BYTES = re.compile(
    rb"(?i)(?<![a-z])(?:api|access|secret|private|session|listen|x)?[-_]?"
    rb"(?:authorization|key|keyid|passphrase|passwd|password|secret|signature|sign|token|auth)(?![a-z])"
)


def _normal(name: str) -> str:
    return re.sub(r"[-_]", "", name.lower())


def is_secret_header(name: str) -> bool:
    """Tell whether the value of this HTTP header must not be shown."""
    name = name.strip().lower()
    if name.startswith(_HARMLESS_HEADER_PREFIXES):
        return False
    return name in _SECRET_HEADERS or name.startswith(_SECRET_HEADER_PREFIXES)


def is_secret_key(name: str) -> bool:
    """Tell whether the value of this query parameter or JSON member must not be shown."""
    return _normal(name) in _SECRET_KEYS


def mask_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers in order with secret values replaced."""
    items = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, MASK if is_secret_header(name) else value) for name, value in items]


def mask_url(url: str) -> str:
    """Return the URL without user info and with the values of secret query parameters replaced."""
    url = _LOOSE_USER.sub(lambda match: f"{match['scheme'] or ''}{MASK}@", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return mask_text(re.sub(r"//[^/]*@", f"//{MASK}@", url))
    netloc = parts.netloc
    if "@" in netloc:
        netloc = f"{MASK}@{netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, netloc, parts.path, _mask_pairs(parts.query), _mask_pairs(parts.fragment)))


def url_trouble(url: str, error: ValueError) -> str:
    """Return why a URL cannot be taken apart; where that would quote a part of a password, how to write one."""
    return "in user and password / ? # are written %2F %3F %23" if _LOOSE_USER.match(url) else str(error)


def _mask_pairs(query: str) -> str:
    return "&".join(
        f"{name}{equals}{MASK if equals and is_secret_key(name) else value}"
        for name, equals, value in (pair.partition("=") for pair in query.split("&"))
    )


def mask_head(head: str) -> str:
    """Return the head of an HTTP request or answer with secret headers and secrets in its URLs replaced."""
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) == 3 and words[2].startswith("HTTP/"):
        words[1] = mask_url(words[1])
    shown = [" ".join(words)]
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and is_secret_header(name):
            value = f" {MASK}"
        elif colon and name.strip().lower() in ("location", "referer"):
            value = f" {mask_url(value.strip())}"
        shown.append(f"{name}{colon}{value}")
    return "\r\n".join(shown)


def mask_log(line: str) -> str:
    """Return a log line that may quote whole requests and answers with every secret in it replaced."""

    def header(match: re.Match[str]) -> str:
        return f"{match['name']}{match['colon']}{MASK}" if is_secret_header(match["name"]) else match[0]

    return mask_text(_HEADER.sub(header, line))


def mask_text(text: str) -> str:
    """Return a message with the values of secret JSON members, form fields and authorizations replaced.

    It works on text that is cut off or no JSON at all, and hides too much rather than too little.
    """

    def pair(match: re.Match[str]) -> str:
        return f"{match['lead']}{match['name']}={MASK}" if is_secret_key(match["name"]) else match[0]

    text = _PAIR.sub(pair, _mask_members(text))
    return _SCHEME.sub(lambda match: f"{match['scheme']} {MASK}", text)


def _mask_members(text: str) -> str:
    shown = []
    position = 0
    while (name := _NAME.search(text, position)) is not None:
        shown.append(text[position : name.end()])
        position = name.end()
        is_secret = is_secret_key(name["name"]) or is_secret_header(name["name"])
        if is_secret and (value := _VALUE.match(text, position)) is not None:
            shown.append(f"{name['quote']}{MASK}{name['quote']}")
            position = value.end()
    return "".join(shown) + text[position:]


def holds_secret(payload: bytes) -> bool:
    """Tell whether binary data names a secret, as a login frame in MessagePack does."""
    return _NAMES_IN_BYTES.search(payload) is not None
