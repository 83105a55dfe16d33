"""Every command line that pages and helps show, and what of it is put in so that it runs on this machine and ends."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import click

from tests.test_docs import COMMANDS, blocks
from tests.test_help import COMMANDS as OF_OURS


class Line(NamedTuple):
    """A command line as it is shown."""

    place: str
    """Where it is shown first."""
    text: str
    """The line."""


class Part(NamedTuple):
    """One program of a pipe."""

    program: str
    words: list[str]


def of_pages() -> Iterator[Line]:
    """The lines of console blocks, those of Windows included."""
    for language, mark in (("console", r"(?:[a-z]?\$)"), ("powershell", r"PS>")):
        for block in blocks(language):
            for number, line in enumerate(block.text.replace("\\\n", " ").splitlines()):
                found = re.match(rf"{mark} (.+)", line)
                if found:
                    yield Line(f"{block}+{number}", found[1])


def of_helps() -> Iterator[Line]:
    """The lines below "Examples:" of each help, without their remarks."""
    for name, command in OF_OURS:
        found = re.search(r"Examples:\n((?:  .*(?:\n|$))+)", command.epilog or "")
        for line in found[1].splitlines() if found else ():
            shown = re.match(r"  (\S.*?)(?:   +\S.*|  a free port, told to a script)?$", line)
            if shown and not isinstance(command, click.Group):
                yield Line(f"{name} --help", shown[1])


def unique() -> list[Line]:
    """Each line once, where it is shown first."""
    found: dict[str, Line] = {}
    for line in [*of_pages(), *of_helps()]:
        found.setdefault(line.text.removeprefix(".venv/bin/"), line)
    return list(found.values())


def parts_of(text: str) -> list[Part]:
    """The programs of a line, one for each part of a pipe; where output is sent to a file is left out."""
    lexer = shlex.shlex(re.sub(r">>? \S+$", "", text), posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    return [Part(words[0].rpartition("/")[2], words[1:]) for words in parts if words]


REFUSED = [
    (
        r"^wsexample (alpaca|weex) (buy|sell|close|cancel) ",
        22,
        "what the account holds and has open decides; other lines trade on it",
    ),
    (r"BRK\.B", 78, "the simulator does not list it"),
    (r"167060019@2", 78, "a contract that may have expired"),
]
"""Lines that a simulator may refuse: pattern, exit status, reason."""
PARSED_ONLY = [
    (r"^(python3?|\.venv/bin/python|py) ", "a script or a tool for hours; its short run is a test of its own"),
    (r"^pip ", "installs"),
    (r"--live\b", "real money"),
    (r"nats://a:|tls://nats\.example", "three machines; tests/integration/test_hub_nats.py has the servers"),
    (
        r"-p http://user:password@",
        "a proxy and a host of somebody's network; tests/integration/test_proxies.py has one",
    ),
    (r"jq -r \.headline|lulds:|statuses:\* lulds", "what is rare: it would wait for minutes"),
]
"""What is not run, and why; that its flags are right is checked all the same."""


def why_not(text: str) -> str | None:
    """The reason why a line is only parsed, None when it runs."""
    return next((reason for pattern, reason in PARSED_ONLY if re.search(pattern, text)), None)


# --- what is put in ---------------------------------------------------------------------------------------------------

STREAMS = {
    "alpaca": {"quotes", "trades", "bars", "books", "news", "stream", "orders"},
    "weex": {"tickers", "quotes", "book", "trades", "candles", "account", "positions", "orders"},
}
ENDS = ["--duration", "500ms"]


def run_words(part: Part, facts: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return the words with which a command runs here, and whether it is to be interrupted when it is ready.

    Parameters:
        part: a command as it is shown.
        facts: ports and keys: "echo", "hub", "kabu", "kabu_key", "alpaca", "weex".
    """
    words = [_placed(word, facts) for word in part.words]
    if "--record" in words:
        at = words.index("--record") + 1
        words[at] = f"new-{words[at]}"
    if part.program == "wseserver":
        return _on_a_free_port(words), True
    if part.program == "wseclient":
        return (words, True) if words[-2:] == ["-w", "-1"] else (_client(words, facts), False)
    if part.program == "kclient":
        return _kclient(words, facts), False
    room = words[0] if words else ""
    if room in STREAMS:
        return _broker(words, facts), False
    if room == "sim" and words[1] == "fault":
        return [*words[:2], facts.get(words[2], facts["alpaca"]), *words[3:]], False
    if room == "sim":
        return ["sim", words[1], *_without(words[2:], "--port"), "--port", "0"], True
    if room == "hub":
        source = words[words.index("--") :] if "--" in words else []
        own = _without(words[1 : len(words) - len(source)], "--listen")
        if source:
            inner = source[1:]
            source = [
                "--",
                *(["kclient", *_kclient(inner[1:], facts)] if inner[0] == "kclient" else _broker(inner, facts)),
            ]
        return ["hub", "--listen", "127.0.0.1:0", *own, *source], True
    if room == "record":
        tape, program, *rest = words[1:]
        if program == "kclient":
            rest = _kclient(rest, facts)
        elif program in STREAMS:
            program, *rest = _broker([program, *rest], facts)
        else:
            rest = [*rest, "--max-messages", "1"]
        return ["record", f"new-{tape}", program, *rest], False
    if words[:2] == ["hub-token", "add"]:
        return [*words[:2], f"new-{words[2]}", *words[3:]], False
    if room == "replay" and "--serve" in words:
        at = words.index("--serve") + 1
        return [*words[:at], "0", *words[at + 1 :]], True
    if room == "watch":
        return [*words, "--count", "1"], False
    if room == "top":
        words = _without(words, "--ca")  # the hub here has no TLS
        return [*words, *([] if "--count" in words else ["--count", "1"])], False
    if room == "dump":
        if "--eof-wait" in words:
            return words, False
        return [*words, "--eof-wait", "20"], True  # at a terminal nothing ends it, and no line that is piped in here
    return words, False


