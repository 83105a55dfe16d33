"""Promises of the simulated REST calls, row by row of the reference; no socket is opened here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wsexample.brokers.kabu.simulator.desk import ROUTES, Call

from .core_calls import Caller, error
from .market_samples import future, option, play


def symbols(*codes: str) -> dict[str, Any]:
    return {"Symbols": [{"Symbol": code, "Exchange": 1} for code in codes]}


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "words"),
    [
        ("GET", "nothing", 404, 4001012, "リクエスト不正"),
        ("GET", "board", 404, 4001012, "リクエスト不正"),
        ("GET", "board/9433@1/more", 404, 4001012, "リクエスト不正"),
        ("GET", "websocket", 404, 4001012, "リクエスト不正"),
        ("POST", "register", 405, 4001014, "wrong HTTP method"),
        ("GET", "token", 405, 4001014, "wrong HTTP method"),
        ("GET", "board/9433", 400, 4001011, "リクエスト文字列不正"),
        ("GET", "board/9433@x", 400, 4001011, "リクエスト文字列不正"),
        ("GET", "board/0000@1", 400, 4002001, "銘柄が見つからない"),
        ("GET", "board/9433@9", 400, 4002001, "銘柄が見つからない"),
        ("GET", "symbol/9433@1?addinfo=perhaps", 400, 4001010, "the query string cannot be read"),
        ("GET", "symbolname/future?FutureCode=NK225&DerivMonth=x", 400, 4001010, "the query string cannot be read"),
        ("GET", "symbolname/future?FutureCode=NOPE&DerivMonth=0", 400, 4002001, "銘柄が見つからない"),
        ("GET", "symbolname/option?DerivMonth=0&StrikePrice=0", 400, 4001010, "the query string cannot be read"),
        ("GET", "symbolname/minioptionweekly?PutOrCall=C", 400, 4002001, "銘柄が見つからない"),
        ("GET", "exchange/btcjpy", 400, 4002001, "銘柄が見つからない"),
        ("GET", "primaryexchange/0000", 400, 4002001, "銘柄が見つからない"),
        ("GET", "margin/marginpremium/101", 400, 4002001, "銘柄が見つからない"),
        ("GET", "ranking?Type=16", 400, 4001010, "the query string cannot be read"),
        ("GET", "ranking?Type=1&ExchangeDivision=X", 400, 4001010, "the query string cannot be read"),
    ],
)
def test_refusals(method: str, path: str, status: int, code: int, words: str) -> None:
    """Each mistake gets the vendor's status, code and words."""
    assert error(Caller().call(method, path)) == (status, code, words)


def test_the_body_of_an_unknown_url_has_fifty_bytes() -> None:
    """As captured: compact JSON, 50 bytes."""
    assert len(msgspec.json.encode(Caller().call("GET", "nothing").body)) == 50


def test_token() -> None:
    """The right password gives a token in a body of 59 bytes, and the token opens the other calls."""
    caller = Caller()
    caller.token = None
    assert error(caller.call("GET", "apisoftlimit"))[:2] == (401, 4001009)
    answer = caller.call("POST", "token", {"APIPassword": "right"})
    assert len(msgspec.json.encode(answer.body)) == 59
    caller.token = caller.station.token
    assert caller.get("apisoftlimit")["Stock"] == 200.0
    assert error(caller.call("POST", "token", {"APIPassword": "wrong"})) == (401, 4001013, "トークン取得失敗")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"Password":"right"}', b'{"APIPassword":1}'])
def test_a_token_request_that_cannot_be_read(raw: bytes) -> None:
    """Whatever is not the expected object is 400/4001005."""
    status, code, words = error(Caller().call("POST", "token", raw=raw))
    assert (status, code) == (400, 4001005)
    assert words.startswith("パラメータ変換エラー")


def test_logged_out() -> None:
    """Nobody logged in: the token call and every other one are 401/4001007."""
    caller = Caller()
    caller.station.log_out()
    assert error(caller.call("POST", "token", {"APIPassword": "right"})) == (401, 4001007, "ログイン認証エラー")
    assert error(caller.call("PUT", "unregister/all"))[:2] == (401, 4001007)


def test_length_and_media_type() -> None:
    """A body that is too long is 413, one that is not JSON by its header is 415; charset parameters do no harm."""
    caller = Caller()
    assert error(caller.call("PUT", "register", is_too_long=True))[:2] == (413, 4001015)
    form = caller.call("PUT", "register", symbols("9433"), media_type="application/x-www-form-urlencoded")
    assert error(form)[:2] == (415, 4001016)
    assert caller.call("PUT", "register", symbols("9433"), media_type=None).http_status == 200


