"""The read calls about the market, typed. Which of them take a place on the registration list is said with each.

Source: kabu Station API reference, the ``GET`` calls about the market.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import UNSET

from wsexample.brokers.kabu.codes import FX_EXCHANGE
from wsexample.brokers.kabu.dialect import entry_of, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.messages.reads import (
    FxRate,
    MarginPremiumReply,
    MarginRankingReply,
    PrimaryExchangeReply,
    RegulationsReply,
    SectorRankingReply,
    SoftLimitReply,
    StockRankingReply,
    SymbolNameReply,
    SymbolReply,
    TimeAndSales,
)
from wsexample.brokers.kabu.rest.calls import quoted
from wsexample.brokers.kabu.rest.registration import Registration
from wsexample.errors import OptionError, SubscriptionLimitError
from wsexample.records.market import Board

__all__ = ["Reads"]

_T = TypeVar("_T")

TAPE_TIMEOUT_S = 45.0
"""kabu Station waits up to 30 s while the same symbol's window is open in it (vendor issue 1323), and sends megabytes."""
_WEEKS = (0, 1, 3, 4, 5)


class Reads(Registration):
    """Reads of the market; fields of the answers have the vendor's names, see `wsexample.brokers.kabu.messages.reads`."""

    async def fetch_board(self, symbol: str | SymbolEntry) -> Board:
        """Read one board; takes a place on the registration list when it is not there yet, without starting push.

        Parameters:
            symbol: the venue's symbol.

        Raises:
            UnknownSymbolError, SubscriptionLimitError: not known, or no place left.
            DialectError: the answer is no board.
        """
        entry = entry_of(symbol)
        path = f"/board/{quoted(spell(entry))}"
        try:
            reply = await self._answered("GET", path, None, None, "info")
        except SubscriptionLimitError:
            if not await self.give_up_reads():
                raise
            reply = await self._answered("GET", path, None, None, "info")
        board = self._decoder.decode_reply(reply.body, self._clock.now_ns(), entry.Symbol, entry.Exchange)
        self._was_read(entry)
        return board

    async def fetch_symbol(self, symbol: str | SymbolEntry, *, details: bool = True) -> SymbolReply:
        """Read what an instrument is: unit, tick group, price limits, expiry; takes a place on the registration list.

        Parameters:
            symbol: "9433", "9433@1" or an entry.
            details: whether the four figures that cost time are filled in (default True).

        Raises:
            UnknownSymbolError, SubscriptionLimitError: not known, or no place left.
        """
        entry = entry_of(symbol)
        query = {"addinfo": "true" if details else "false"}
        reply = await self._with_place(f"/symbol/{quoted(spell(entry))}", SymbolReply, query)
        self._was_read(entry)
        if isinstance(reply.BisCategory, str):
            reply.BisCategory = reply.BisCategory.rstrip()  # it comes with blanks (vendor issue 993)
        return reply

    async def fetch_fx(self, pair: str) -> FxRate:
        """Read a currency pair; takes a place on the registration list, and is never pushed.

        Parameters:
            pair: "usdjpy" or "USD/JPY".

        Raises:
            OptionError: a text that is no pair.
            UnknownSymbolError, SubscriptionLimitError: not known, or no place left.
        """
        name = pair.replace("/", "").lower()
        if not (name.isascii() and name.isalpha() and len(name) == 6):
            raise OptionError(f"{pair!r} is not a currency pair; write usdjpy", option="pair")
        rate = await self._with_place(f"/exchange/{name}", FxRate, None)
        self._was_read(SymbolEntry(rate.Symbol or f"{name[:3]}/{name[3:]}".upper(), FX_EXCHANGE))
        return rate

    async def _with_place(self, path: str, answer: type[_T], query: Mapping[str, str] | None) -> _T:
        try:
            return await self._call("GET", path, answer, query=query)
        except SubscriptionLimitError:
            if not await self.give_up_reads():
                raise
            return await self._call("GET", path, answer, query=query)

    # -- reads that take no place --------------------------------------------------------------------------------

    async def fetch_primary_exchange(self, code: str) -> PrimaryExchangeReply:
        """Read where a stock is mainly traded.

        Parameters:
            code: code of the stock, such as "9433".
        """
        reply = await self._call("GET", f"/primaryexchange/{quoted(_code(code))}", PrimaryExchangeReply)
        if reply.PrimaryExchange is None and reply.Exchange is not UNSET:
            reply.PrimaryExchange = reply.Exchange
        return reply

    async def fetch_regulations(self, symbol: str | SymbolEntry) -> RegulationsReply:
        """Read what may not be done with a stock at present.

        Parameters:
            symbol: the venue's symbol.
        """
        return await self._call("GET", f"/regulations/{quoted(spell(entry_of(symbol)))}", RegulationsReply)

    async def fetch_margin_premium(self, code: str) -> MarginPremiumReply:
        """Read the premium for selling a stock short.

        Parameters:
            code: code of the stock, such as "9433".
        """
        return await self._call("GET", f"/margin/marginpremium/{quoted(_code(code))}", MarginPremiumReply)

    async def fetch_soft_limits(self) -> SoftLimitReply:
        """Read what a single order may not exceed, and the version of kabu Station."""
        return await self._call("GET", "/apisoftlimit", SoftLimitReply)

    async def fetch_future_symbol(self, code: str, month: int = 0) -> SymbolNameReply:
        """Read the symbol of a futures contract.

        Parameters:
            code: "NK225", "NK225mini", "NK225micro", "TOPIX", "TOPIXmini", "GROWTH", "JPX400", "DOW", "VI", "Core30", "REIT".
            month: yyyyMM; 0 for the nearest (on the last trading day that is the one that expires).
        """
        query = {"FutureCode": code, "DerivMonth": str(month)}
        return await self._call("GET", "/symbolname/future", SymbolNameReply, query=query)

    async def fetch_option_symbol(
        self, side: str, *, strike: int = 0, month: int = 0, code: str = "NK225op"
    ) -> SymbolNameReply:
        """Read the symbol of an option.

        Parameters:
            side: "put" or "call".
            strike: strike price; 0 for the one at the money.
            month: yyyyMM; 0 for the nearest.
            code: "NK225op" (default) or "NK225miniop".

        Raises:
            OptionError: another side.
        """
        query = {
            "OptionCode": code,
            "DerivMonth": str(month),
            "PutOrCall": _put_or_call(side),
            "StrikePrice": str(strike),
        }
        return await self._call("GET", "/symbolname/option", SymbolNameReply, query=query)

    async def fetch_weekly_option_symbol(
        self, side: str, *, strike: int = 0, month: int = 0, week: int = 0
    ) -> SymbolNameReply:
        """Read the symbol of a weekly mini option.

        Parameters:
            side: "put" or "call".
            strike: strike price; 0 for the one at the money.
            month: yyyyMM; 0 for the nearest.
            week: 1, 3, 4 or 5; 0 for the nearest.

        Raises:
            OptionError: another side or week.
        """
        if week not in _WEEKS:
            raise OptionError(f"week must be one of {', '.join(map(str, _WEEKS))}, not {week!r}", option="week")
        query = {
            "DerivMonth": str(month),
            "DerivWeekly": str(week),
            "PutOrCall": _put_or_call(side),
            "StrikePrice": str(strike),
        }
        return await self._call("GET", "/symbolname/minioptionweekly", SymbolNameReply, query=query)

    async def fetch_ranking(self, kind: int, division: str = "ALL") -> StockRankingReply:
        """Read a ranking of stocks, empty from about 07:53 until just after 09:00.

        Parameters:
            kind: 1 gainers, 2 losers, 3 volume, 4 turnover, 5 executions, 6 rise of volume, 7 rise of turnover.
            division: "ALL", "T", "TP", "TS", "TG", "M", "FK" or "S".

        Raises:
            OptionError: another kind.
        """
        return await self._ranking(kind, division, range(1, 8), StockRankingReply)

    async def fetch_margin_ranking(self, kind: int, division: str = "ALL") -> MarginRankingReply:
        """Read a ranking by margin balances.

        Parameters:
            kind: 8 and 9 sold up and down, 10 and 11 bought up and down, 12 and 13 ratio high and low.
            division: as for `fetch_ranking`.

        Raises:
            OptionError: another kind.
        """
        return await self._ranking(kind, division, range(8, 14), MarginRankingReply)

    async def fetch_sector_ranking(self, kind: int = 14, division: str = "ALL") -> SectorRankingReply:
        """Read a ranking of sectors.

        Parameters:
            kind: 14 gainers (default), 15 losers.
            division: as for `fetch_ranking`.

        Raises:
            OptionError: another kind.
        """
        return await self._ranking(kind, division, range(14, 16), SectorRankingReply)

    async def _ranking(self, kind: int, division: str, kinds: range, answer: type[_T]) -> _T:
        if kind not in kinds:
            raise OptionError(f"kind must be {kinds.start} to {kinds.stop - 1} here, not {kind!r}", option="kind")
        query = {"Type": str(kind), "ExchangeDivision": division}
        return await self._call("GET", "/ranking", answer, query=query)

    async def fetch_time_and_sales(self, symbol: str | SymbolEntry) -> TimeAndSales:
        """Read every execution of the day, oldest first: megabytes and seconds for a busy contract, two calls a second.

        Parameters:
            symbol: the venue's symbol.

        Raises:
            RequestError: kabu Station is older than 5.44.0 and does not know the call.
        """
        path = f"/timeandsales/{quoted(spell(entry_of(symbol)))}"
        return await self._call("GET", path, TimeAndSales, group="tape", timeout_s=TAPE_TIMEOUT_S)


def _code(text: str) -> str:
    return entry_of(text).Symbol


def _put_or_call(side: str) -> str:
    letter = {"put": "P", "p": "P", "call": "C", "c": "C"}.get(side.lower())
    if letter is None:
        raise OptionError(f"side must be 'put' or 'call', not {side!r}", option="side")
    return letter
