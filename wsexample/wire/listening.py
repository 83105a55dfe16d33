"""The address of a server: unix sockets with the right permissions, removed in the end, and words for what cannot be taken."""

from __future__ import annotations

import errno
import os
import socket
import stat

from wsexample.errors import ListenError, OptionError

__all__ = ["UnixAddress", "check_address", "listen_error"]


def check_address(host: str | None, port: int, unix_path: str | None) -> None:
    """See that an address to listen on can be one.

    Parameters:
        host: name or address; None for all.
        port: 0 to 65535; 0 lets the system choose.
        unix_path: of a socket, in place of both.

    Raises:
        OptionError: it cannot; loops would raise what they like, or take another port.
    """
    if not 0 <= port <= 65535:
        raise OptionError(f"port must be 0 to 65535, not {port}", option="port")
    for name, words in (("host", host), ("unix_path", unix_path)):
        if words is not None and "\0" in words:
            raise OptionError(f"{name} must not hold a zero byte", option=name)


class UnixAddress:
    """A unix socket to listen on.

    Parameters:
        path: of the socket; a leading "@" stands for Linux's abstract names.
        mode: its permissions, None for those that the process's umask leaves.
        removes_stale: whether a socket left behind by a server that is gone is removed first.
    """

    def __init__(self, path: str, *, mode: int | None, removes_stale: bool) -> None:
        self.path = path
        self._mode = mode
        self._removes_stale = removes_stale
        self._inode: int | None = None

    def take(self) -> socket.socket:
        """Return a socket bound to the path, whose permissions are right from the first moment on.

        Raises:
            OptionError: this system has no unix sockets.
            OSError: the path cannot be taken.
        """
        if not hasattr(socket, "AF_UNIX"):
            raise OptionError("this system has no unix sockets", option="unix_path")
        path, mode = self.path, self._mode
        is_file = not path.startswith("@")
        if is_file and self._removes_stale:
            _remove_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            umask = os.umask(0o777 & ~mode) if mode is not None and is_file else None
            try:
                sock.bind(path if is_file else "\0" + path[1:])
            finally:
                if umask is not None:
                    os.umask(umask)
            if is_file:
                self._inode = os.stat(path).st_ino
        except BaseException:  # whatever it was: nobody else knows the socket
            sock.close()
            raise
        return sock

    def remove(self) -> None:
        """Remove the socket, unless another server has put its own there meanwhile."""
        inode, self._inode = self._inode, None
        if inode is not None:
            try:
                if os.stat(self.path).st_ino == inode:
                    os.unlink(self.path)
            except FileNotFoundError:
                pass


def _remove_stale(path: str) -> None:
    """Remove a unix socket on which nobody listens any more; a living one and any other file stay."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass  # listening will tell what is wrong


def listen_error(error: OSError, *, host: str | None, port: int, unix_path: str | None) -> ListenError:
    """Say why an address cannot be taken, and what to do.

    Parameters:
        error: what the system said.
        host: address that was asked for, None for all.
        port: TCP port that was asked for.
        unix_path: unix socket that was asked for in place of both.
    """
    address = unix_path or f"{host or '*'}:{port}"
    in_use = error.errno == errno.EADDRINUSE or "address already in use" in str(error).lower()
    if in_use and unix_path is not None:
        message = f"{address} is in use by another program; choose another path or stop that program"
    elif in_use:
        message = f"{address} is in use by another program; choose another port or stop that program"
    elif isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        message = f"cannot listen on {address}: {host} is no address of this machine"
    elif error.errno in (errno.EACCES, errno.EPERM) and unix_path is not None:
        message = f"cannot listen on {address}: not permitted; look at the permissions of its directory"
    elif error.errno in (errno.EACCES, errno.EPERM):
        message = f"cannot listen on {address}: not permitted; ports below 1024 may need special rights"
    else:
        message = f"cannot listen on {address}: {error.strerror or error}"
    return ListenError(message, address=address, in_use=in_use)
