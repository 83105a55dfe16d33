"""websocket-client's trace and log lines, on its logger ``websocket``; credentials are masked in them.

The wire has a trace of its own (`wsexample.wire.trace`) with times and connection numbers; this one is for programs that
know `enableTrace`.
"""

from __future__ import annotations

import logging

from wsexample.wire.masking import mask_text

__all__ = [
    "debug",
    "dump",
    "enableTrace",
    "error",
    "isEnabledForDebug",
    "isEnabledForError",
    "isEnabledForTrace",
    "trace",
    "warning",
]

_logger = logging.getLogger("websocket")
_logger.addHandler(logging.NullHandler())


class _Trace:
    """Whether tracing is on, and what has to be put back when it is turned off."""

    is_on = False
    handler: logging.Handler | None = None
    level_before = logging.NOTSET
    shows_secrets = False


def enableTrace(
    traceable: bool,
    handler: logging.Handler | None = None,
    level: str = "DEBUG",
    *,
    show_secrets: bool = False,
) -> None:
    """Turn the trace of handshakes and frames on or off.

    Parameters:
        traceable: on or off; off also takes the handler away and puts the level back.
        handler: where lines go; None writes to standard error.
        level: level of the logger while the trace is on.
        show_secrets: show credentials and cookies, which are masked otherwise.
    """
    if _Trace.handler is not None:
        _logger.removeHandler(_Trace.handler)
        _Trace.handler = None
    if traceable:
        if not _Trace.is_on:
            _Trace.level_before = _logger.level
        _Trace.handler = handler or logging.StreamHandler()
        _logger.addHandler(_Trace.handler)
        _logger.setLevel(getattr(logging, level))
    elif _Trace.is_on:
        _logger.setLevel(_Trace.level_before)
    _Trace.is_on = bool(traceable)
    _Trace.shows_secrets = show_secrets


def shows_secrets() -> bool:
    """Tell whether the trace shows credentials."""
    return _Trace.shows_secrets


def dump(title: str, message: str) -> None:
    """Trace a block under a title."""
    if _Trace.is_on:
        _logger.debug("--- %s ---", title)
        _logger.debug("%s", message)
        _logger.debug("-----------------------")


def trace(msg: str) -> None:
    """Write a line of the trace, with the values of what looks like credentials masked."""
    if _Trace.is_on:
        _logger.debug("%s", msg if _Trace.shows_secrets else mask_text(msg))


def debug(msg: str) -> None:
    """Write a line at DEBUG."""
    _logger.debug("%s", msg)


def info(msg: str) -> None:
    """Write a line at INFO."""
    _logger.info("%s", msg)


def warning(msg: str) -> None:
    """Write a line at WARNING."""
    _logger.warning("%s", msg)


def error(msg: str, *, exc_info: BaseException | None = None) -> None:
    """Write a line at ERROR, with the traceback of an exception if there is one."""
    _logger.error("%s", msg, exc_info=exc_info)


def isEnabledForTrace() -> bool:
    """Tell whether the trace is on."""
    return _Trace.is_on


def isEnabledForDebug() -> bool:
    """Tell whether DEBUG lines are wanted."""
    return _logger.isEnabledFor(logging.DEBUG)


def isEnabledForError() -> bool:
    """Tell whether ERROR lines are wanted."""
    return _logger.isEnabledFor(logging.ERROR)
