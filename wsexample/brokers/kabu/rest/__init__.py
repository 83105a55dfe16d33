"""kabu Station's REST calls: ``async with KabuRest(password="...") as rest: await rest.register(["9433"])``.

``calls`` says how a call is made, ``registration``, ``reads`` and ``trading`` which ones there are, ``replies`` what an
answer that is not 200 means. What arrives on the WebSocket is the client's matter.
"""

from __future__ import annotations

from wsexample.brokers.kabu.rest.replies import error_from
from wsexample.brokers.kabu.rest.trading import Placed, Trading

__all__ = ["KabuRest", "Placed", "error_from"]


class KabuRest(Trading):
    """REST calls to a kabu Station: ``async with KabuRest(password="...") as rest: await rest.register(["9433"])``.

    Give a token that somebody has fetched, or the API password: then a token is fetched when the first call needs one,
    and again when kabu Station says that it is stale. Every fetch makes the tokens of other programs worthless.

    Every call raises `BrokerError`, with the vendor's code and words, when it is refused or its answer cannot be read, and
    `NetworkError` when nobody answers in time.

    Parameters:
        host: name or address of the PC (default "localhost": both loopback addresses are tried). kabu Station itself
            answers this PC only; another host is a proxy in front of it.
        port: 18080 for production (the default), 18081 for verification.
        token: value for X-API-KEY.
        password: the API password of that environment.
        timeout_s: seconds for a call, the waiting for its turn not counted (default 10; the first read of a board may
            take kabu Station 5).
        register_limit: places on the registration list (default 50).
        clock: what paces and waits (default the machine's).
        http: makes the calls in place of `wsexample.brokers.base.HttpCaller`.

    Raises:
        OptionError: the host or the port cannot be one.
    """
