"""Our dialects without a socket: the bytes of a message in, typed records out."""

from __future__ import annotations

from typing import Any

from bench.feeds import RECEIVED_NS, alpaca_quotes, kabu_boards, weex_book
from bench.job import Job
from bench.work import import_cost, same_book, same_quotes


def alpaca_quotes_decoded(job: Job) -> None:
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect

    codec, per_frame = job.detail["codec"], job.detail["per_frame"]
    frames = alpaca_quotes(codec, per_frame)
    is_binary = codec == "msgpack"
    receive = AlpacaDataDialect("iex").receive
    first = receive(frames[0], is_binary, RECEIVED_NS).records
    same_quotes(per_frame, [(quote.symbol, quote.bid_price, quote.exchange_ns) for quote in first])
    meter = job.meter
    while meter.add(len(frames) * per_frame):
        total = 0.0
        for frame in frames:
            for quote in receive(frame, is_binary, RECEIVED_NS).records:
                total += quote.bid_price


async def alpaca_quotes_streamed(job: Job) -> None:
    from wsexample.brokers.alpaca import AlpacaStream

    codec = job.detail["codec"]
    url = job.url.rstrip("/")
    meter, total, count = job.meter, 0.0, 0
    stream: Any = await AlpacaStream("key", "secret", quotes="*", codec=codec, url=url).__aenter__()
    if job.variant == "batches":
        async for quotes in stream.batches():
            for quote in quotes:
                total += quote.bid_price
            count += len(quotes)
            if count >= job.chunk:
                if not meter.add(count):
                    return
                count = 0
    async for quote in stream:
        total += quote.bid_price
        count += 1
        if count == job.chunk:
            count = 0
            if not meter.add(job.chunk):
                return


def weex_book_kept(job: Job) -> None:
    from wsexample.brokers.weex.dialect import WeexDialect

    feed = weex_book(job.detail["level"])
    dialect = WeexDialect(keeps_wire=job.variant == "documented")
    dialect.start()
    dialect.subscribe([f"BTCUSDT@depth{feed.level}"])
    receive = dialect.receive
    receive(feed.snapshot.encode(), False, RECEIVED_NS)
    changes = [text.encode() for text in feed.changes]

    def book(change: bytes) -> Any:
        item: Any = receive(change, False, RECEIVED_NS).records[0]
        return item.record if job.variant == "documented" else item

    same_book(feed, lambda number: [(side[0].price, side[0].size) for side in _sides(book(changes[number]))])
    meter = job.meter
    if job.variant == "documented":
        while meter.add(len(changes)):
            for change in changes:
                receive(change, False, RECEIVED_NS).records[0].data["bids"][0]
    else:
        while meter.add(len(changes)):
            for change in changes:
                receive(change, False, RECEIVED_NS).records[0].bids[0]


def _sides(book: Any) -> tuple[Any, Any]:
    return book.bids, book.asks


def kabu_boards_decoded(job: Job) -> None:
    from wsexample.brokers.kabu.dialect import KabuDialect

    boards = kabu_boards()
    if job.variant == "decoder":
        from wsexample.brokers.kabu.dialect import BoardDecoder

        decode, going = BoardDecoder().decode, True
        while going:
            for board in boards:
                _ = decode(board, RECEIVED_NS).last_price
            going = job.meter.add(len(boards))
        return
    receive = KabuDialect().receive
    assert len(receive(boards[0], False, RECEIVED_NS).records[0].bids) == 10
    meter = job.meter
    while meter.add(len(boards)):
        for board in boards:
            _ = receive(board, False, RECEIVED_NS).records[0].last_price


def alpaca_import(job: Job) -> None:
    import_cost(job, "from wsexample.brokers.alpaca import AlpacaStream, AlpacaTradingStream")
