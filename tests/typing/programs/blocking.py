# mypy: allow-any-expr
# websocket-client's ``sslopt`` is a dictionary of anything.
"""Blocking programs as they are written for websocket-client, with their import line changed."""

from typing import assert_type

from wsexample import sync as websocket

with websocket.WebSocket(enable_multithread=False) as ws:
    ws.connect("ws://127.0.0.1:9000", header=["X-A: 1"], timeout=5)
    ws.send("hello")
    ws.send_binary(b"\x00")
    assert_type(ws.recv(), str | bytes)
    assert_type(ws.getstatus(), int | None)

made = websocket.create_connection(
    "ws://127.0.0.1:9000", timeout=3, subprotocols=["chat"], sslopt={"check_hostname": False}
)
assert_type(made, websocket.WebSocket)
made.settimeout(2.5)
try:
    made.recv()
except websocket.WebSocketTimeoutException as error:
    assert_type(error, websocket.WebSocketTimeoutException)
except websocket.WebSocketConnectionClosedException:
    pass
made.close()


class Loud(websocket.WebSocket):
    def recv(self, timeout: float | None = None) -> str | bytes:
        return super().recv(timeout)


assert_type(websocket.create_connection("ws://127.0.0.1:9000", class_=Loud), Loud)


def on_message(app: websocket.WebSocketApp, message: str) -> None:
    app.send(message.upper())
    app.close()


def on_error(app: websocket.WebSocketApp, error: Exception) -> None:
    print(error)


app = websocket.WebSocketApp("ws://127.0.0.1:9000", on_message=on_message, on_error=on_error)
assert_type(app.run_forever(ping_interval=20, ping_timeout=10), bool)
