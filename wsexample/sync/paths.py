"""The parts of a blocking connection, and whether its messages may go the short way, past what a program may have replaced.

Sending, receiving and closing stand on this, each in a file of its own (``sending.py``, ``receiving.py``, ``closing.py``);
connecting is in ``_core.py``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from wsexample.sync._abnf import ABNF, continuous_frame, frame_buffer
from wsexample.sync._handshake import handshake_response
from wsexample.sync._socket import sock_opt
from wsexample.sync.pipe import Pipe
from wsexample.sync.tls_socket import TlsSocket
from wsexample.wire.frames import Frames

__all__ = ["RECEIVE_HOOKS", "SEND_HOOKS", "Paths"]

RECEIVE_HOOKS = ("recv_frame", "recv_data_frame", "recv_data", "_recv")
SEND_HOOKS = ("send_frame", "_send")
LEAVE_S = 1.0
"""How long to wait for another thread to leave a socket that was cut, seconds; it is woken by that."""
_HOOKS = frozenset({*RECEIVE_HOOKS, *SEND_HOOKS, "dispatcher", "get_mask_key", "sock"})


class NoLock:
    """Stands for a lock where the program has only one thread."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class Paths:
    """What a connection consists of; the parameters are those of `WebSocket`."""

    _overrides_receive = False
    _overrides_send = False

    def __init__(
        self,
        *,
        get_mask_key: Callable[[int], str | bytes] | None,
        sockopt: Sequence[Any] | None,
        sslopt: dict[str, Any] | None,
        fire_cont_frame: bool,
        enable_multithread: bool,
        skip_utf8_validation: bool,
        dispatcher: Any,
    ) -> None:
        self._row: deque[Any] = deque()
        self._pipe: Pipe | None = None
        self._frames: Frames | None = None
        self._is_fast = self._is_fast_to_send = False
        self._owns_socket = True
        self._patience: dict[int, float] = {}
        self._peer_close: ABNF | None = None
        self._has_sent_close = self._is_closing = False
        self._farewell = threading.RLock()
        self._cancel_dial: Callable[[], None] | None = None
        self._shutdowns = 0
        self.sock_opt = sock_opt(sockopt, sslopt)
        self.handshake_response: handshake_response | None = None
        self.sock: Any = None
        self.connected = False
        self.close_frame: ABNF | None = None
        self.get_mask_key = get_mask_key
        self.frame_buffer = frame_buffer(lambda size: self._recv(size), skip_utf8_validation)
        self.cont_frame = continuous_frame(fire_cont_frame, skip_utf8_validation)
        self.dispatcher = dispatcher
        self.lock: Any = threading.Lock() if enable_multithread else NoLock()
        """Held by whoever sends."""
        self.readlock: Any = threading.RLock() if enable_multithread else NoLock()
        """Held by whoever receives, from the first frame of a message to its last."""

    def _recv(self, bufsize: int) -> bytes:
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _HOOKS:
            self._choose_paths()

    def _choose_paths(self) -> None:
        """Decide whether messages may go the short way, past the methods that a program may have replaced."""
        own = self.__dict__
        frames = self._frames
        is_ours = self._pipe is not None and frames is not None and self._is_own_socket(own.get("sock"))
        self._is_fast = is_ours and not self._overrides_receive and not any(name in own for name in RECEIVE_HOOKS)
        self._is_fast_to_send = (
            is_ours
            and not self._replaces_sending()
            and own.get("dispatcher") is None
            and own.get("get_mask_key") is None
            and frames is not None
            and frames.link.tracer is None
        )

    def _replaces_sending(self) -> bool:
        """Tell whether a program has put something of its own in the place of what sends."""
        return self._overrides_send or any(name in self.__dict__ for name in SEND_HOOKS)

    def _is_own_socket(self, sock: Any) -> bool:
        pipe = self._pipe
        return pipe is not None and (sock is pipe.sock or type(sock) is TlsSocket)

    def _drop(self) -> None:
        """Forget the connection; the socket is closed, and what it brought in is gone."""
        pipe = self._pipe
        self._pipe = self._frames = None
        self._row = deque()
        self.sock = None
        self.connected = False
        if pipe is not None:
            pipe.hang_up()
            for lock in (self.readlock, self.lock):  # the number may be another socket's as soon as it is closed
                if lock.acquire(timeout=LEAVE_S):
                    lock.release()
            pipe.let_go()
