"""What the command line of ``wseserver`` means: where to listen, who is let in, what a client gets, and which options."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from wsexample.cli.asking import ASK, ask_secret
from wsexample.cli.client.outgoing import Encoder, Message
from wsexample.cli.output import Output
from wsexample.cli.server.access import Access
from wsexample.cli.server.modes import Bridge, Broadcast, Echo, Exec, Faults, Mode, Reply
from wsexample.cli.server.status import StaticFile, Traffic
from wsexample.cli.text_file import text_of
from wsexample.cli.verbose import VerboseTrace
from wsexample.errors import OptionError
from wsexample.wire.closing import check_close
from wsexample.wire.options import ServeOptions
from wsexample.wire.tls import server_context

__all__ = ["access", "addresses", "faults", "mode", "serve_options", "static_files", "tls"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9000
FRAMES_PER_MESSAGE = 50
"""Pings, pongs and fragments that a client may send for each message that ``--rate`` allows it."""
LEAST_FRAMES_PER_S = 1000.0
"""What it may send of them all the same: a large message in fragments is nobody's attack."""


def addresses(address: tuple[str | None, int] | None, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where to listen, as arguments of ``serve``."""
    wanted: list[dict[str, Any]] = []
    host, port = address or (None, None)
    has_tcp = address is not None or given["host"] is not None or given["port"] is not None
    if given["unix_socket"]:
        wanted.append({"unix_path": given["unix_socket"]})
    if has_tcp or not (wanted or given["listen"]):
        chosen_port = given["port"] if given["port"] is not None else DEFAULT_PORT if port is None else port
        wanted.append(_tcp(given["host"] or host, chosen_port))
    wanted += [_tcp(*each) for each in given["listen"]]
    return wanted


def _tcp(host: str | None, port: int) -> dict[str, Any]:
    return {"host": None if host == "*" else host or DEFAULT_HOST, "port": port}


def static_files(given: Mapping[str, Any]) -> tuple[StaticFile, ...]:
    """Return the files to serve by HTTP."""
    return tuple(StaticFile.parse(text) for text in given["static_files"])


def mode(given: Mapping[str, Any], traffic: Traffic, note: Callable[[str], None]) -> Mode:
    """Return what clients get; raises `OptionError` when two modes are wanted."""

    wanted = [
        name
        for name, is_wanted in (
            (f"--{given['mode']}", given["mode"]),
            ("--reply", given["reply"] is not None),
            ("--exec", given["command"] is not None),
        )
        if is_wanted
    ]
    if len(wanted) > 1:
        raise OptionError(f"{' and '.join(wanted)} exclude each other", option="mode")
    if given["reply"] is not None:
        return Reply(Encoder(is_binary=given["binary"]).encode(given["reply"].encode()))
    if given["command"] is not None:
        if not given["command"].strip():
            raise OptionError("--exec names no command", option="command")
        return Exec(given["command"], is_binary=given["binary"], note=note)
    if given["mode"] == "broadcast":
        return Broadcast(given["queue_len"], traffic)
    if given["mode"] == "stdio":
        output = Output()
        return Bridge(Encoder(is_binary=given["binary"]), lambda message: output.send(_line(message)))
    return Echo()


def _line(message: Message) -> bytes:
    return (message.encode() if isinstance(message, str) else message) + b"\n"


def faults(given: Mapping[str, Any]) -> Faults:
    """Return how the server misbehaves."""

    if given["close_code"] is not None:
        check_close(given["close_code"], "")
    return Faults(
        latency_s=given["latency_ms"] / 1000,
        drop_after=given["drop_after"],
        close_code=given["close_code"],
        pongs=given["inhibit_pongs"],
    )


def access(given: Mapping[str, Any]) -> Access:
    """Return what a client must show."""

    users = []
    for text in given["users"]:
        user, colon, password = text.partition(":")
        users.append((user, password if colon else ask_secret(f"password of {user}")))
    tokens = list(given["tokens"])
    if given["token_file"] is not None:
        lines = text_of(given["token_file"], "token-file").splitlines()
        tokens += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not tokens:
            raise OptionError(f"{given['token_file']} holds no token", option="token-file")
    return Access(paths=given["paths"], users=users, tokens=tokens)


def serve_options(given: Mapping[str, Any]) -> ServeOptions:
    """Return the wire's options."""

    fields: dict[str, Any] = {
        "subprotocols": given["subprotocols"],
        "headers": list(given["headers"]),
        "allowed_origins": given["origins"] or None,
        "compression": given["compress"],
        "forwarded_by": given["forwarded_by"],
        "max_connections": given["max_connections"],
        "max_connections_per_address": given["max_per_address"],
        "max_messages_per_s": given["rate"],
        "max_frames_per_s": max(FRAMES_PER_MESSAGE * given["rate"], LEAST_FRAMES_PER_S) if given["rate"] else 0.0,
        "answer_pings": given["inhibit_pongs"] is None,
        "unix_unlink": given["unlink"],
        "unix_mode": _permissions(given["chmod"]),
        "trace": VerboseTrace(given["verbose"]) if given["verbose"] else None,
    }
    for name, field in (
        ("max_size", "max_message_bytes"),
        ("handshake_timeout", "handshake_timeout_s"),
        ("ping_interval", "ping_interval_s"),
        ("ping_timeout", "ping_timeout_s"),
    ):
        if given[name] is not None:
            fields[field] = given[name]
    return ServeOptions(**fields)


def _permissions(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise OptionError(f"--chmod {text}: write permissions such as 600 or 660", option="chmod")
    return mode


def tls(given: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return the TLS context, None to serve without TLS."""

    if given["cert"] is None:
        for name in ("key", "passphrase", "client_ca"):
            if given[name] is not None:
                raise OptionError(f"--{name.replace('_', '-')} without --cert: name the certificate too", option="cert")
        return None
    passphrase = given["passphrase"]
    return server_context(
        given["cert"],
        given["key"],
        key_password=ask_secret("passphrase of the private key") if passphrase == ASK else passphrase,
        client_ca_file=given["client_ca"],
    )
