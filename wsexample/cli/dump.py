"""``wsexample dump``: websocket-client's ``wsdump`` on our wire. Lines of standard input go out, whatever comes is printed.

It blocks, like the tool whose options it has; ``wseclient`` is the one with reconnection, codings and profiles.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import click

from wsexample.cli.exit_codes import NORMAL_CLOSE_CODES, ExitCode, exit_code_for, exit_status_help
from wsexample.cli.options import CONTEXT, Command, debug_option, option
from wsexample.cli.running import let_streams_speak_unicode, status_of_failure
from wsexample.errors import ConnectionClosed, HandshakeError, OptionError, WsExampleError

__all__ = ["main"]

DATA = (1, 2)
CLOSE_WAIT_S = 3.0
"""How long the server has to answer our close frame."""
MAX_UNPAINTED_LINES = 1000
"""How far receiving runs ahead of a terminal that is slower than the server."""
MAX_SHOWN_BYTES = 8 * 1024 * 1024
"""What a packed frame may unpack to; a few octets can be made to hold gigabytes."""
EXAMPLES = """\b
Examples:
  wsexample dump wss://example.org/feed
  echo hello | wsexample dump -r --eof-wait 1 ws://127.0.0.1:9000
  wsexample dump -r -t '{"op":"subscribe"}' --timings wss://example.org/feed
  wsexample dump -v -s chat -o https://example.org --headers 'X-A: 1, X-B: 2' ws://127.0.0.1:9000
  wsexample dump -n -p http://user:password@127.0.0.1:3128 wss://10.0.0.7
