"""How a paper account has done, for people and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsexample.cli.curve import curve_lines
from wsexample.cli.feed.numbers import NONE, count_of, span_text
from wsexample.cli.listing import money, number, when
from wsexample.paper.engine import PaperTradingEngine
from wsexample.records.orders import Position

__all__ = ["report_facts", "report_lines"]


def report_facts(engine: PaperTradingEngine, records: int) -> dict[str, Any]:
    """Return the report as plain values; money as text, ratios as numbers."""
    done = engine.performance
    return {
        "from_ns": done.from_ns,
        "to_ns": done.to_ns,
        "records": records,
        "currency": engine.exchange.currency,
        "start_equity": str(done.start_equity),
        "equity": str(done.equity),
        "total_return": done.total_return,
        "max_drawdown": done.max_drawdown,
        "sharpe": done.sharpe,
        "mean_exposure": done.mean_exposure,
        "fills": done.fills,
        "wins": done.wins,
        "losses": done.losses,
        "gross_profit": str(done.gross_profit),
        "gross_loss": str(done.gross_loss),
        "fees": str(done.fees),
        "traded_value": str(done.traded_value),
        "orders_refused": engine.refused,
        "kill_switch": engine.exchange.switch.reason,
        "positions": [
            {"symbol": one.symbol, "size": str(one.size), "mark_price": _text(one.mark_price)}
            for one in engine.exchange.positions()
        ],
    }


def report_lines(engine: PaperTradingEngine, records: int, *, width: int = 100) -> list[str]:
    """Return the report as lines: figures, positions that are left, the equity curve."""
    done = engine.performance
    currency = engine.exchange.currency
    rows = [
        ("period", _period(done.from_ns, done.to_ns)),
        ("records", f"{records:,}"),
        ("equity", f"{money(done.start_equity)} → {money(done.equity)} {currency} ({done.total_return:+.2%})"),
        ("drawdown", f"{done.max_drawdown:.2%} at most"),
        (
            "Sharpe",
            NONE if done.sharpe is None else f"{done.sharpe:.2f} a year, from samples every {done.sample_s:g} s",
        ),
        ("exposure", f"{done.mean_exposure:.1%} of equity on average"),
        ("fills", f"{count_of(done.fills, 'execution')}, {money(done.traded_value)} traded, {money(done.fees)} fees"),
        (
            "closed",
            f"{done.wins:,} with profit ({money(done.gross_profit)}), {done.losses:,} with loss ({money(done.gross_loss)})",
        ),
    ]
    if engine.refused:
        rows.append(("refused", count_of(engine.refused, "order")))
    if engine.exchange.switch.reason is not None:
        rows.append(("kill switch", engine.exchange.switch.reason))
    held = list(_held(engine.exchange.positions()))
    rows += [("position" if place == 0 else "", text) for place, text in enumerate(held)]
    lines = [f"{name:<12}{text}" for name, text in rows]
    curve = [sample.equity for sample in done.curve]
    if len(curve) > 1:
        lines += ["", *curve_lines(curve, width=max(min(width, 120) - 16, 20))]
    return lines


def _held(positions: Iterable[Position]) -> Iterable[str]:
    for one in positions:
        gain = NONE if one.unrealized_pnl is None else f"{one.unrealized_pnl:+,.2f}"
        yield f"{number(one.size)} {one.symbol} at {number(one.average_price)}, now {number(one.mark_price)} ({gain})"


def _period(from_ns: int | None, to_ns: int | None) -> str:
    if not from_ns or not to_ns:
        return "no market records"
    return f"{when(from_ns)} to {when(to_ns)} ({span_text((to_ns - from_ns) / 1e9)})"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
