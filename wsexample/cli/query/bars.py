"""Bars out of trades, as one query that SQLite and DuckDB both answer; out of boards where there are no trades.

Pure: names in, SQL out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wsexample.errors import OptionError

__all__ = ["BAR_COLUMNS", "bars_query", "prices_query"]

BAR_COLUMNS = (
    "venue", "symbol", "interval_s", "begin_ns", "open", "high", "low", "close", "volume", "vwap", "trade_count",
)  # fmt: skip

_TRADES = """
  SELECT venue, symbol, coalesce(exchange_ns, received_ns) AS at_ns, seq, price, size
  FROM trades WHERE price > 0{where}
"""
# A board says what was traded so far today; what it says more than the one before was traded since then, at its price or
# near it. Boards that changed in something else are no trades. One without a price is of before the day's first trade, so that
# the opening counts. An archive counts ``seq`` anew in every journal: boards follow one another as they were received.
_BOARDS = """
  SELECT venue, symbol, at_ns, seq, price, CASE WHEN volume >= before THEN volume - before ELSE volume END AS size
  FROM (
    SELECT venue, symbol, coalesce(last_ns, exchange_ns, received_ns) AS at_ns, seq, last_price AS price, volume,
      lag(CASE WHEN last_price IS NULL THEN coalesce(volume, 0) ELSE volume END)
        OVER (PARTITION BY venue, symbol ORDER BY received_ns, seq) AS before
    FROM boards WHERE {which}{where}
  ) AS every_board
  WHERE price > 0 AND before IS NOT NULL AND volume <> before
"""
_WITHOUT_TRADES = "venue || ' ' || symbol NOT IN (SELECT venue || ' ' || symbol FROM trades)"
_BARS = """
WITH ticks AS ({ticks}), numbered AS (
  SELECT venue, symbol, at_ns - at_ns % {interval_ns} AS begin_ns, price, size,
    row_number() OVER (PARTITION BY venue, symbol, at_ns - at_ns % {interval_ns} ORDER BY at_ns, seq) AS from_begin,
    row_number() OVER (PARTITION BY venue, symbol, at_ns - at_ns % {interval_ns} ORDER BY at_ns DESC, seq DESC) AS from_end
  FROM ticks
)
SELECT venue, symbol, {interval_s} AS interval_s, begin_ns,
  max(CASE WHEN from_begin = 1 THEN price END) AS "open", max(price) AS high, min(price) AS low,
  max(CASE WHEN from_end = 1 THEN price END) AS "close", sum(size) AS volume,
  CASE WHEN sum(size) > 0 THEN sum(price * size) / sum(size) END AS vwap, count(*) AS trade_count
FROM numbered GROUP BY venue, symbol, begin_ns ORDER BY begin_ns, venue, symbol
"""


def bars_query(
    tables: Mapping[str, Collection[str]],
    interval_s: float,
    *,
    symbol: str | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> tuple[str, list[object]]:
    """Return the query for bars, and its parameters.

    Bars begin at multiples of their length since 1970 UTC; intervals without a trade have none. Trades that were cancelled or
    corrected later are taken as they came.

    Parameters:
        tables: columns by table.
        interval_s: length of a bar, seconds.
        symbol: only this one.
        from_ns, to_ns: only what was received from and before these moments, UTC epoch nanoseconds.

    Raises:
        OptionError: there is nothing to make bars of, or no such length.
    """
    interval_ns = round(interval_s * 1e9)
    if interval_ns <= 0:
        raise OptionError(f"a bar must be longer than {interval_s!r} s", option="bars")
    where, parameters = _where(symbol, from_ns, to_ns)
    which = _WITHOUT_TRADES if "trades" in tables else "1 = 1"
    sources = {"trades": _TRADES.format(where=where), "boards": _BOARDS.format(where=where, which=which)}
    parts = [select for name, select in sources.items() if name in tables]
    if not parts:
        raise OptionError(f"bars are made of trades or boards; there are {_named(tables)}", option="bars")
    length = int(interval_s) if interval_s == int(interval_s) else interval_s
    question = _BARS.format(ticks="UNION ALL".join(parts), interval_ns=interval_ns, interval_s=length)
    return question, parameters * len(parts)


_PRICES = {
    "trades": 'SELECT coalesce(exchange_ns, received_ns) AS at_ns, price, NULL AS bid, NULL AS ask FROM trades WHERE price > 0',
    "quotes": "SELECT coalesce(exchange_ns, received_ns), NULL, bid_price, ask_price FROM quotes WHERE 1 = 1",
    "boards": "SELECT received_ns, last_price, bid_price, ask_price FROM boards WHERE 1 = 1",
    "tickers": "SELECT coalesce(exchange_ns, received_ns), last_price, NULL, NULL FROM tickers WHERE 1 = 1",
}  # fmt: skip


def prices_query(
    tables: Mapping[str, Collection[str]], *, symbol: str, from_ns: int, to_ns: int
) -> tuple[str, list[object]]:
    """Return the query for price, bid and ask of a symbol as (at_ns, price, bid, ask), and its parameters.

    Raises:
        OptionError: there is nothing that has prices.
    """
    parts, parameters = [], []
    for name, select in _PRICES.items():
        if name in tables:
            where, values = _where(symbol, from_ns, to_ns)
            parts.append(select + where)
            parameters += values
    if not parts:
        raise OptionError(
            f"a picture is made of trades, quotes or boards; there are {_named(tables)}", option="picture"
        )
    return " UNION ALL ".join(parts) + " ORDER BY 1", parameters


def _where(symbol: str | None, from_ns: int | None, to_ns: int | None) -> tuple[str, list[object]]:
    conditions = {"symbol = ?": symbol, "received_ns >= ?": from_ns, "received_ns < ?": to_ns}
    given = {text: value for text, value in conditions.items() if value is not None}
    return "".join(f" AND {text}" for text in given), list(given.values())


def _named(tables: Mapping[str, Collection[str]]) -> str:
    return ", ".join(tables) or "no tables"
