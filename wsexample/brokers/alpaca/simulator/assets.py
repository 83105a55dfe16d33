"""What can be traded in the simulator: stocks, crypto pairs, options, a perpetual, and the test feed's one symbol."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import Any
from uuid import UUID, uuid5

from wsexample.brokers.alpaca.messages.trading import AssetMessage

__all__ = ["ASSETS", "TEST_SYMBOL", "Asset", "find_asset", "is_well_formed"]

TEST_SYMBOL = "FAKEPACA"
SMALLEST_PART = Decimal("0.000000001")
"""Smallest part of one that can be traded."""
_NAMESPACE = UUID("5f1f7a5e-6c0e-4b67-9f5a-2b6f5b0a7c11")


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that can be traded."""

    symbol: str
    name: str
    kind: str
    """"stock", "crypto", "option", "perps" or "test"."""
    exchange: str
    """Listing exchange as REST names it."""
    price: float
    """Where the simulated price begins."""
    tick: float = 0.01
    """Smallest price step of quotes."""
    tape: str = ""
    """Consolidated tape of stocks."""
    volatility: float = 0.25
    """Per year."""
    is_shortable: bool = True
    """Whether it may be sold short."""
    underlying: str = ""
    """What an option is on."""
    is_coin: bool = field(init=False)
    """Whether it trades round the clock in parts of one, with a book, on no venue of its own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_coin", self.kind in ("crypto", "perps"))

    @property
    def asset_id(self) -> str:
        """The same for a symbol in every run."""
        return str(uuid5(_NAMESPACE, self.symbol))

    @property
    def asset_class(self) -> str:
        """REST's word for the kind."""
        return {"crypto": "crypto", "option": "us_option", "perps": "crypto_perp"}.get(self.kind, "us_equity")

    @property
    def is_fractional(self) -> bool:
        """Whether parts of one may be traded."""
        return self.kind in ("stock", "crypto")

    @property
    def increment(self) -> Decimal:
        """Smallest price step, exact."""
        return Decimal(repr(self.tick))

    @property
    def multiplier(self) -> Decimal:
        """How many units a contract stands for."""
        return Decimal(100 if self.kind == "option" else 1)

    def message(self) -> AssetMessage:
        """Return it as REST shows it."""
        is_stock = self.kind in ("stock", "test")
        message = AssetMessage(
            id=self.asset_id,
            asset_class=self.asset_class,
            exchange=self.exchange,
            symbol=self.symbol,
            name=self.name,
            status="active",
            tradable=self.kind in ("stock", "crypto", "option"),
            marginable=is_stock,
            shortable=is_stock and self.is_shortable,
            easy_to_borrow=is_stock and self.is_shortable,
            fractionable=self.is_fractional,
            maintenance_margin_requirement=30 if is_stock else 100,
            attributes=[],
        )
        if self.kind == "crypto":
            least = (1 / Decimal(repr(self.price))).quantize(SMALLEST_PART, ROUND_UP)
            message.min_order_size = f"{least:f}"  # what a dollar buys, the least that an order may cost
            message.min_trade_increment = f"{SMALLEST_PART:f}"
            message.price_increment = f"{self.increment:f}"
        return message


def _stock(symbol: str, name: str, price: float, tape: str = "C", **more: Any) -> Asset:
    exchange = {"A": "NYSE", "B": "ARCA", "C": "NASDAQ"}[tape]
    return Asset(symbol, name, "stock", exchange, price, tape=tape, **more)


def _option(symbol: str, underlying: str, price: float) -> Asset:
    return Asset(symbol, f"{underlying} option", "option", "OPRA", price, volatility=1.5, underlying=underlying)


ASSETS: dict[str, Asset] = {
    asset.symbol: asset
    for asset in (
        _stock("AAPL", "Apple Inc. Common Stock", 187.20),
        _stock("MSFT", "Microsoft Corporation Common Stock", 415.50),
        _stock("NVDA", "NVIDIA Corporation Common Stock", 121.35, volatility=0.5),
        _stock("AMZN", "Amazon.com, Inc. Common Stock", 186.10),
        _stock("GOOGL", "Alphabet Inc. Class A Common Stock", 165.25),
        _stock("META", "Meta Platforms, Inc. Class A Common Stock", 512.40),
        _stock("TSLA", "Tesla, Inc. Common Stock", 242.80, volatility=0.6),
        _stock("AMD", "Advanced Micro Devices, Inc. Common Stock", 155.60, volatility=0.5),
        _stock("INTC", "Intel Corporation Common Stock", 22.35, volatility=0.5),
        _stock("JPM", "JPMorgan Chase & Co. Common Stock", 211.90, "A"),
        _stock("KO", "The Coca-Cola Company Common Stock", 63.15, "A", volatility=0.15),
        _stock("F", "Ford Motor Company Common Stock", 11.42, "A"),
        _stock("SPY", "SPDR S&P 500 ETF Trust", 548.30, "B", volatility=0.15),
        _stock("XYZ", "Example Corp Common Stock", 11.03, volatility=0.9),
        _stock("HARD", "Hard To Borrow Inc. Common Stock", 8.75, volatility=0.9, is_shortable=False),
        Asset("BTC/USD", "Bitcoin / US Dollar", "crypto", "CRYPTO", 64015.0, tick=0.1, volatility=0.6),
        Asset("ETH/USD", "Ethereum / US Dollar", "crypto", "CRYPTO", 3402.0, tick=0.01, volatility=0.7),
        Asset("SOL/USD", "Solana / US Dollar", "crypto", "CRYPTO", 145.2, tick=0.001, volatility=0.9),
        Asset("LTC/USD", "Litecoin / US Dollar", "crypto", "CRYPTO", 82.4, tick=0.001, volatility=0.8),
        Asset("DOGE/USD", "Dogecoin / US Dollar", "crypto", "CRYPTO", 0.1234, tick=0.0001, volatility=1.0),
        Asset("BTC-PERP", "Bitcoin Perpetual", "perps", "CRYPTO", 64012.0, tick=0.5, volatility=0.6),
        _option("AAPL260619C00200000", "AAPL", 4.05),
        _option("AAPL260619C00210000", "AAPL", 2.10),
        _option("AAPL260619P00180000", "AAPL", 5.20),
        _option("SPY260619C00560000", "SPY", 9.40),
        Asset(TEST_SYMBOL, "Fake Alpaca", "test", "NASDAQ", 133.85, tape="C"),
    )
}
"""By symbol."""

_FORMS = {
    "stock": re.compile(r"[A-Z]{1,5}([.-][A-Z]{1,3})?"),
    "test": re.compile(r"[A-Z]{1,8}"),
    "crypto": re.compile(r"[A-Z0-9]{2,10}/[A-Z]{3,5}"),
    "perps": re.compile(r"[A-Z0-9]{2,10}-PERP"),
    "option": re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}"),
    "news": re.compile(r"[A-Z0-9]{1,10}([./-][A-Z]{1,5})?"),
}


def is_well_formed(symbol: str, kind: str) -> bool:
    """Return whether a text has the form of a symbol of this kind; others are answered 400."""
    return symbol == "*" or _FORMS[kind].fullmatch(symbol) is not None


def find_asset(symbol_or_id: str) -> Asset | None:
    """Return an asset by its symbol, by its older form without a slash, or by its id."""
    asset = ASSETS.get(symbol_or_id)
    if asset is not None:
        return asset
    wanted = symbol_or_id.lower()
    for asset in ASSETS.values():
        if asset.asset_id == wanted or (asset.kind == "crypto" and asset.symbol.replace("/", "").lower() == wanted):
            return asset
    return None