def test_registration() -> None:
    """Register answers the whole list in the vendor's spelling; unregister/all empties it."""
    caller = Caller()
    caller.call("PUT", "register", symbols("8306"))
    answer = caller.call("PUT", "register", symbols("9433", "101"))
    assert msgspec.json.encode(answer.body) == (
        b'{"RegistList":[{"Symbol":"8306","Exchange":1},{"Symbol":"9433","Exchange":1},{"Symbol":"101","Exchange":1}]}'
    )
    assert answer.registered == (("9433", 1), ("101", 1))
    left = caller.call("PUT", "unregister", symbols("9433"))
    assert msgspec.json.decode(msgspec.json.encode(left.body))["RegistList"][1]["Symbol"] == "101"
    assert msgspec.json.encode(caller.call("PUT", "unregister/all").body) == b'{"RegistList":[]}'


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 4001005),
        (b"{}", 4001018),
        (b'{"Symbols":"9433"}', 4001005),
        (b'{"Symbols":[{"Symbol":"9433"}]}', 4001005),
        (b'{"Symbols":[{"Symbol":"9433","Exchange":"1"}]}', 4001005),
        (b'{"Symbols":[{"Symbol":"0000","Exchange":1}]}', 4001018),
        (b'{"Symbols":[{"Symbol":"9433","Exchange":1},{"Symbol":"0000","Exchange":1}]}', 4001019),
        (b'{"Symbols":[{"Symbol":"EUR/USD","Exchange":300}]}', 4001018),
    ],
)
def test_registrations_that_cannot_be(raw: bytes, code: int) -> None:
    """Bodies that cannot be read, lists without a symbol that is known, lists with an unknown one."""
    assert error(Caller().call("PUT", "register", raw=raw))[:2] == (400, code)


def test_the_list_is_full() -> None:
    """One too many is 400/4002006, for a registration and for a read that would take a slot."""
    caller = Caller(register_limit=2)
    caller.call("PUT", "register", symbols("9433", "8306"))
    assert error(caller.call("PUT", "register", symbols("7203"))) == (400, 4002006, "レジスト数エラー")
    for path in ("board/7203@1", "symbol/7203@1", "exchange/usdjpy"):
        assert error(caller.call("GET", path))[:2] == (400, 4002006)
    assert caller.get("symbol/9433@1")["Symbol"] == "9433"


def test_reads_take_slots() -> None:
    """Boards, symbols and currencies stay on the list until they are unregistered; other reads do not."""
    caller = Caller()
    for path in ("board/9433@1", "symbol/8306@1", "exchange/eurusd", "timeandsales/7203@1", "regulations/7203@1"):
        caller.get(path)
    assert list(caller.station.entries) == [("9433", 1), ("8306", 1), ("EUR/USD", 300)]
    answer = caller.call("PUT", "unregister", {"Symbols": [{"Symbol": "EUR/USD", "Exchange": 300}]})
    assert answer.http_status == 200
    assert caller.station.pushed == []


def test_the_first_board_is_slow() -> None:
    """A symbol that is not on the list yet takes its time, one that is answers at once."""
    caller = Caller(first_board_delay_ms=1_000)
    assert caller.call("GET", "board/9433@1").delay_s == 1.0
    assert caller.call("GET", "board/9433@1").delay_s == 0.0
    caller.call("PUT", "register", symbols("8306"))
    assert caller.call("GET", "board/8306@1").delay_s == 0.0


def test_a_board_that_times_out_is_empty() -> None:
    """From five seconds on, the answer is 200 with nulls; asked again it is there."""
    caller = Caller(first_board_delay_ms=5_000)
    empty = caller.get("board/9433@1")
    assert (empty["Symbol"], empty["CurrentPrice"], empty["Sell1"]) == ("9433", None, None)
    assert caller.get("board/9433@1")["CurrentPrice"] > 0


def test_too_many_calls() -> None:
    """The eleventh read in a second is 429/4001006."""
    caller = Caller()
    for _ in range(10):
        caller.call("GET", "board/9433@1")
        caller.now_ns = 0
    assert error(caller.call("GET", "board/9433@1")) == (429, 4001006, "API実行回数エラー")


def test_symbol() -> None:
    """Stocks, futures, options and indices have the fields of their kind; addinfo=false leaves the slow ones null."""
    caller = Caller()
    stock = caller.get("symbol/9433@1")
    assert (stock["TradingUnit"], stock["PriceRangeGroup"], stock["BisCategory"]) == (100.0, "10003", "5250      ")
    assert (stock["UpperLimit"], stock["LowerLimit"], stock["TotalStocks"]) == (3010.0, 2010.0, 4_188_000.0)
    assert stock["MarginSell"] is True
    assert "Underlyer" not in stock
    assert caller.get("symbol/9433@1?addinfo=false")["TotalStocks"] is None
    contract = caller.get(f"symbol/{future()}@2")
    assert (contract["Underlyer"], contract["DerivMonth"], contract["TradeEnd"]) == ("NK225", "2026/03", 20260312)
    put = caller.get(f"symbol/{option(is_call=False)}@2")
    assert put["PutOrCall"] == 1
    assert str(int(put["StrikePrice"])) in put["SymbolName"]
    assert caller.get("symbol/101@1") == {"Symbol": "101", "SymbolName": "日経平均"}


