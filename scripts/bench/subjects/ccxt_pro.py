"""ccxt.pro: its client's own path from a text message to the book that ``watch_order_book`` returns, without its socket."""

from __future__ import annotations

from typing import Any

from bench.feeds import weex_book
from bench.job import Job
from bench.work import same_book

SYMBOL = "BTC/USDT:USDT"


async def weex_book_kept(job: Job) -> None:
    import ccxt.pro

    feed = weex_book(job.detail["level"])
    exchange: Any = ccxt.pro.weex()
    market = {"id": "BTCUSDT", "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap"}
    exchange.set_markets([exchange.safe_market_structure({**market, "swap": True, "contract": True})])
    client = exchange.client("wss://127.0.0.1/contract/v3/ws/public")
    client.handle_text_or_binary_message(feed.snapshot)
    book = exchange.orderbooks[SYMBOL]
    changes, take = feed.changes, client.handle_text_or_binary_message

    def top(number: int) -> list[tuple[float, float]]:
        take(changes[number])
        shown = book.limit()
        return [tuple(shown[side][0]) for side in ("bids", "asks")]

    same_book(feed, top)
    meter = job.meter
    while meter.add(len(changes)):
        for change in changes:
            take(change)
            book.limit()["bids"][0]
    await exchange.close()
