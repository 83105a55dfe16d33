"""Ctrl-C ends every blocking call at once, and what it interrupted is released."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.sync.peer import DEADLINE_S, Conn, frame_bytes, peer
from wsexample import sync

PROGRAM = """
import asyncio, sys, threading
from wsexample import sync
what, url = sys.argv[1:]
def said(*_): print("ready", flush=True)
try:
    if what == "connect":
        said()
        sync.create_connection(url)
    elif what == "run_forever":
        app = sync.WebSocketApp(url, on_open=said, on_error=lambda app, e: print(type(e).__name__, flush=True))
        print("returned", app.run_forever(), flush=True)
    elif what == "reconnect":
        def on_error(app, e):
            print("ready" if isinstance(e, Exception) else type(e).__name__, flush=True)
        app = sync.WebSocketApp(url, on_error=on_error)
        print("returned", app.run_forever(reconnect=1000), flush=True)
    elif what == "callback":
        app = sync.WebSocketApp(
            url,
            on_open=lambda app: (said(), threading.Event().wait()),
            on_error=lambda app, e: print(type(e).__name__, flush=True),
        )
        print("returned", app.run_forever(), flush=True)
    elif what == "notebook":
        async def cell():
            said()
            sync.create_connection(url)
        asyncio.new_event_loop().run_until_complete(cell())  # as a kernel does; asyncio.run() keeps the first Ctrl-C
    else:
        ws = sync.create_connection(url)
        said()
        if what == "send":
            ws.send_binary(bytes(100_000_000))
        elif what == "iterate":
            for message in ws:
                pass
        elif what == "close":
            try:
                ws.close(timeout=None)
            finally:
                print(ws.sock, flush=True)
        else:
            getattr(ws, what)()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to a child alone")
@pytest.mark.parametrize(
    ("what", "end"),
    [
        ("recv", ["interrupted"]),
        ("recv_data", ["interrupted"]),
        ("recv_frame", ["interrupted"]),
        ("iterate", ["interrupted"]),
        ("send", ["interrupted"]),
        ("close", ["None", "interrupted"]),
        ("connect", ["interrupted"]),
        ("notebook", ["interrupted"]),
        ("run_forever", ["KeyboardInterrupt", "returned True"]),
        ("callback", ["KeyboardInterrupt", "returned True"]),
        ("reconnect", ["KeyboardInterrupt", "returned True"]),
    ],
)
def test_ctrl_c_ends_it(what: str, end: list[str]) -> None:
    """The program waits without end for a silent server, and ends when it is interrupted; an app tells on_error."""
    is_reached = threading.Event()

    def script(conn: Conn) -> None:
        if what in ("connect", "notebook"):
            conn.read_head()
            is_reached.set()
            conn.linger()
            return
        conn.shake_hands()
        if what == "close":
            assert conn.read()[0] == 8
            is_reached.set()
            conn.linger()
            return
        is_reached.set()
        if what == "send":
            while conn.sock.recv(1, 2):  # MSG_PEEK: it is there and never read
                if threading.Event().wait(0.05) or program.poll() is not None:
                    return
        elif what != "reconnect":
            conn.until_end()
            conn.close_frame()

    with peer(script) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, what, server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            assert is_reached.wait(DEADLINE_S)
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=DEADLINE_S)
        finally:
            program.kill()
            program.communicate()
    assert out.splitlines()[-len(end) :] == end, err
    assert "Traceback" not in err


def test_an_interrupted_receive_can_be_called_again() -> None:
    """Nothing is lost by it, also in the middle of a burst."""
    frames = b"".join(frame_bytes(1, b"%d" % i) for i in range(20_000))

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.read()
        conn.raw(frames)
        conn.linger()

    class Alarm(Exception):  # noqa: N818 - what a program's own signal handler raises
        pass

    def ring(*_: Any) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with peer(script) as server:
            ws = sync.create_connection(server.url, timeout=10)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Alarm):
                ws.recv()
            ws.send("go")
            assert [ws.recv() for _ in range(20_000)] == [str(i) for i in range(20_000)]
            ws.shutdown()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