"""
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
    epilog=EXAMPLES
    + "\n"
    + exit_status_help(
        ExitCode.OK,
        ExitCode.USAGE,
        ExitCode.CLOSED,
        ExitCode.PROXY_NOT_RESOLVED,
        ExitCode.HOST_NOT_RESOLVED,
        ExitCode.CONNECT,
        ExitCode.STRANGE_REPLY,
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
    let_streams_speak_unicode()
    try:
        _Dump(settings).run(url)
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything ends here as one line
        sys.exit(int(status_of_failure(_our_own(error), debug=debug)))


def _our_own(error: Exception) -> Exception:
    """Return the error of the wire behind one with websocket-client's name; it knows the exit status.

    A refusal is told without the headers and the page that websocket-client puts into its sentence.
    """
    if isinstance(error, HandshakeError) and error.status not in (None, 101):
        answer = f"HTTP {error.status} {error.reason or ''}".rstrip()
        told = HandshakeError(
            f"the server did not open a WebSocket: {answer}", status=error.status, reason=error.reason
        )
        return told.with_traceback(error.__traceback__)
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
        self._is_marked = not settings["raw"]
        self._is_terminal = sys.stdout.isatty()
        self._has_colours = self._is_marked and self._is_terminal and "NO_COLOR" not in os.environ
        self._is_leaving = False
        self._failure: OptionError | None = None
        self._is_over = threading.Event()

    def run(self, url: str) -> None:
        """Talk until stdin ends or the server closes."""
        from wsexample import sync

        trace = logging.StreamHandler()
        if self._settings["verbose"] > 1:
            sync.enableTrace(True, trace)
        ws = sync.create_connection(url, **self._options())
        try:
            if self._is_marked:
                click.echo("Press Ctrl+C to quit")
            if self._settings["text"]:
                ws.send(self._settings["text"])
            if self._is_marked and self._is_terminal and sys.stdin.isatty():
                asyncio.run(self._at_prompt(ws, trace))
            else:
                threading.Thread(target=self._send_lines, args=(ws,), name="stdin", daemon=True).start()
                self._receive(ws, lambda line: click.echo(line))
                if self._failure is not None:
                    raise self._failure
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

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send_lines(self, ws: Any) -> None:
        """Send what is piped in, then leave."""
        from wsexample.sync import WebSocketException

        with contextlib.suppress(WebSocketException, OSError, ValueError):  # it is over, as whoever receives finds out
            try:
                for line in sys.stdin:
                    ws.send(line.rstrip("\r\n"))
            except UnicodeError:
                self._failure = OptionError("standard input is not UTF-8 from here on, which no text message may be")
            self._leave(ws)

    def _leave(self, ws: Any) -> None:
        """Wait as long as was asked for, say goodbye, and hang up on who does not answer."""
        self._is_over.wait(self._settings["eof_wait"])
        self._is_leaving = True
        ws.send_close()
        self._is_over.wait(CLOSE_WAIT_S)
        ws.shutdown()

    async def _at_prompt(self, ws: Any, trace: logging.StreamHandler[Any]) -> None:
        """Send what is typed, and print what comes above the line that is being typed."""
        from wsexample.cli.client.prompt import Prompt, history_path

        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()
        interrupts: list[int] = []
        prompt = Prompt(interrupts.append, history_path().with_name("dump_history"))

        def settle(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result(error)

        def receive(show: Callable[[str], None]) -> None:
            error: BaseException | None = None
            try:
                self._receive(ws, show)
            except Exception as failure:  # noqa: BLE001 - raised again in the main thread
                error = failure
            self._is_over.set()
            with contextlib.suppress(RuntimeError):  # the user was faster, and the loop is closed
                loop.call_soon_threadsafe(settle, error)

        async def send_typed() -> None:
            while (line := await prompt.read()) is not None:
                await asyncio.to_thread(ws.send, line)
            if not interrupts:
                await asyncio.to_thread(self._leave, ws)

        with prompt.above() as above:
            room = threading.Semaphore(MAX_UNPAINTED_LINES)

            def paint(line: str) -> None:
                above.write(f"{line}\n")
                room.release()

            def show(line: str) -> None:
                while not room.acquire(timeout=0.2):
                    if self._is_over.is_set():
                        return
                with contextlib.suppress(RuntimeError):  # the user was faster, and the loop is closed
                    loop.call_soon_threadsafe(paint, line)

            trace.setStream(_Lines(show))
            threading.Thread(target=receive, args=(show,), name="receiver", daemon=True).start()
            typing = asyncio.ensure_future(send_typed())
            ends: set[asyncio.Future[Any]] = {typing, ended}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                typing.cancel()
                (failure,) = await asyncio.gather(typing, return_exceptions=True)
                await prompt.close()
        if interrupts:
            raise KeyboardInterrupt
        error = ended.result() if ended.done() else failure
        if error is not None:
            raise error

    # -- receiving ---------------------------------------------------------------------------------------------------

    def _receive(self, ws: Any, show: Callable[[str], None]) -> None:
        from wsexample.sync import WebSocketConnectionClosedException

        while True:
            try:
                opcode, data = ws.recv_data(control_frame=True)
            except WebSocketConnectionClosedException:
                if self._is_leaving:
                    return
                raise
            if opcode in DATA or self._settings["verbose"]:
                show(self._line(opcode, shown(opcode, data)))
            if opcode == 8:
                code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1000
                if code not in NORMAL_CLOSE_CODES:
                    raise ConnectionClosed(code=code, reason=data[2:].decode("utf-8", "replace"), was_clean=True)
                return

    def _line(self, opcode: int, text: str) -> str:
        from wsexample.sync import ABNF

        if self._settings["verbose"]:
            text = f"{ABNF.OPCODE_MAP.get(opcode)}: {text}"
        if self._settings["timings"]:
            text = f"{time.monotonic() - self._began_s:.6f}: {text}"
        if self._is_terminal:
            text = harmless(text)
        if self._is_marked:
            text = f"< {text}"
        return f"\033[34m{text}\033[39m" if self._has_colours else text


class _Lines:
    """The stream of a log handler, as whole lines for a function."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def write(self, text: str) -> None:
        """Take what the handler writes at once: a message and its line end."""
        self._show(harmless(text.rstrip("\n")))

    def flush(self) -> None:
        """Nothing is held back."""


def shown(opcode: int, data: bytes) -> str:
    """Return what is printed of a frame: text as it is, packed text unpacked, other data as Python writes it."""
    if opcode == 1:
        return data.decode("utf-8", "replace")
    if opcode == 8:
        return f"{int.from_bytes(data[:2], 'big')} {data[2:].decode('utf-8', 'replace')}".strip() if data else ""
    if opcode == 2:
        with contextlib.suppress(OSError, EOFError, zlib.error, UnicodeDecodeError):
            if data[:2] == b"\x1f\x8b":
                return f"[gzip] {_unpacked(data, zlib.MAX_WBITS | 16).decode()}"
            return f"[zlib] {_unpacked(data, -zlib.MAX_WBITS).decode()}"
    return repr(data)


def _unpacked(data: bytes, bits: int) -> bytes:
    """Return a packed frame unpacked; raises `zlib.error` when it is none, or grows beyond what anybody reads."""
    engine = zlib.decompressobj(bits)
    found = engine.decompress(data, MAX_SHOWN_BYTES)
    if not engine.eof or engine.unconsumed_tail:
        raise zlib.error("cut off, or too much")
    return found


def harmless(text: str) -> str:
    """Return the text with what could steer a terminal escaped."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


if __name__ == "__main__":
    main(prog_name="wsexample dump")
