"""``wsexample dump``: websocket-client's ``wsdump`` on our wire. Lines of standard input go out, whatever comes is printed.

It blocks, like the tool whose options it has; ``wseclient`` is the one with reconnection, codings and profiles.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import ssl
import sys
import threading
import time
import zlib
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_code_for, exit_status_help
from wsexample.cli.options import CONTEXT, Command, debug_option, option
from wsexample.cli.running import say_error
from wsexample.errors import WsExampleError

__all__ = ["main"]

DATA = (1, 2)
_HEADER_COMMA = re.compile(r",(?=\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*:)")


class DumpCommand(Command):
    """Options whose value may be missing, and a list that ends before the URL, as people write them for wsdump."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``-v``, ``-v 2`` and ``-s a b URL`` in a form that leaves no doubt."""
        written: list[str] = []
        words = list(args)
        while words:
            word = words.pop(0)
            if word in ("-v", "--verbose"):
                written.append(f"--verbose={words.pop(0) if words and words[0].isdigit() else '1'}")
            elif re.fullmatch(r"-v{2,}", word):
                written.append(f"--verbose={len(word) - 1}")
            elif word in ("-s", "--subprotocols"):
                while words and not words[0].startswith("-") and ":" not in words[0]:
                    written.append(f"--subprotocols={words.pop(0)}")
            else:
                written.append(word)
        return super().parse_args(ctx, written)


@click.command(
    cls=DumpCommand,
    context_settings=CONTEXT,
    epilog=exit_status_help(
        ExitCode.OK,
        ExitCode.USAGE,
        ExitCode.CLOSED,
        ExitCode.HOST_NOT_RESOLVED,
        ExitCode.CONNECT,
        ExitCode.REFUSED,
        ExitCode.TIMEOUT,
        ExitCode.TLS,
        ExitCode.LOST,
        ExitCode.SERVER_CERTIFICATE,
        ExitCode.INTERRUPTED,
    ),
)
@click.argument("url", metavar="URL")
@option("-p", "--proxy", metavar="URL", section="Connection", help="Proxy, with user and password if needed.")
@option("-n", "--nocert", is_flag=True, section="Connection", help="Accept any certificate.")
@option(
    "-s",
    "--subprotocols",
    multiple=True,
    metavar="NAME...",
    section="Connection",
    help="Subprotocols to offer.",
)
@option("-o", "--origin", metavar="VALUE", section="Connection", help="Value of the Origin header.")
@option("--headers", metavar="LIST", section="Connection", help="Headers, 'Name: value' separated by commas.")
@option("-t", "--text", metavar="TEXT", section="Messages", help="Text to send first.")
@option(
    "--eof-wait", type=click.FloatRange(0), default=0, section="Messages", help="Seconds to go on after stdin ends."
)
@option("-r", "--raw", is_flag=True, section="Output", help="No prompt and no colour.")
@option("-v", "--verbose", type=int, default=0, metavar="N", section="Output", help="1: kind of frame; 2: trace.")
@option("--timings", is_flag=True, section="Output", help="Seconds since the start before each message.")
@debug_option
def main(url: str, *, debug: bool = False, **settings: Any) -> None:
    """Send lines of stdin and print what comes, with wsdump's options."""
    try:
        _Dump(settings).run(url)
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything ends here as one line
        sys.exit(int(say_error(_our_own(error), debug=debug)))


def _our_own(error: Exception) -> BaseException:
    """Return the error of the wire behind one with websocket-client's name; it knows the exit status."""
    cause = error.__cause__
    is_vague = exit_code_for(error) is ExitCode.INTERNAL
    return cause if is_vague and isinstance(cause, WsExampleError) else error


class _Dump:
    """One conversation.

    Parameters:
        settings: the command's options.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._began_s = time.monotonic()
        self._is_interactive = not settings["raw"]
        self._colours = self._is_interactive and sys.stdout.isatty()
        self._is_over = threading.Event()

    def run(self, url: str) -> None:
        """Talk until stdin ends or the server closes."""
        from wsexample import sync

        if self._settings["verbose"] > 1:
            sync.enableTrace(True)
        ws = sync.create_connection(url, **self._options())
        try:
            if self._is_interactive:
                click.echo("Press Ctrl+C to quit")
                self._prompt()
            if self._settings["text"]:
                ws.send(self._settings["text"])
            threading.Thread(target=self._send_lines, args=(ws,), name="stdin", daemon=True).start()
            self._receive(ws)
        finally:
            self._is_over.set()
            ws.close()

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        found: dict[str, Any] = {"subprotocols": list(settings["subprotocols"]), "origin": settings["origin"]}
        if settings["nocert"]:
            found["sslopt"] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
        if settings["headers"]:
            found["header"] = [item.strip() for item in _HEADER_COMMA.split(settings["headers"])]
        if settings["proxy"]:
            from wsexample.wire.proxy_rules import Proxy

            proxy = Proxy.parse(settings["proxy"])
            found |= {"http_proxy_host": proxy.host, "http_proxy_port": proxy.port, "proxy_type": proxy.scheme}
            if proxy.username is not None:
                found["http_proxy_auth"] = (proxy.username, proxy.password or "")
        return found

    def _send_lines(self, ws: Any) -> None:
        from wsexample.sync import WebSocketException

        with contextlib.suppress(WebSocketException, OSError, ValueError):  # it is over, as whoever receives finds out
            for line in sys.stdin:
                ws.send(line.rstrip("\r\n"))
                self._prompt()
            self._is_over.wait(self._settings["eof_wait"])
            ws.send_close()

    def _receive(self, ws: Any) -> None:
        while True:
            opcode, data = ws.recv_data(control_frame=True)
            if opcode in DATA or self._settings["verbose"]:
                self._show(opcode, shown(opcode, data))
            if opcode == 8:
                code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1000
                if code not in (1000, 1001):
                    from wsexample.errors import ConnectionClosed

                    raise ConnectionClosed(code=code, reason=data[2:].decode("utf-8", "replace"), was_clean=True)
                return

    def _show(self, opcode: int, text: str) -> None:
        from wsexample.sync import ABNF

        if self._settings["verbose"]:
            text = f"{ABNF.OPCODE_MAP.get(opcode)}: {text}"
        if self._settings["timings"]:
            text = f"{time.monotonic() - self._began_s:.6f}: {text}"
        if self._colours:
            click.echo(f"\033[2K\r\033[34m< {harmless(text)}\033[39m")
        else:
            click.echo(f"< {text}" if self._is_interactive else text)
        self._prompt()

    def _prompt(self) -> None:
        if self._is_interactive and sys.stdin.isatty():
            click.echo("> ", nl=False)


def shown(opcode: int, data: bytes) -> str:
    """Return what is printed of a frame: text as it is, packed text unpacked, other data as Python writes it."""
    if opcode == 1:
        return data.decode("utf-8", "replace")
    if opcode == 8:
        return f"{int.from_bytes(data[:2], 'big')} {data[2:].decode('utf-8', 'replace')}".strip() if data else ""
    if opcode == 2:
        with contextlib.suppress(OSError, EOFError, zlib.error, UnicodeDecodeError):
            if data[:2] == b"\x1f\x8b":
                return f"[gzip] {gzip.decompress(data).decode()}"
            return f"[zlib] {zlib.decompress(data, -zlib.MAX_WBITS).decode()}"
    return repr(data)


def harmless(text: str) -> str:
    """Return the text with what could steer a terminal escaped."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


if __name__ == "__main__":
    main(prog_name="wsexample dump")
