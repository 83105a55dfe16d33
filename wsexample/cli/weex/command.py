"""``wsexample weex``: the map of its commands; each is loaded when it is used."""

from __future__ import annotations

import click

from wsexample.cli.lazy_group import LazyGroup
from wsexample.cli.options import CONTEXT
from wsexample.cli.sim.simulating import PORTS

__all__ = ["main"]

EPILOG = f"""\b
Market data needs no credentials. For the account they come from WEEX_API_KEY, WEEX_SECRET_KEY
and WEEX_PASSPHRASE in the environment, from .env, or from [weex] in the config file; never from
the command line.

\b
Without an account: run "wsexample sim weex" in another window and add --sim (port {PORTS["weex"]}).
"""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog=EPILOG,
    doors={
        "tickers": ("wsexample.cli.weex.market:tickers", "Stream last price and the figures of 24 hours."),
        "quotes": ("wsexample.cli.weex.market:quotes", "Stream best bid and ask of the spot market."),
        "book": ("wsexample.cli.weex.market:book", "Stream order books."),
        "trades": ("wsexample.cli.weex.market:trades", "Stream trades."),
        "candles": ("wsexample.cli.weex.market:candles", "Stream candles as they grow."),
        "account": ("wsexample.cli.weex.account:account", "Stream balances: what there is, then every change."),
        "positions": ("wsexample.cli.weex.account:positions", "Stream positions with their profit at the mark."),
        "orders": ("wsexample.cli.weex.account:orders", "Stream orders and executions, or list open orders."),
        "history": ("wsexample.cli.weex.reads:history", "Read past candles or the latest trades."),
        "buy": ("wsexample.cli.weex.trade:buy", "Place an order to buy; --live or --sim must be written."),
        "sell": ("wsexample.cli.weex.trade:sell", "Place an order to sell; --live or --sim must be written."),
        "cancel": ("wsexample.cli.weex.trade:cancel", "Cancel orders."),
    },
    sections={
        "Market data": ("tickers", "quotes", "book", "trades", "candles", "history"),
        "Account": ("account", "positions"),
        "Orders": ("orders", "buy", "sell", "cancel"),
    },
)
def main() -> None:
    """WEEX: crypto, contract and spot."""
