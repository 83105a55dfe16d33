"""``wseserver`` and ``wseclient`` against Node's ``ws``, the package under most JavaScript clients and servers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import Launch
from tests.conftest import missing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

CLIENT = """
const WebSocket = require("ws");
const ws = new WebSocket(process.argv[2]);
const sent = ["hello", "日本語", "", Buffer.from([0, 255]), "x".repeat(70000)];
const story = { echoes: [], pong: null, close: null };
ws.on("open", () => { sent.forEach((m) => ws.send(m)); ws.ping("hi"); });
ws.on("pong", (data) => { story.pong = data.toString(); });
ws.on("message", (data, isBinary) => {
  story.echoes.push([isBinary, data.equals(Buffer.from(sent[story.echoes.length]))]);
  if (story.echoes.length === sent.length) ws.close(4002, "node is done");
});
ws.on("close", (code, reason) => { story.close = [code, reason.toString()]; console.log(JSON.stringify(story)); });
"""

SERVER = """
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => console.log(server.address().port));
server.on("connection", (ws) => {
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
  ws.on("close", (code) => console.log("closed " + code));
});
"""


@pytest.fixture(scope="module")
def node_folder(request: pytest.FixtureRequest) -> Path:
    """A folder where Node finds ``ws``; installed once and kept in pytest's cache."""
    import shutil

    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        missing("node and npm are not installed")
    cache = request.config.cache
    assert cache is not None
    folder = Path(cache.mkdir("node_ws"))
    if not (folder / "node_modules" / "ws").exists():
        command = [str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(folder), "ws@8"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
        if done.returncode:
            missing(f"npm could not install ws: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture
def run_node(node_folder: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a script in Node; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *args: str) -> subprocess.Popen[str]:
        file = node_folder / f"script{len(started)}-{tmp_path.name}.js"
        file.write_text(script, encoding="utf-8")
        process = subprocess.Popen(["node", str(file), *args], stdout=subprocess.PIPE, text=True, encoding="utf-8")
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    for file in node_folder.glob(f"script*-{tmp_path.name}.js"):
        file.unlink()


def test_wseserver_serves_node(run_node: Callable[..., subprocess.Popen[str]], echo_url: str) -> None:
    """A Node client gets every message back, its ping answered and its own close code returned."""
    out, _ = run_node(CLIENT, echo_url).communicate(timeout=30)
    story = json.loads(out)
    assert story["echoes"] == [[False, True], [False, True], [False, True], [True, True], [False, True]]
    assert story["pong"] == "hi"
    assert story["close"] == [4002, "node is done"]


def test_wseclient_talks_to_node(run_node: Callable[..., subprocess.Popen[str]], launch: Launch) -> None:
    """The echo test passes against a Node server, which sees a clean close."""
    server = run_node(SERVER)
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    client = launch("wseclient", f"ws://127.0.0.1:{port}", "--test", "--max-messages", "3", "--interval", "10ms")
    assert client.finish() == 0, client.story
    assert "3 sent, 3 echoed, 0 lost" in client.err[-1]
    assert server.stdout.readline().strip() == "closed 1000"
