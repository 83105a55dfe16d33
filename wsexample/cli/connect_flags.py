"""The flags that say where and how to connect, shared by every command that takes a URL, and the options made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from wsexample.cli.asking import ASK, ask_secret
from wsexample.cli.options import BYTES, SECONDS, option
from wsexample.cli.text_file import text_of
from wsexample.wire.options import ConnectOptions, ProxyOptions, TlsOptions

__all__ = ["connect_flags", "connect_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

REQUEST, WAY, TLS, PROXY = "Request", "Way to the server", "TLS", "Proxy"
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)

_FLAGS = (
    option("-H", "--header", multiple=True, metavar="'NAME: VALUE'", section=REQUEST, aliases=["--headers"],
           help="Further request header, or @FILE with one a line; repeat."),
    option("--auth", metavar="USER[:PASS]", envvar="WSECLIENT_AUTH", section=REQUEST, aliases=["--basic-auth", "--user"],
           help="Basic authorization; asks for the password when none is given. Also from WSECLIENT_AUTH."),
    option("--auth-file", type=READABLE, section=REQUEST, aliases=["--basic-auth-file"],
           help="File with USER:PASS for basic authorization."),
    option("--bearer", metavar="TOKEN", envvar="WSECLIENT_BEARER", section=REQUEST, aliases=["--oauth2-bearer"],
           help="Bearer authorization. Also from WSECLIENT_BEARER."),
    option("--bearer-file", type=READABLE, section=REQUEST, help="File with the bearer token."),
    option("--cookie", multiple=True, metavar="'A=B; C=D'", section=REQUEST, help="Cookies; repeat."),
    option("-o", "--origin", section=REQUEST, help="Origin header; none is sent otherwise."),
    option("--no-origin", is_flag=True, section=REQUEST, aliases=["--suppress-origin"],
           help="Send no Origin header, whatever a profile says."),
    option("--host", section=REQUEST, help="Host header in place of the URL's."),
    option("-A", "--user-agent", section=REQUEST, aliases=["--ua"], help="User-Agent header."),
    option("-s", "--subprotocol", multiple=True, section=REQUEST, aliases=["--subprotocols", "--protocol"],
           help="Subprotocol to offer, most wanted first; repeat, or separate by commas."),
    option("--compress/--no-compress", default=False, section=REQUEST, help="Offer permessage-deflate."),
    option("-L", "--location", is_flag=True, section=REQUEST, help="Follow redirects."),
    option("--max-redirects", type=click.IntRange(0), default=10, show_default=True, section=REQUEST,
           help="Redirects to follow with -L."),
    option("--max-size", type=BYTES, section=REQUEST, aliases=["--max-ws-message-length"],
           help="Largest message to accept; default 64M, 0 for no limit."),
    option("-4", "ip_version", flag_value=4, type=int, section=WAY, help="Use IPv4 only."),
    option("-6", "ip_version", flag_value=6, type=int, section=WAY, help="Use IPv6 only."),
    option("--connect-timeout", type=SECONDS, section=WAY, help="Seconds for each step of connecting; default 10."),
    option("--unix-socket", metavar="PATH", section=WAY, help="Connect to a unix socket; @NAME for an abstract one."),
    option("--ca", type=READABLE, section=TLS, aliases=["--cacert"], help="Trust these authorities (PEM)."),
    option("--capath", type=DIRECTORY, section=TLS, help="Trust the authorities in this directory."),
    option("--cert", type=READABLE, section=TLS, help="Client certificate (PEM)."),
    option("--key", type=READABLE, section=TLS, help="Its private key, when it is in another file."),
    option("--passphrase", bare=ASK, metavar="PASS", section=TLS, aliases=["--pass"],
           help="Passphrase of the key; asks for it when written without a value."),
    option("-k", "--insecure", is_flag=True, section=TLS, aliases=["--no-check", "--nocert"],
           help="Accept any server certificate."),
    option("--sni", metavar="NAME", section=TLS, aliases=["--tls-domain"],
           help="Name to ask for and to verify in place of the URL's."),
    option("--proxy", metavar="URL", section=PROXY,
           help="http, https, socks4, socks4a, socks5 or socks5h address; default from the environment."),
    option("--socks5", metavar="ADDRESS", hidden=True, section=PROXY, help="The same as --proxy socks5://ADDRESS."),
    option("--noproxy", metavar="LIST", section=PROXY, aliases=["--no-proxy"],
           help="Hosts to reach directly, separated by commas; * for all."),
)  # fmt: skip


def connect_flags(command: Decorated) -> Decorated:
    """Add every flag of this file to a command."""
    for add in reversed(_FLAGS):
        command = add(command)
    return command


def connect_options(url: str, given: Mapping[str, Any], **more: Any) -> ConnectOptions:
    """Make options of what was written on the command line.

    Parameters:
        url: where to.
        given: values of the flags of this file, by their Python names.
        more: further fields of `ConnectOptions`.

    Raises:
        OptionError: a flag has a value that cannot work, or two exclude each other.
    """
    fields: dict[str, Any] = {
        "url": url,
        "headers": _headers(given["header"]),
        "subprotocols": [name for text in given["subprotocol"] for name in re.split(r"[,\s]+", text) if name],
        "origin": None if given["no_origin"] else given["origin"],
        "host": given["host"],
        "cookie": "; ".join(given["cookie"]) or None,
        "auth": _auth(given["auth"], given["auth_file"]),
        "bearer": given["bearer"] or _secret_in(given["bearer_file"]),
        "user_agent": given["user_agent"],
        "compression": given["compress"],
        "max_redirects": given["max_redirects"] if given["location"] else 0,
        "ip_version": given["ip_version"],
        "unix_path": given["unix_socket"],
        "tls": _tls(given),
        "server_hostname": given["sni"],
        "proxy": _proxy(given),
        **more,
    }
    if given["connect_timeout"] is not None:
        fields["connect_timeout_s"] = fields["handshake_timeout_s"] = given["connect_timeout"]
    if given["max_size"] is not None:
        fields["max_message_bytes"] = given["max_size"]
    return ConnectOptions(**fields)


def _headers(lines: tuple[str, ...]) -> list[str]:
    headers: list[str] = []
    for line in lines:
        if line.startswith("@"):
            text = text_of(Path(line[1:]), "header")
            headers += [each for each in text.splitlines() if each.strip() and not each.lstrip().startswith("#")]
        else:
            headers.append(line)
    return headers


def _auth(text: str | None, file: Path | None) -> tuple[str, str] | None:
    if text is None:
        text = _secret_in(file)
    if text is None:
        return None
    user, colon, password = text.partition(":")
    return user, password if colon else ask_secret(f"password of {user}")


def _tls(given: Mapping[str, Any]) -> TlsOptions | None:
    passphrase = given["passphrase"]
    wishes = {
        "ca_file": given["ca"],
        "ca_dir": given["capath"],
        "client_cert": given["cert"],
        "client_key": given["key"],
        "client_key_password": ask_secret("passphrase of the private key") if passphrase == ASK else passphrase,
        "verify": False if given["insecure"] else None,
    }
    chosen = {name: value for name, value in wishes.items() if value is not None}
    return TlsOptions(**chosen) if chosen else None


def _proxy(given: Mapping[str, Any]) -> ProxyOptions:
    socks = given["socks5"]
    url = given["proxy"] or (f"socks5://{socks}" if socks else None)
    return ProxyOptions(url=url, no_proxy=given["noproxy"])


def _secret_in(file: Path | None) -> str | None:
    return None if file is None else text_of(file, "file").strip()
