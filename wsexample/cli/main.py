"""``wsexample``: one door to everything that is not a command of its own."""

from __future__ import annotations

import click

from wsexample.cli.lazy_group import LazyGroup
from wsexample.cli.options import CONTEXT, version_option

__all__ = ["main", "sim"]


EPILOG = """\b
Commands of their own, each with --help:
  wseserver   a WebSocket server: echo and more
  wseclient   a WebSocket client
  kclient     live boards from kabu Station
"""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog=EPILOG,
    doors={
        "dump": ("wsexample.cli.dump:main", "Send lines of stdin and print what comes, with wsdump's options."),
        "doctor": ("wsexample.cli.doctor:main", "Say what is installed here and whether it works."),
        "alpaca": ("wsexample.cli.alpaca:main", "Alpaca: quotes, trades, bars, news, account and orders."),
        "weex": ("wsexample.cli.weex:main", "WEEX: tickers, books, trades, candles, account and orders."),
        "record": ("wsexample.cli.record:main", "Run a streaming command and keep every message on a tape."),
        "replay": ("wsexample.cli.replay:main", "Play tapes: as records, or as a server."),
        "tape": ("wsexample.cli.tape:main", "Look at tapes, cut, merge and export them."),
        "sim": ("wsexample.cli.main:sim", "Run a broker's simulator on this machine."),
    },
)
@version_option
def main() -> None:
    """Live market data over WebSocket."""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    doors={
        "kabu": ("wsexample.cli.sim_kabu:main", "kabu Station: REST and push on one port."),
        "alpaca": ("wsexample.cli.sim_alpaca:main", "Alpaca: both streams and REST on one port."),
        "weex": ("wsexample.cli.sim_weex:main", "WEEX: V3 sockets and REST on one port."),
        "fault": ("wsexample.cli.sim_fault:main", "Have something go wrong in a running simulator."),
    },
)
def sim() -> None:
    """Run a broker's simulator on this machine, for programs that have no account or no open market."""


if __name__ == "__main__":
    main(prog_name="wsexample")
