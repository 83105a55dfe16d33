"""``wsexample alpaca``: the map of its commands; each is loaded when it is used."""

from __future__ import annotations

import click

from wsexample.cli.lazy_group import LazyGroup
from wsexample.cli.options import CONTEXT
from wsexample.cli.sim.simulating import PORTS

__all__ = ["main"]

EPILOG = f"""\b
Credentials come from APCA_API_KEY_ID and APCA_API_SECRET_KEY in the environment, from .env, or
from [alpaca] in the config file; never from the command line.

\b
The paper account is used unless --live is written. Without an account: run
"wsexample sim alpaca" in another window and add --sim (port {PORTS["alpaca"]}).
"""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog=EPILOG,
    doors={
        "quotes": ("wsexample.cli.alpaca.market:quotes", "Stream best bid and ask."),
        "trades": ("wsexample.cli.alpaca.market:trades", "Stream trades."),
        "bars": ("wsexample.cli.alpaca.market:bars", "Stream minute bars."),
        "books": ("wsexample.cli.alpaca.market:books", "Stream order books of crypto pairs."),
        "news": ("wsexample.cli.alpaca.market:news", "Stream articles as they appear."),
        "stream": ("wsexample.cli.alpaca.market:stream", "Stream any channels together, such as quotes:AAPL lulds:*."),
        "snapshot": ("wsexample.cli.alpaca.reads:snapshot", "Show last trade, quote and day of symbols, once."),
        "history": ("wsexample.cli.alpaca.reads:history", "Read past trades, quotes or bars."),
        "clock": ("wsexample.cli.alpaca.reads:clock", "Show whether the market is open, and until when."),
        "account": ("wsexample.cli.alpaca.reads:account", "Show what the account has."),
        "positions": ("wsexample.cli.alpaca.reads:positions", "Show what is held."),
        "orders": ("wsexample.cli.alpaca.orders:main", "Stream orders and executions, none lost."),
        "buy": ("wsexample.cli.alpaca.trade:buy", "Place an order to buy; on paper unless --live."),
        "sell": ("wsexample.cli.alpaca.trade:sell", "Place an order to sell; on paper unless --live."),
        "cancel": ("wsexample.cli.alpaca.trade:cancel", "Cancel orders."),
        "close": ("wsexample.cli.alpaca.trade:close", "Close positions."),
    },
    sections={
        "Market data": ("quotes", "trades", "bars", "books", "news", "stream"),
        "Read once": ("snapshot", "history", "clock", "account", "positions"),
        "Orders": ("orders", "buy", "sell", "cancel", "close"),
    },
)
def main() -> None:
    """Alpaca: US equities, options and crypto."""
