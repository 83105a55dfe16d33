"""Play cases against a process under test and write down what was seen, beside what had to be seen."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.case import (
    BINARY,
    CLIENT,
    CLOSE,
    PING,
    SERVER,
    TEXT,
    Await,
    Case,
    Close,
    Fail,
    Frame,
    Gone,
    Message,
    Opens,
    Pong,
    Refuses,
    Send,
)
from conformance.peer import Deflate, Peer, show

__all__ = ["Outcome", "Process", "play", "start"]

SCRIPTS = Path(__file__).resolve().parent.parent
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NAMES = {TEXT: "text", BINARY: "binary"}


@dataclass
class Outcome:
    """What one case came to."""

    id: str
    role: str
    octets: bool
    seen: list[str] = field(default_factory=list)
    """Everything that came, in order."""
    wrong: list[str] = field(default_factory=list)
    """Where that is not what had to come."""
    told: Any = None
    """What onClose of the stack under test was told."""

    @property
    def passed(self) -> bool:
        return not self.wrong


class Process:
    """A process under test."""

    def __init__(self, stack: str, lane: str) -> None:
        path = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH", "")]))
        env = {**os.environ, "PYTHONPATH": path, "WSEXAMPLE_LANE": lane}
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "conformance.system", stack],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env=env,
        )
        self._ports: dict[str, int] = {}
        first = self._answer()
        self.lane = first["lane"]
        self.pid = self._process.pid

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and return the answer."""
        assert self._process.stdin is not None
        print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._stderr.seek(0)
            raise RuntimeError(f"the process under test ended: {self._stderr.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def port(self, options: dict[str, Any]) -> int:
        """Return where a server with these options listens."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._ports:
            self._ports[key] = self.ask("listen", options=options)["port"]
        return self._ports[key]

    def peak_memory_bytes(self) -> int:
        """Return the most resident memory that the process ever had, 0 where the system does not tell."""
        try:
            with open(f"/proc/{self.pid}/status") as file:
                return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")), 0)
        except OSError:
            return 0

    def forget_peak_memory(self) -> None:
        """Have the peak counted anew."""
        try:
            with open(f"/proc/{self.pid}/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._stderr.close()


def start(stack: str, lane: str = "") -> Process:
    """Start a process under test; ``lane`` is "require" or "skip" for our classes."""
    return Process(stack, lane)


def play(cases: Iterable[Case], process: Process, role: str, *, octets: bool = False) -> Iterator[Outcome]:
    """Play those of the cases that are for this role."""
    for case in cases:
        if role not in case.roles or (octets and not case.cuts):
            continue
        yield _Play(case, process, role, octets).run()


class _Play:
    """One case being played."""

    def __init__(self, case: Case, process: Process, role: str, octets: bool) -> None:
        self.case = case
        self.process = process
        self.role = role
        self.octets = octets
        self.outcome = Outcome(case.id, role, octets)
        self.options = dict(case.options)
        self.peer: Peer | None = None
        self.over = False

    def run(self) -> Outcome:
        case, outcome = self.case, self.outcome
        memory0 = 0
        if case.max_memory_bytes:
            self.process.forget_peak_memory()
            memory0 = self.process.peak_memory_bytes()
        try:
            opened = self._open_to_server() if self.role == SERVER else self._open_to_client()
            if opened:
                self._play_steps()
        finally:
            if self.peer is not None:
                self.peer.sock.close()
        ended = self.process.ask("told", longest_s=3.0)
        outcome.told = None if case.is_timed else _without_keys(ended["told"])
        if ended["opened"] is None:
            outcome.wrong.append("the connection is still open on the other side")
        elif ended["opened"] != opened and not isinstance(case.opening, Refuses):
            outcome.wrong.append(f"onOpen was {'' if ended['opened'] else 'not '}called")
        elif ended["opened"] and isinstance(case.opening, Refuses):
            outcome.wrong.append("onOpen was called")
        outcome.wrong += [f"unhandled: {error}" for error in ended["errors"]]
        if case.max_memory_bytes:
            grown = self.process.peak_memory_bytes() - memory0
            if grown > case.max_memory_bytes:
                outcome.wrong.append(f"memory grew by {grown >> 20} MiB")
        return outcome

    # -- opening ------------------------------------------------------------------------------------------------------

    def _open_to_server(self) -> bool:
        request = self.case.request
        port = self.process.port(self.options)
        sock = socket.create_connection(("127.0.0.1", port), timeout=self.case.longest_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = peer = Peer(sock, is_server=False, octets=self.octets)
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{port}"
        if request.raw is not None:
            head = request.raw.replace("{host}", host).replace("{key}", key)
        else:
            fields: dict[str, str | None] = {
                "Host": host,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Key": key,
                "Sec-WebSocket-Version": "13",
            }
            lines = [f"{request.method} {request.target} {request.version}"]
            lines += _lines(fields, request.changes, request.extra)
            head = "\r\n".join([*lines, "", ""])
        peer.send(head.encode("latin-1") + b"".join(peer.encode(frame) for frame in request.follow))
        answer = self._read_head(peer)
        return self._judge_response(answer, key)

    def _judge_response(self, answer: bytes | str, key: str) -> bool:
        expected, outcome = self.case.opening, self.outcome
        if isinstance(answer, str):
            outcome.seen.append(answer)
            if isinstance(expected, Opens) or answer == "silent":
                outcome.wrong.append(f"the handshake was answered with: {answer}")
            return False
        lines = answer.decode("latin-1").split("\r\n")
        status = lines[0].split(" ", 2)[1] if " " in lines[0] else "?"
        fields = _fields(lines[1:])
        outcome.seen.append(f"status {status}")
        if status != "101":
            if isinstance(expected, Opens):
                outcome.wrong.append(f"the handshake was refused with {status}")
            elif status.isdigit() and expected.statuses and int(status) not in expected.statuses:
                outcome.wrong.append(f"refused with {status}, not with {' or '.join(map(str, expected.statuses))}")
            if status == "426" and "upgrade" not in fields:
                outcome.wrong.append("status 426 without an Upgrade header (RFC 9110 section 15.5.22)")
            self._drain_until_end()
            return False
        if isinstance(expected, Refuses):
            outcome.wrong.append("the handshake was accepted")
            return True
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if fields.get("sec-websocket-accept") != [accept]:
            outcome.wrong.append(f"Sec-WebSocket-Accept is {fields.get('sec-websocket-accept')}")
        if [value.lower() for value in fields.get("upgrade", [])] != ["websocket"]:
            outcome.wrong.append(f"Upgrade is {fields.get('upgrade')}")
        if "upgrade" not in ",".join(fields.get("connection", [])).lower():
            outcome.wrong.append(f"Connection is {fields.get('connection')}")
        self._judge_agreement(fields, self._offered(self.case.request.changes, self.case.request.extra))
        return True

    def _open_to_client(self) -> bool:
        response, outcome = self.case.response, self.outcome
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(self.case.longest_s)
            self.process.ask("connect", port=listener.getsockname()[1], options=self.options)
            sock, _ = listener.accept()
        sock.settimeout(self.case.longest_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = peer = Peer(sock, is_server=True, octets=self.octets)
        head = self._read_head(peer)
        if isinstance(head, str):
            outcome.wrong.append(f"no request: {head}")
            return False
        lines = head.decode("latin-1").split("\r\n")
        fields = _fields(lines[1:])
        self._judge_request(lines[0], fields)
        key = fields.get("sec-websocket-key", [""])[0]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if response.raw is not None:
            text = response.raw.replace("{accept}", accept)
        else:
            base: dict[str, str | None] = {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Accept": accept,
            }
            changes = {
                name: value if value is None else value.replace("{accept}", accept)
                for name, value in response.changes.items()
            }
            extra = tuple(line.replace("{accept}", accept) for line in response.extra)
            text = "\r\n".join([f"{response.version} {response.status}", *_lines(base, changes, extra), "", ""])
        data = text.encode("latin-1") + b"".join(peer.encode(frame) for frame in response.follow)
        if response.ends is not None:
            peer.send(data[: response.ends])
            sock.shutdown(socket.SHUT_WR)
        else:
            peer.send(data)
        if isinstance(self.case.opening, Refuses):
            return self._await_refusal(peer)
        self._judge_agreement(
            _fields([f"{n}: {v}" for n, v in response.changes.items() if v is not None] + list(response.extra)),
            fields.get("sec-websocket-extensions", []),
        )
        outcome.seen.append("open")
        return True

    def _await_refusal(self, peer: Peer) -> bool:
        """A client that refuses the answer ends TCP, and sends no frame; one that does not answers a ping."""
        if self.case.response.raw is None and self.case.response.ends is None:
            peer.send(peer.encode(Frame(PING, b"open?")))
        event = peer.read(self.case.longest_s)
        self.outcome.seen.append(_describe(event))
        if event[0] != "end":
            self.outcome.wrong.append(f"the answer was not refused: {_describe(event)}")
        return False

    def _judge_request(self, line: str, fields: dict[str, list[str]]) -> None:
        wrong = self.outcome.wrong
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "GET" or parts[2] != "HTTP/1.1" or not parts[1].startswith("/"):
            wrong.append(f"request line {line!r}")
        if len(fields.get("host", [])) != 1:
            wrong.append(f"Host is {fields.get('host')}")
        if [value.lower() for value in fields.get("upgrade", [])] != ["websocket"]:
            wrong.append(f"Upgrade is {fields.get('upgrade')}")
        if "upgrade" not in ",".join(fields.get("connection", [])).lower():
            wrong.append(f"Connection is {fields.get('connection')}")
        if fields.get("sec-websocket-version") != ["13"]:
            wrong.append(f"Sec-WebSocket-Version is {fields.get('sec-websocket-version')}")
        keys = fields.get("sec-websocket-key", [])
        try:
            if len(keys) != 1 or len(base64.b64decode(keys[0], validate=True)) != 16:
                wrong.append(f"Sec-WebSocket-Key is {keys}")
        except ValueError:
            wrong.append(f"Sec-WebSocket-Key is {keys}")

    def _judge_agreement(self, fields: dict[str, list[str]], offered: list[str]) -> None:
        """Look at subprotocol and extensions of a 101 response, from whichever side it came."""
        expected = self.case.opening
        assert isinstance(expected, Opens)
        assert self.peer is not None
        wrong = self.outcome.wrong
        subprotocol = ",".join(fields.get("sec-websocket-protocol", []))
        if self.role == SERVER and subprotocol != expected.subprotocol:
            wrong.append(f"subprotocol {subprotocol!r}, not {expected.subprotocol!r}")
        if subprotocol:
            self.outcome.seen.append(f"subprotocol {subprotocol}")
        agreed = parse_extensions(fields.get("sec-websocket-extensions", []))
        if agreed:
            self.outcome.seen.append("; ".join([agreed[0][0], *sorted(map(_parameter, agreed[0][1].items()))]))
        if len(agreed) > 1 or (agreed and agreed[0][0] != "permessage-deflate"):
            wrong.append(f"extensions {agreed}")
            return
        if expected.deflate is not None and bool(agreed) != expected.deflate:
            wrong.append(f"permessage-deflate was {'' if agreed else 'not '}agreed on")
        if agreed:
            offers = [params for name, params in parse_extensions(offered) if name == "permessage-deflate"]
            if self.role == SERVER and not any(is_legal(offer, agreed[0][1]) for offer in offers):
                wrong.append(f"{_parameters(agreed[0][1])} is no answer to {', '.join(map(_parameters, offers))}")
            self.peer.deflate = Deflate(agreed[0][1], self.peer.is_server)

    @staticmethod
    def _offered(changes: Any, extra: tuple[str, ...]) -> list[str]:
        lines = [f"{name}: {value}" for name, value in changes.items() if value is not None]
        return _fields([*lines, *extra]).get("sec-websocket-extensions", [])

    def _read_head(self, peer: Peer) -> bytes | str:
        """Read up to the empty line; what follows stays with the peer."""
        head = b""
        while b"\r\n\r\n" not in head:
            try:
                data = peer.sock.recv(65536)
            except TimeoutError:
                return "silent"
            except ConnectionError:
                data = b""
            if not data:
                return "end"
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        peer._have += rest
        return head

    def _drain_until_end(self) -> None:
        assert self.peer is not None
        try:
            while self.peer.sock.recv(65536):
                pass
            self.outcome.seen.append("end")
        except TimeoutError:
            self.outcome.wrong.append("the refused connection was kept open")
        except ConnectionError:
            self.outcome.seen.append("end")

    # -- playing ------------------------------------------------------------------------------------------------------

    def _play_steps(self) -> None:
        assert self.peer is not None
        for step in self.case.steps:
            if isinstance(step, Send):
                self.peer.send(b"".join(self.peer.encode(item) for item in step.frames))
            elif isinstance(step, Await):
                for pattern in step.patterns:
                    if not self._expect(pattern):
                        return
            elif isinstance(step, Fail):
                self._expect_failure(step)
                return
            elif isinstance(step, Gone):
                self._expect_end(ends_first=self.role == CLIENT and step.after_server)
                return
        if self.case.finish:
            self.peer.send(self.peer.encode(Frame(CLOSE, (1000).to_bytes(2, "big"))))
            if self._expect(Close(1000)):
                self._expect_end(ends_first=self.role == CLIENT)
        if self.role == CLIENT and len(set(self.peer.keys)) < len(self.peer.keys):
            self.outcome.wrong.append("a masking key was used twice")

    def _next(self) -> tuple[Any, ...]:
        assert self.peer is not None
        event = self.peer.read(self.case.longest_s)
        self.outcome.seen.append(_describe(event))
        return event

    def _expect(self, pattern: Message | Pong | Close) -> bool:
        event = self._next()
        if _fits(event, pattern):
            return True
        self.outcome.wrong.append(f"{_describe(event)}, not {_describe_pattern(pattern)}")
        return False

    def _expect_end(self, ends_first: bool) -> None:
        assert self.peer is not None
        if ends_first:  # RFC 6455 section 7.1.1: the server ends TCP
            with contextlib.suppress(OSError):
                self.peer.sock.shutdown(socket.SHUT_WR)
        event = self._next()
        if event[0] != "end":
            self.outcome.wrong.append(f"{_describe(event)}, not the end of TCP")

    def _expect_failure(self, step: Fail) -> None:
        assert self.peer is not None
        event = self._next()
        may_drop = self.options.get("autobahn", {}).get("failByDrop", True)
        if event[0] == "end" and may_drop:
            return
        if event[0] != "close" or (event[1] not in step.codes):
            codes = " or ".join(map(str, step.codes))
            self.outcome.wrong.append(f"{_describe(event)}, not a failure with {codes}")
            return
        self.peer.send(self.peer.encode(Frame(CLOSE, (1000).to_bytes(2, "big"))))
        self._expect_end(ends_first=self.role == CLIENT)


def parse_extensions(values: list[str]) -> list[tuple[str, dict[str, str | bool]]]:
    """Return extensions and their parameters in order (RFC 6455 section 9.1)."""
    found = []
    for item in ",".join(values).split(","):
        name, *params = [part.strip() for part in item.split(";")]
        if not name:
            continue
        fields: dict[str, str | bool] = {}
        for param in params:
            key, equals, value = param.partition("=")
            fields[key.strip()] = value.strip().strip('"') if equals else True
        found.append((name, fields))
    return found


def is_legal(offer: dict[str, str | bool], answer: dict[str, str | bool]) -> bool:
    """Tell whether a server may answer this offer so (RFC 7692 section 7.1)."""
    known = {
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    }
    if set(answer) - known:
        return False
    if "server_no_context_takeover" in offer and "server_no_context_takeover" not in answer:
        return False
    if "server_max_window_bits" in offer:
        most = int(offer["server_max_window_bits"])
        if not 8 <= int(answer.get("server_max_window_bits", 99)) <= most:
            return False
    elif "server_max_window_bits" in answer and not 8 <= int(answer["server_max_window_bits"]) <= 15:
        return False
    if "client_max_window_bits" in answer:
        if "client_max_window_bits" not in offer or answer["client_max_window_bits"] is True:
            return False
        hint = offer["client_max_window_bits"]
        return 8 <= int(answer["client_max_window_bits"]) <= (15 if hint is True else int(hint))
    return True


def _parameter(item: tuple[str, str | bool]) -> str:
    name, value = item
    return name if value is True else f"{name}={value}"


def _parameters(fields: dict[str, str | bool]) -> str:
    return "; ".join(map(_parameter, fields.items())) or "no parameters"


def _lines(base: dict[str, str | None], changes: Any, extra: tuple[str, ...]) -> list[str]:
    fields = {**base, **changes}
    return [f"{name}: {value}" for name, value in fields.items() if value is not None] + list(extra)


def _fields(lines: list[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    return fields


def _without_keys(told: Any) -> Any:
    """Take random values of Sec-WebSocket-Accept out of the words for onClose."""
    if told is None or told[2] is None:
        return told
    return [*told[:2], re.sub(r"[A-Za-z0-9+/]{27}=", "<accept>", told[2])]


def _describe(event: tuple[Any, ...]) -> str:
    kind = event[0]
    if kind == "message":
        _, opcode, payload, frames, deflated = event
        tail = f" in {frames} frames" if frames > 1 else ""
        return f"{NAMES[opcode]} {show(payload)}{tail}{' deflated' if deflated else ''}"
    if kind in ("ping", "pong"):
        return f"{kind} {show(event[1])}"
    if kind == "close":
        return f"close {event[1]}" + (f" {event[2].decode()!r}" if event[2] else "")
    if kind == "bad":
        return f"bad: {event[1]}"
    return str(kind)


def _describe_pattern(pattern: Message | Pong | Close) -> str:
    if isinstance(pattern, Message):
        return f"{NAMES[pattern.opcode]} {show(pattern.payload)}"
    if isinstance(pattern, Pong):
        return f"pong {show(pattern.payload)}"
    return f"close {' or '.join(map(str, pattern.codes)) or 'with any code'}"


def _fits(event: tuple[Any, ...], pattern: Message | Pong | Close) -> bool:
    if isinstance(pattern, Message):
        return (
            event[0] == "message"
            and event[1:3] == (pattern.opcode, pattern.payload)
            and pattern.frames in (None, event[3])
            and pattern.deflated in (None, event[4])
        )
    if isinstance(pattern, Pong):
        return event == ("pong", pattern.payload)
    return (
        event[0] == "close" and (not pattern.codes or event[1] in pattern.codes) and pattern.reason in (None, event[2])
    )
