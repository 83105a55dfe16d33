"""``wsexample``: one door to everything that is not a command of its own."""

from __future__ import annotations

import click

from wsexample.cli.completion import completion_flag
from wsexample.cli.lazy_group import LazyGroup
from wsexample.cli.options import CONTEXT, version_option

__all__ = ["main", "sim"]


EPILOG = """\b
Try it without an account, in two windows:
  wsexample sim kabu      a simulated kabu Station, which shows what to type next
  kclient KEY 9433 7203   live boards

kclient, wseclient and wseserver are commands of their own as well. Each command explains itself with --help.
"""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog=EPILOG,
    doors={
        "kclient": ("wsexample.cli.kclient:main", "kabu Station: boards, order book, alerts."),
        "alpaca": ("wsexample.cli.alpaca.command:main", "Alpaca: quotes, trades, bars, news, account and orders."),
        "weex": ("wsexample.cli.weex.command:main", "WEEX: tickers, books, trades, candles, account and orders."),
        "record": ("wsexample.cli.tapes.record:main", "Run a streaming command and keep every message on a tape."),
        "replay": ("wsexample.cli.tapes.replay:main", "Play tapes: as records, or as a server."),
        "hub": ("wsexample.cli.hub.command:main", "Publish a stream to many readers, with a page to look at."),
        "hub-token": ("wsexample.cli.hub.token:main", "Say who may read a hub."),
        "watch": ("wsexample.cli.hub.watch:main", "Read a hub."),
        "top": ("wsexample.cli.hub.top:main", "Show what a hub is doing."),
        "paper": ("wsexample.cli.paper.command:main", "Trade on paper, over a live stream or over what was kept."),
        "tape": ("wsexample.cli.tapes.command:main", "Look at tapes, cut, merge and export them."),
        "wseclient": ("wsexample.cli.wseclient:main", "Talk to a WebSocket server: prompt, pipe, echo test."),
        "wseserver": ("wsexample.cli.wseserver:main", "Serve WebSocket: echo, broadcast, a program for each client."),
        "dump": ("wsexample.cli.dump:main", "Send lines of stdin and print what comes, with wsdump's options."),
        "query": ("wsexample.cli.query.command:main", "Ask stored records in SQL, make bars of them, draw a day."),
        "sim": ("wsexample.cli.main:sim", "Run a broker's simulator on this machine."),
        "doctor": ("wsexample.cli.doctor:main", "Say what is installed here and whether it works."),
    },
    sections={
        "Live data": ("kclient", "alpaca", "weex"),
        "Kept data": ("record", "replay", "tape", "query"),
        "Trading": ("paper",),
        "Many readers": ("hub", "hub-token", "watch", "top"),
        "WebSocket": ("wseclient", "wseserver", "dump"),
        "This machine": ("sim", "doctor"),
    },
)
@completion_flag
@version_option
def main() -> None:
    """Live market data over WebSocket: stream it, keep it, play it again, and try it without an account."""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    doors={
        "kabu": ("wsexample.cli.sim.kabu:main", "kabu Station: REST and push on one port."),
        "alpaca": ("wsexample.cli.sim.alpaca:main", "Alpaca: both streams and REST on one port."),
        "weex": ("wsexample.cli.sim.weex:main", "WEEX: V3 sockets and REST on one port."),
        "fault": ("wsexample.cli.sim.fault:main", "Have something go wrong in a running simulator."),
    },
)
def sim() -> None:
    """Run a broker's simulator on this machine, for programs that have no account or no open market."""


if __name__ == "__main__":
    main(prog_name="wsexample")
