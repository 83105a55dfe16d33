"""The stream of ``kclient``: a `KabuClient` and the views of its boards, run as a feed.

What a feed does with records is in `wsexample.cli.feed`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from wsexample.brokers.kabu import KabuClient, KabuRest
from wsexample.brokers.kabu.codes import REGISTER_LIMIT
from wsexample.brokers.kabu.dialect import spell
from wsexample.cli.exit_codes import ExitCode, exit_code_for
from wsexample.cli.feed.alerts import Alerts
from wsexample.cli.feed.colors import Colors
from wsexample.cli.feed.numbers import count_of, span_text
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.feed.run import Feed
from wsexample.cli.feed.table import MarketTable
from wsexample.cli.feed.view import View
from wsexample.cli.kabu.ladder import KabuLadder
from wsexample.cli.kabu.wishes import Wishes
from wsexample.cli.running import Stop, say
from wsexample.errors import ConnectionClosed, OptionError

__all__ = ["StreamPlan", "run_stream"]

TOKYO_S = 9 * 3600
"""Japan has one time zone and no daylight saving time."""
LIMIT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What the command line said about kabu Station."""

    wishes: Wishes = field(default_factory=Wishes)
    """What to stream and show."""
    key: str | None = field(default=None, repr=False)
    """Value of X-API-KEY."""
    password: str | None = field(default=None, repr=False)
    """API password, for a token when there is no key or it is stale."""
    host: str = "localhost"
    """Where kabu Station runs."""
    port: int = 18080
    """Its port."""
    unregister_on_exit: bool = False
    """Whether what was added to the registration list is taken off in the end."""
    snapshot: bool = False
    """Whether the present boards are read first, and again after each break."""
    is_patient: bool = False
    """Whether it waits for kabu Station to be started and logged in."""
    rotate_s: float | None = None
    """Seconds that each symbol of a list that is longer than the places stays; None for no rotation."""
    places: int = REGISTER_LIMIT
    """Places on the registration list."""
    up_color: str = "auto"
    """Colours of rising and falling prices, see `Colors.named`."""


async def run_stream(plan: StreamPlan, feed: FeedPlan, stop: Stop) -> int:
    """Stream until the user, the plan or kabu Station ends it.

    Returns:
        The exit status.

    Raises:
        WsExampleError: it could not begin, or records could not be stored.
        BrokenPipeError: nobody reads the output any more; everything that came is stored.
    """
    wishes = plan.wishes
    symbols = wishes.symbols or await _registered(plan)
    if len(symbols) > plan.places and plan.rotate_s is None:
        raise OptionError(
            f"{len(symbols)} symbols do not fit into the {plan.places} places of kabu Station's registration list;"
            " --rotate streams them in turn",
            option="rotate",
        )
    client = KabuClient(
        symbols,
        host=plan.host,
        port=plan.port,
        token=plan.key,
        password=plan.password,
        unregister_on_exit=plan.unregister_on_exit,
        snapshot=plan.snapshot,
        reconnect=feed.reconnects,
        patient=plan.is_patient,
        rotate_s=plan.rotate_s,
        pinned=wishes.pinned,
        register_limit=plan.places,
        limit=LIMIT,
    )
    station = f"kabu Station {client.rest.address}"
    stream = Feed(
        replace(feed, alerts=()),  # read already, with markets and names
        {"boards": client.session},
        stop,
        place=station,
        opened_by=_opened(client),
        view=_view(plan, symbols),
        watchers=[Alerts(wishes.alerts, wishes.names)] if wishes.alerts else [],
        greeting=lambda: _greeting(client, station),
        explain=lambda error: _explanation(error, station),
        silence="the market may be closed, and then nothing is pushed; --snapshot reads the present boards",
        extras=lambda: _read_before(client),
        offset_s=TOKYO_S,
        watches_lag=False,  # the client does, and knows that boards have whole seconds
    )
    try:
        return await stream.run()
    except ConnectionClosed as closed:
        kept = ". Everything that came before is stored" if feed.store else ""
        say(f"{_explanation(closed, station)}{kept}", color="red")
        return exit_code_for(closed) if closed.code == 1006 else ExitCode.CLOSED


@asynccontextmanager
async def _opened(client: KabuClient) -> AsyncIterator[None]:
    """Open the client for a feed, which has consumers of its own."""
    async with client:
        client.leave()
        yield


def _view(plan: StreamPlan, symbols: Sequence[str]) -> View:
    colors, wishes = Colors.named(plan.up_color), plan.wishes
    if wishes.ladder is not None:
        return KabuLadder(wishes.ladder, colors, name=wishes.names.get(wishes.ladder, ""))
    return MarketTable(list(symbols), colors, offset_s=TOKYO_S, has_names=True, names=wishes.names)


async def _registered(plan: StreamPlan) -> tuple[str, ...]:
    """Return what is registered already; raises `OptionError` when that is nothing."""
    async with KabuRest(host=plan.host, port=plan.port, token=plan.key, password=plan.password) as rest:
        entries = await rest.fetch_registry()
    if not entries:
        raise OptionError(
            "nothing is registered at kabu Station; name at least one symbol, such as 9433", option="symbol"
        )
    return tuple(spell(entry) for entry in entries)


def _greeting(client: KabuClient, station: str) -> str:
    greeting = f"{count_of(len(client.symbols), 'symbol')} registered at {station}"
    if client.rotation is not None and client.rotation.is_needed:
        shown, cycle = len(client.rotation.present), span_text(client.rotation.cycle_s)
        return (
            f"{count_of(len(client.symbols), 'symbol')} in turn at {station}: {shown} at a time, all of them in {cycle}"
        )
    others = len(set(client.registered) - set(client.symbols))
    return f"{greeting}; {others} more were registered before and are pushed too" if others else greeting


def _read_before(client: KabuClient) -> Sequence[str]:
    return [f"{count_of(client.snapshots, 'board')} read"] if client.snapshots else []


def _explanation(error: Exception, station: str) -> str:
    """Say why the stream broke, in the words of somebody who knows kabu Station."""
    if not isinstance(error, ConnectionClosed):
        return str(error)
    if error.code == 1006:
        return f"the stream from {station} was lost (1006): kabu Station ended, or cut off a reader that was too slow"
    reason = f", {error.reason}" if error.reason else ""
    why = "it serves one program at a time, and another may have connected"
    return f"{station} closed the stream with {error.code}{reason}: {why}"
