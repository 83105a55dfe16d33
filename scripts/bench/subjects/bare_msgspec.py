"""msgspec alone: what the same bytes cost when nothing is made of them but what a decoder makes."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.feeds import alpaca_quotes, kabu_boards, weex_book
from bench.job import Job


def alpaca_quotes_decoded(job: Job) -> None:
    from wsexample.brokers.alpaca.messages.market import JsonMessage, PackedMessage

    codec, per_frame = job.detail["codec"], job.detail["per_frame"]
    frames = alpaca_quotes(codec, per_frame)
    if codec == "msgpack":
        decode: Any = msgspec.msgpack.Decoder(list[PackedMessage]).decode
    else:
        decode = msgspec.json.Decoder(list[JsonMessage]).decode
    meter = job.meter
    while meter.add(len(frames) * per_frame):
        total = 0.0
        for frame in frames:
            for quote in decode(frame):
                total += quote.bp


def weex_book_kept(job: Job) -> None:
    """Decode changes into levels and keep no book: the floor of everybody who decodes with msgspec."""
    from wsexample.brokers.weex.messages import DepthFrame
    from wsexample.records.market import Level

    changes = [text.encode() for text in weex_book(job.detail["level"]).changes]
    decode = msgspec.json.Decoder(DepthFrame[Level], strict=False).decode
    meter = job.meter
    while meter.add(len(changes)):
        for change in changes:
            _ = decode(change).b


def kabu_boards_decoded(job: Job) -> None:
    boards = kabu_boards()
    if job.variant == "structs":
        from wsexample.brokers.kabu.messages import PushMessage

        decode: Any = msgspec.json.Decoder(PushMessage).decode
    else:
        decode = msgspec.json.Decoder().decode
    meter = job.meter
    while meter.add(len(boards)):
        for board in boards:
            decode(board)