def _placed(word: str, facts: Mapping[str, str]) -> str:
    """Put addresses of this machine in the place of those that are shown."""
    echo, hub = f"ws://127.0.0.1:{facts['echo']}", f"127.0.0.1:{facts['hub']}"
    word = re.sub(
        r"^(?:wss?://(?:example\.org/feed|host(?:/path)?|host:8080/path|(?:localhost|127\.0\.0\.1):9000)|URL)$",
        echo,
        word,
    )
    if word == "localhost:9000":
        return f"localhost:{facts['echo']}"
    return {
        "localhost:9100": hub,
        "wss://hub.example": f"ws://{hub}",
        "https://hub.example": f"http://{hub}",
        "archive/": "archive",
    }.get(word, word)


def _without(words: list[str], option: str) -> list[str]:
    """Leave an option and its value out."""
    found = list(words)
    if option in found:
        at = found.index(option)
        del found[at : at + 2]
    return found


def _on_a_free_port(words: list[str]) -> list[str]:
    if words and re.fullmatch(r"(?:[\d.]+:)?\d+", words[0]):
        words = words[1:]
    return ["127.0.0.1:0", *words]


def _client(words: list[str], facts: Mapping[str, str]) -> list[str]:
    if "--config" in words or "--replay" in words:
        return [*words, "--max-messages", "1"]
    if not any(word.startswith(("ws://", "localhost:")) for word in words):
        words = [f"ws://127.0.0.1:{facts['echo']}", *words]
    if len(words) == 1:
        return [*words, "--test", "--max-messages", "1"]
    says = {"-x", "--file", "--test", "-1", "--hex"} & set(words)
    ends = {"-1", "--max-messages"} & set(words)
    words = _without(words, "--ca")  # the server here has no TLS
    return [*words, *([] if says else ["-x", "hi"]), *([] if ends else ["--max-messages", "1"])]


def _kclient(words: list[str], facts: Mapping[str, str]) -> list[str]:
    words = [facts["kabu_key"] if word == "KEY" else word for word in words]
    ends = _without(_without(words, "--count"), "--duration")
    return [*ends, "--port", facts["kabu"], *ENDS]


def _broker(words: list[str], facts: Mapping[str, str]) -> list[str]:
    broker, command, *rest = words
    rest = [word for word in rest if word != "--sim"]
    is_stream = command in STREAMS[broker] and "--list" not in rest
    if is_stream:
        rest = [*_without(_without(rest, "--count"), "--duration"), *ENDS]
    return [broker, command, *rest, f"--sim={facts[broker]}"]


def names_ours(part: Part) -> bool:
    """Whether a part of a pipe is a command of this package."""
    return part.program in COMMANDS
