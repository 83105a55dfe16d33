"""What stands below the options of a command's help: examples, a note, and the exit statuses that can happen there."""

from __future__ import annotations

from wsexample.cli.exit_codes import ExitCode, exit_status_help

__all__ = ["CALL_STATUSES", "STREAM_STATUSES", "epilog"]

CALL_STATUSES = (
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.HOST_NOT_RESOLVED,
    ExitCode.CONNECT,
    ExitCode.REFUSED,
    ExitCode.STORAGE,
    ExitCode.TIMEOUT,
    ExitCode.LOGIN,
    ExitCode.INTERNAL,
    ExitCode.NOT_FOUND,
    ExitCode.INTERRUPTED,
)
"""Of a command that asks a broker something once."""
STREAM_STATUSES = (
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.CLOSED,
    ExitCode.HOST_NOT_RESOLVED,
    ExitCode.CONNECT,
    ExitCode.STRANGE_REPLY,
    ExitCode.REFUSED,
    ExitCode.STORAGE,
    ExitCode.TIMEOUT,
    ExitCode.TLS,
    ExitCode.LOST,
    ExitCode.SERVER_CERTIFICATE,
    ExitCode.LOGIN,
    ExitCode.INTERNAL,
    ExitCode.NOT_FOUND,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)
"""Of a command that streams from a broker."""


def epilog(*examples: str, statuses: tuple[ExitCode, ...] = STREAM_STATUSES, note: str = "") -> str:
    """Return the text.

    Parameters:
        examples: command lines, each with a remark if it needs one.
        statuses: what can happen.
        note: further lines between both, kept as they are.
    """
    parts = ["\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)]
    if note:
        parts.append(f"\b\n{note}")
    return "\n\n".join([*parts, exit_status_help(*statuses)])
