"""NATS servers with a configuration of their own, and certificates for them."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from scripts.sink_kills import free_port

DEADLINE_S = 20.0


class Certificates:
    """An authority and what it signs, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, *names: str, **dates: Any) -> Path:
        """Write a certificate with its key to a file."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        self.authority.issue_cert(*names, **dates).private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def block(self, cert: Path, *more: str) -> str:
        """Return what makes a server speak TLS."""
        return "\n".join([f'tls {{ cert_file: "{cert}", key_file: "{cert}"', *more, "}"])


class NatsServer:
    """A NATS server that keeps its port over restarts.

    Parameters:
        program: its path.
        folder: for its files.
        lines: of its configuration.
        has_jetstream: whether it keeps anything.
    """

    def __init__(self, program: str, folder: Path, *lines: str, has_jetstream: bool = True) -> None:
        self.port = free_port()
        self._program = program
        self._folder = folder / f"nats{self.port}"
        self._folder.mkdir()
        self._begin = [f"listen: 127.0.0.1:{self.port}"]
        if has_jetstream:
            self._begin.append(
                f'jetstream {{ store_dir: "{self._folder}", max_memory_store: 64MB, max_file_store: 1GB }}'
            )
        self._config = self._folder / "server.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(*lines)

    def configure(self, *lines: str) -> None:
        """Write its configuration; one that runs takes it over, without ending connections that it may keep."""
        self._config.write_text("\n".join([*self._begin, *lines]), encoding="utf-8")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start it."""
        log = str(self._folder / "log")
        self._process = subprocess.Popen([self._program, "-c", str(self._config), "-l", log])
        ends_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > ends_s:
                    raise AssertionError(Path(log).read_text(encoding="utf-8")) from None
                time.sleep(0.01)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, who: str = "", scheme: str = "nats") -> str:
        """Return its address for somebody."""
        return f"{scheme}://{who}{'@' if who else ''}127.0.0.1:{self.port}"


@contextmanager
def serving(program: str, folder: Path, *lines: str, has_jetstream: bool = True) -> Iterator[NatsServer]:
    """Run a NATS server."""
    server = NatsServer(program, folder, *lines, has_jetstream=has_jetstream)
    try:
        server.start()
        yield server
    finally:
        server.kill()
