"""What a command says that listens where other machines reach it and asks nobody who they are."""

from __future__ import annotations

from ipaddress import ip_address

__all__ = ["exposure"]


def exposure(host: str | None, what: str, remedy: str) -> str | None:
    """Return the sentence of warning, None for an address that only this machine reaches.

    Parameters:
        host: where it listens; None for everywhere.
        what: what everybody may do, such as "read market data".
        remedy: the option that limits that.
    """
    if host == "localhost":
        return None
    try:
        if host is not None and ip_address(host).is_loopback:
            return None
    except ValueError:
        pass  # a name: whoever it leads to
    return f"everybody who reaches {host or 'any address of this machine'} may {what}; {remedy} limits that"
