"""What a paper account keeps: every open order, the newest of those that have ended, and nothing that grows with time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.paper.parts import order, quote, venue
from wsexample.errors import OptionError, OrderRejectedError, RequestError
from wsexample.paper import Limits, PaperTradingEngine


def test_open_orders_are_kept_and_those_that_ended_first_are_forgotten_first() -> None:
    """The order of ending counts, not that of sending; what is open stays however old it is."""
    made = venue(history=2)
    sent = [made.submit(order(limit_price=50 + number)).order_id for number in range(5)]
    for number in (3, 0, 4):
        made.cancel(sent[number])
    assert list(made.orders) == [sent[number] for number in (0, 1, 2, 4)]
    assert [one.order_id for one in made.open_orders()] == [sent[1], sent[2]]
    assert made.orders.forgotten == 1


def test_a_forgotten_order_is_told_from_one_that_never_was() -> None:
    """Whoever asks for it learns that it has ended and how many are kept."""
    made = venue(history=1)
    for _ in range(2):
        made.cancel(made.submit(order(limit_price=50)).order_id)
    for ask in (made.order, made.cancel, made.replace):
        with pytest.raises(RequestError, match=r"has forgotten order 'paper-1': it keeps the last 1 that have ended"):
            ask("paper-1")
    for name in ("paper-3", "paper-0", "paper-01", "paper-", "paper-²", "1", "", "other-1"):
        with pytest.raises(RequestError, match="knows no order"):
            made.order(name)


def test_a_client_order_id_is_free_again_when_its_order_is_forgotten() -> None:
    """It is refused for as long as the order is kept that was sent with it, and no longer."""
    made = venue(history=2)
    first = made.submit(order(limit_price=50, client_order_id="mine"))
    made.cancel(first.order_id)
    with pytest.raises(OrderRejectedError, match="used before"):
        made.submit(order(limit_price=50, client_order_id="mine"))  # refused, and forgotten without freeing anything
    made.cancel(made.submit(order(limit_price=50)).order_id)
    assert first.order_id not in made.orders
    assert made.submit(order(limit_price=50, client_order_id="mine")).status == "new"


def test_a_refused_order_leaves_its_client_order_id_free() -> None:
    """Also when it is canceled afterwards: nothing was sent under it."""
    made = venue(10)
    made.see(quote(99, 100))
    with pytest.raises(OrderRejectedError, match="buying power"):
        made.submit(order(client_order_id="mine"))
    made.cancel("paper-1")
    assert made.submit(order(size="0.1", client_order_id="mine")).status == "filled"


def test_nothing_in_an_engine_grows_with_the_orders_it_had() -> None:
    """After twice as many orders it keeps as much as before, and its figures are those of all of them."""
    engine = PaperTradingEngine(10_000, limits=Limits(max_orders_per_minute=30), sample_s=1, history=20)
    engine.performance.most = 20
    sizes = []
    for begin in (0, 800):
        for second in range(begin, begin + 800, 4):
            engine.feed(quote(98 + second // 4 % 2, 100 + second // 4 % 2, at_s=second))  # a level gives nothing twice
            for side in ("buy", "sell"):
                engine.exchange.submit(order(side, client_order_id=f"{side}-{second}"))
                engine.take_told()
        sizes.append(_sizes(engine))
    assert sizes[0] == sizes[1]
    assert max(sizes[1].values()) == 30
    assert engine.performance.fills == 800
    assert engine.performance.losses == 400


def _sizes(engine: PaperTradingEngine) -> dict[str, int]:
    """How many things each container of an engine and its parts holds; the curve, which is thinned out, to its bound."""
    found: dict[str, int] = {}

    def look(part: Any, name: str) -> None:
        if isinstance(part, (list, dict)) or hasattr(part, "popleft"):
            found[name] = len(part)
        elif type(part).__module__.startswith("wsexample.paper.") and name.count(".") < 5:
            names = getattr(part, "__dict__", None) or getattr(type(part), "__slots__", ())
            for one in names:
                look(getattr(part, one), f"{name}.{one}")

    look(engine, "engine")
    curve = found.pop("engine.performance.curve")
    assert 2 <= curve <= engine.performance.most
    return found


def test_a_history_of_nothing_is_refused() -> None:
    """The error names the option."""
    with pytest.raises(OptionError, match="history must be at least 1"):
        PaperTradingEngine(10_000, history=0)