def test_symbol_names() -> None:
    """The nearest contract, the one of a month, and the option at the money can be asked for."""
    caller = Caller()
    assert caller.get("symbolname/future?FutureCode=nk225MINI&DerivMonth=0")["Symbol"] == future()
    assert caller.get("symbolname/future?FutureCode=NK225mini&DerivMonth=202603")["SymbolName"] == "日経225mini 26/03"
    call = caller.get("symbolname/option?DerivMonth=0&PutOrCall=C&StrikePrice=0")
    assert call["Symbol"] == option(is_call=True)


def test_currencies() -> None:
    """Here bid is below ask, and the slot is called by the vendor's name."""
    rate = Caller().get("exchange/USDJPY")
    assert rate["Symbol"] == "USD/JPY"
    assert rate["BidPrice"] < rate["AskPrice"]
    assert rate["Time"] == "10:15:00"


def test_other_reads() -> None:
    """Primary market, premium, regulations and limits answer in the vendor's shapes."""
    caller = Caller()
    assert caller.get("primaryexchange/9433") == {"Symbol": "9433", "PrimaryExchange": 1}
    assert caller.get("margin/marginpremium/9433")["DayTrade"]["MarginPremiumType"] == 0
    assert caller.get("margin/marginpremium/501A")["GeneralMargin"]["MarginPremiumType"] is None
    assert caller.get("regulations/9433@1") == {"Symbol": "9433", "RegulationsInfo": []}
    assert caller.get("regulations/501A@1")["RegulationsInfo"][0]["Level"] == 2
    assert caller.get("apisoftlimit")["KabuSVersion"].count(".") == 3


def test_time_and_sales_adds_up() -> None:
    """Executions since a moment have the volume by which the board's volume grew."""
    caller = Caller()
    before = caller.get("board/9433@1")["TradingVolume"]
    play(caller.market, "10:20")
    rows = caller.get("timeandsales/9433@1")
    assert rows["TradingPriceCount"] == len(rows["TradingPrice"])
    assert [row["Time"] for row in rows["TradingPrice"]] == sorted(row["Time"] for row in rows["TradingPrice"])
    after = caller.get("board/9433@1")
    assert rows["TradingPrice"][-1]["Price"] == after["CurrentPrice"]
    assert sum(row["Volume"] for row in rows["TradingPrice"]) == after["TradingVolume"] > before


@pytest.mark.parametrize(
    ("kind", "field", "is_falling"),
    [
        (1, "ChangePercentage", True),
        (2, "ChangePercentage", False),
        (3, "TradingVolume", True),
        (4, "Turnover", True),
        (5, "TickCount", True),
        (6, "RapidTradePercentage", True),
        (7, "RapidPaymentPercentage", True),
        (8, "SellLastWeekRatio", True),
        (9, "SellLastWeekRatio", False),
        (10, "BuyLastWeekRatio", True),
        (11, "BuyLastWeekRatio", False),
        (12, "Ratio", True),
        (13, "Ratio", False),
        (14, "ChangePercentage", True),
        (15, "ChangePercentage", False),
    ],
)
def test_rankings_are_in_order(kind: int, field: str, is_falling: bool) -> None:
    """Each of the fifteen types is ordered by its own figure and numbered from one."""
    reply = Caller().get(f"ranking?Type={kind}&ExchangeDivision=ALL")
    figures = [row[field] for row in reply["Ranking"]]
    assert len(figures) >= 5
    assert figures == sorted(figures, reverse=is_falling)
    assert [row["No"] for row in reply["Ranking"]] == list(range(1, len(figures) + 1))
    assert reply["Type"] == str(kind)


def test_rankings_by_section() -> None:
    """A division narrows the list down; before the opening it is empty."""
    caller = Caller()
    assert [row["Symbol"] for row in caller.get("ranking?Type=3&ExchangeDivision=TG")["Ranking"]] == ["501A"]
    assert caller.get("ranking?Type=3&ExchangeDivision=S")["Ranking"] == []
    assert Caller("08:30").get("ranking?Type=3")["Ranking"] == []


def test_the_verification_environment() -> None:
    """There, boards and symbols are nulls, registering shows nothing, and mistakes are still found."""
    caller = Caller(env="verification")
    assert set(caller.get("board/9433@1").values()) == {None}
    assert set(caller.get("symbol/9433@1").values()) == {None}
    assert caller.get("symbolname/option?PutOrCall=C") == {"Symbol": None, "SymbolName": None}
    assert msgspec.json.encode(caller.call("PUT", "register", symbols("9433")).body) == b'{"RegistList":[]}'
    assert error(caller.call("PUT", "register", raw=b"{"))[:2] == (400, 4001005)


def test_every_call_is_counted_in_its_group() -> None:
    """Only the token call is counted nowhere and needs no token."""
    assert {name for name, route in ROUTES.items() if route.group is None} == {"token"}
    assert {name for name, route in ROUTES.items() if not route.needs_token} == {"token"}


def test_a_call_does_not_show_its_token() -> None:
    """Neither token nor body are printed."""
    assert "secret" not in repr(Call(method="GET", path="/", token="secret", body=b"secret"))
