#!/usr/bin/env python3
"""Run one of our commands as if this were Windows: ``python windows.py kclient --help``.

What Windows' Python does not have is gone or refused before wsexample is imported: modules (fcntl, termios, uvloop...), functions
of os and signal, unix sockets, poll; the loop takes no signal handlers and no readers, ``select`` waits for sockets only and
``rename`` replaces nothing. The libraries below are imported before that; for them the system stays what it is.

It finds calls that cannot work there. It says nothing of how Windows' own loop, console and files behave.
"""

from __future__ import annotations

import asyncio
import asyncio.selector_events
import os
import select
import selectors
import signal
import socket
import ssl
import stat
import sys
import sysconfig
import types
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

LIBRARIES = (
    "aiohttp.web", "autobahn.asyncio.websocket", "click", "dotenv", "getpass", "logging.handlers", "msgspec", "multiprocessing",
    "platform", "prompt_toolkit.shortcuts", "python_socks.async_.asyncio", "rich.console", "rich.live", "rich.progress",
    "rich.table", "sqlite3", "subprocess", "tempfile", "txaio", "urllib.request", "webbrowser", "yarl",
)  # fmt: skip
"""What wsexample stands on, imported while the system is still what it is."""

NO_MODULES = ("curses", "fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty", "uvloop")
NO_OS = (
    "chown", "ctermid", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg",
    "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "openpty", "pipe2",
    "posix_fadvise", "posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev", "readv", "sched_getaffinity",
    "sched_setaffinity", "sched_yield", "sendfile", "setpgid", "setsid", "setuid", "statvfs", "sync", "sysconf", "tcgetpgrp",
    "tcsetpgrp", "ttyname", "uname", "wait3", "wait4", "writev", "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOFOLLOW",
    "O_NONBLOCK", "O_SYNC",
)  # fmt: skip
NO_SIGNAL = (
    "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGIO", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGQUIT", "SIGSTOP",
    "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "getitimer", "pause", "pthread_kill", "pthread_sigmask", "setitimer",
    "siginterrupt", "sigpending", "sigwait",
)  # fmt: skip
NO_SOCKET = ("AF_UNIX", "SO_REUSEPORT", "SO_PEERCRED", "TCP_USER_TIMEOUT", "TCP_CORK", "TCP_QUICKACK", "MSG_NOSIGNAL")
NO_SELECT = ("poll", "epoll", "kqueue", "devpoll")
SIGBREAK = 21
WSAENOTSOCK, WSAEINVAL = 10038, 10022


class _SelectorLoop(asyncio.selector_events.BaseSelectorEventLoop):
    """Windows' second loop: sockets by select, no signal handlers, no unix sockets, no child processes."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        super().__init__(selector or selectors.SelectSelector())


class _DefaultLoop(_SelectorLoop):
    """Windows' default loop as far as calls go: no readers and writers either."""


def _for_asyncio(name: str) -> Callable[..., Any]:
    """Return a method of the loop that refuses callers other than asyncio itself."""

    def method(loop: Any, *given: Any) -> Any:
        if not sys._getframe(1).f_globals["__name__"].startswith("asyncio."):
            raise NotImplementedError
        return getattr(_SelectorLoop, name)(loop, *given)

    return method


for _name in ("add_reader", "add_writer", "remove_reader", "remove_writer"):
    setattr(_DefaultLoop, _name, _for_asyncio(_name))


def _pair(*_: Any) -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets over the loopback, as Windows' Python does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _address = listener.accept()
    return ours, theirs


def _select_sockets(real: Callable[..., Any]) -> Callable[..., Any]:
    def waiting(reading: Any, writing: Any, failing: Any, timeout: float | None = None) -> Any:
        watched = [*reading, *writing, *failing]
        if not watched:
            raise OSError(WSAEINVAL, "An invalid argument was supplied")
        for each in watched:
            number = each if isinstance(each, int) else each.fileno()
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                raise OSError(WSAENOTSOCK, "An operation was attempted on something that is not a socket")
        return real(reading, writing, failing, timeout)

    return waiting


def _rename(real: Callable[..., None]) -> Callable[..., None]:
    def renamed(source: Any, target: Any, **more: Any) -> None:
        if os.path.exists(target):
            raise FileExistsError(17, "Cannot create a file when that file already exists", str(target))
        real(source, target, **more)

    return renamed


def become_windows() -> None:
    """Take from this process what Windows does not have."""
    for name in LIBRARIES:
        import_module(name)
    sysconfig.get_config_vars()  # kept by it, and made for the system that is
    os.process_cpu_count = os.cpu_count  # type: ignore[attr-defined, unused-ignore]
    for name in NO_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in ((os, NO_OS), (signal, NO_SIGNAL), (socket, NO_SOCKET), (select, NO_SELECT)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    anything: Any = types.SimpleNamespace(
        signal=signal, socket=socket, ssl=ssl, events=asyncio.events, selectors=selectors
    )
    anything.signal.SIGBREAK = SIGBREAK
    anything.socket.socketpair = _pair
    anything.ssl.enum_certificates = anything.ssl.enum_crls = lambda _store: []
    anything.events.new_event_loop = asyncio.new_event_loop = _DefaultLoop
    asyncio.SelectorEventLoop = _SelectorLoop  # type: ignore[assignment]
    select.select = _select_sockets(select.select)
    anything.selectors.DefaultSelector = selectors.SelectSelector
    os.rename = _rename(os.rename)
    locking: Any = types.ModuleType("msvcrt")
    locking.LK_NBLCK, locking.LK_UNLCK, locking.locking = 2, 0, lambda *_: None
    locking.setmode = lambda *_: 0
    sys.modules["msvcrt"] = locking
    sys.platform = "win32"


def main() -> None:
    """Run the command that the arguments name."""
    become_windows()
    name, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = name
    (command,) = entry_points(group="console_scripts", name=name)
    command.load()()


if __name__ == "__main__":
    main()
