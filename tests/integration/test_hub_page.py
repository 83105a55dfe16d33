"""The page of a hub in a real browser: it shows what comes, survives a break, works by keyboard, and asks nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import missing
from wsexample.hub.access import EVERYTHING, Access, TokenFile
from wsexample.hub.server import Hub, HubOptions
from wsexample.hub.web import HubPages
from wsexample.records.journal import Gap
from wsexample.records.market import Board, Book, Level, Quote, Trade

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def board(number: int, price: float) -> Board:
    return Board(
        venue="kabu",
        symbol="9433@1",
        name="ＫＤＤＩ",
        received_ns=1_763_683_200_000_000_000 + number,
        exchange_ns=1_763_683_200_000_000_000,
        last_price=price,
        bids=tuple(Level(price - step, 100.0 * step) for step in range(1, 11)),
        asks=tuple(Level(price + step, 100.0 * step) for step in range(1, 11)),
    )


def quote(number: int) -> Quote:
    return Quote(
        venue="alpaca", symbol="BRK.B", received_ns=1_763_683_200_000_000_000 + number, bid_price=480.1, ask_price=480.3
    )


@asynccontextmanager
async def browsing(chromium: str) -> AsyncIterator[Any]:
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        missing("playwright is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield await browser.new_page(viewport={"width": 1100, "height": 800})
        finally:
            await browser.close()


def hub_with_page(port: int = 0, access: Access | None = None, epoch: str | None = None) -> Hub:
    pages = HubPages()
    made = Hub(
        "127.0.0.1", port, access=access or Access(anybody=EVERYTHING), http=pages, options=HubOptions(), epoch=epoch
    )
    pages.hub = made
    return made


async def reads(page: Any, selector: str, words: str) -> None:
    """Wait until an element says something."""
    await page.wait_for_function(
        "([s, w]) => document.querySelector(s)?.innerText.includes(w)", arg=[selector, words], timeout=15_000
    )


def test_the_page_shows_what_comes(run: Callable[[Any], Any], need: Callable[..., str]) -> None:
    """Prices, Japanese names, ten levels, gaps; the arrow keys choose and / filters; nothing is fetched from elsewhere."""
    chromium = need("chromium", "chromium-browser", "google-chrome")

    async def main() -> None:
        async with hub_with_page() as hub, browsing(chromium) as page:
            said: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            hub.publish([board(1, 3000.0), quote(1)])
            await page.goto(f"http://127.0.0.1:{hub.port}/")
            await reads(page, "#watch", "ＫＤＤＩ")
            await reads(page, "#state", "live")
            hub.publish(
                [board(2, 3001.5), Gap(venue="kabu", received_ns=3, from_ns=1, to_ns=2, reason="connection lost")]
            )
            await reads(page, "#watch", "3,001.5")
            await reads(page, "#events", "connection lost")
            assert await page.locator("#ladder .ask").count() == 10
            await reads(page, "#watch td.mid", "480.2")  # quotes alone have no last price
            assert await page.locator("#watch td.mid").count() == 1
            await page.keyboard.press("ArrowDown")
            await reads(page, "#chosen", "BRK.B")
            await page.keyboard.press("/")
            await page.keyboard.type("kdd")  # the name is written in full-width letters
            await page.keyboard.press("Escape")
            await page.keyboard.press("ArrowUp")
            await reads(page, "#chosen", "9433@1")
            painted = await page.evaluate(
                "() => new Set(document.querySelector('#chart').getContext('2d').getImageData(0, 0, 300, 150).data).size"
            )
            assert painted > 2
            assert said == []
            assert all(url.startswith(f"http://127.0.0.1:{hub.port}/") for url in asked)

    run(main())


def test_the_page_goes_on_after_the_hub_was_away(run: Callable[[Any], Any], need: Callable[..., str]) -> None:
    """It says that the connection is lost, connects again by itself, and shows what comes then."""
    chromium = need("chromium", "chromium-browser", "google-chrome")

    async def main() -> None:
        async with browsing(chromium) as page:
            async with hub_with_page(epoch="same") as hub:
                port = hub.port
                hub.publish([board(1, 3000.0)])
                await page.goto(f"http://127.0.0.1:{port}/")
                await reads(page, "#watch", "3,000")
            await reads(page, "#events", "hub stopping")
            async with hub_with_page(port, epoch="same") as hub:
                hub.publish([board(1, 3000.0), board(2, 3111.0)])
                await reads(page, "#watch", "3,111")
                await reads(page, "#reconnects", "1")

    run(main())


def test_the_page_asks_for_a_token(run: Callable[[Any], Any], need: Callable[..., str], tmp_path: Path) -> None:
    """A hub with tokens wants one; a wrong one is asked for again with the hub's words; none is in the address."""
    chromium = need("chromium", "chromium-browser", "google-chrome")
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("me")

    async def main() -> None:
        async with hub_with_page(access=Access(tokens, anybody=None)) as hub, browsing(chromium) as page:
            hub.publish([board(1, 3000.0)])
            await page.goto(f"http://127.0.0.1:{hub.port}/")
            await page.fill("#secret", "wsx_guess")
            await page.keyboard.press("Enter")
            await reads(page, "#refusal", "unknown or was revoked")
            await page.fill("#secret", token)
            await page.keyboard.press("Enter")
            await reads(page, "#watch", "ＫＤＤＩ")
            assert token not in page.url

    run(main())


def test_the_page_is_usable_on_a_phone(run: Callable[[Any], Any], need: Callable[..., str]) -> None:
    """Nothing is wider than the screen, in light and in dark."""
    chromium = need("chromium", "chromium-browser", "google-chrome")

    async def main() -> None:
        async with hub_with_page() as hub, browsing(chromium) as page:
            hub.publish([board(1, 3000.0), quote(1)])
            colors = set()
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                await page.set_viewport_size({"width": 360, "height": 740})
                await page.goto(f"http://127.0.0.1:{hub.port}/")
                await reads(page, "#watch", "9433@1")
                assert await page.evaluate("() => document.documentElement.scrollWidth") <= 360
                colors.add(await page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
            assert len(colors) == 2

    run(main())


def test_every_price_is_told_from_its_neighbours(run: Callable[[Any], Any], need: Callable[..., str]) -> None:
    """Prices of many places are written in full; a long symbol pushes none away; a chosen row is not under the heads."""
    chromium = need("chromium", "chromium-browser", "google-chrome")
    received_ns = 1_763_683_200_000_000_000
    coin = Book(
        venue="weex",
        symbol="PEPEUSDT",
        received_ns=received_ns,
        bids=(Level(0.00000711, 0.00004),),
        asks=(Level(0.00000713, 2e9),),
    )
    option = Trade(venue="v", symbol="AN-OPTION-" + "0" * 60, received_ns=received_ns, price=1.5, size=1.0)

    async def main() -> None:
        async with hub_with_page() as hub, browsing(chromium) as page:
            hub.publish([option, coin])
            hub.publish([msgspec.structs.replace(option, symbol=f"S{number}") for number in range(20)])
            await page.set_viewport_size({"width": 360, "height": 740})
            await page.goto(f"http://127.0.0.1:{hub.port}/")
            await reads(page, "#watch", "S19")
            assert await page.evaluate("() => document.documentElement.scrollWidth") <= 360
            assert await page.evaluate("() => document.querySelector('#watch td').offsetWidth") < 180
            for key in ["ArrowDown"] * 18 + ["ArrowUp"] * 13:
                await page.keyboard.press(key)
            edges = "() => ['tr[aria-selected=true]', 'th'].map((one) => document.querySelector(one).getBoundingClientRect())"
            row, head = await page.evaluate(edges)
            assert row["top"] >= head["bottom"]
            await page.fill("#filter", "pepe")
            await reads(page, "#ladder", "0.00000711")
            assert await page.inner_text("#ladder .bid") == "0.00004"

    run(main())


LINK = """async () => {
  const { Link } = await import("/page/link.js");
  const sockets = [], said = [], timers = [];
  const later = window.setTimeout.bind(window);
  let now = 0, answer;
  Date.now = () => now;
  window.setInterval = () => 0;
  window.setTimeout = (act) => timers.push(act);
  window.WebSocket = class {
    static OPEN = 1;
    constructor() { this.readyState = 1; this.said = []; sockets.push(this); }
    send(text) {
      if (this.readyState !== 1) throw new Error("it is not open");
      this.said.push(JSON.parse(text));
      if (this.said.at(-1).op === "ping" && !this.isSilent) this.hear({ op: "pong" });
    }
    hear(message) { this.onmessage({ data: JSON.stringify(message) }); }
    close() { this.readyState = 3; }
  };
  const state = (name, words) => said.push(words);
  const told = { hub() {}, data() {}, missed() {}, state, token: () => new Promise((resolve) => { answer = resolve; }) };
  const link = new Link("ws://hub", [">"], 200, told);
  sockets[0].hear({ op: "welcome", epoch: "e", needs_token: true });
  sockets[0].close();
  sockets[0].onclose({ code: 1006, reason: "" });
  answer("a token");
  await new Promise((resolve) => later(resolve));
  timers.pop()();
  sockets[1].hear({ op: "welcome", epoch: "e", needs_token: true });
  await Promise.resolve();
  sockets[1].hear([{ op: "ack", id: "auth" }, { op: "ack", id: "all" }, { op: "data", topic: "a", seq: 5, record: {} }]);
  sockets[1].hear({ op: "missed", topic: "a", from_seq: 6, to_seq: 20, reason: "history" });
  for (now of [60_000, 120_000, 180_000]) link.look();
  const isQuietAlive = link.socket === sockets[1];
  sockets[1].isSilent = true;
  for (now of [240_000, 250_000, 270_000]) link.look();
  return [said, isQuietAlive, link.seen.get("a"), sockets[1].said.slice(0, 1)];
}"""


def test_the_link_of_the_page_keeps_what_it_has(run: Callable[[Any], Any], need: Callable[..., str]) -> None:
    """A token given while the hub was away is used, what was missed is asked for once, and a quiet hub is not a silent one."""
    chromium = need("chromium", "chromium-browser", "google-chrome")

    async def main() -> None:
        async with hub_with_page() as hub, browsing(chromium) as page:
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(f"http://127.0.0.1:{hub.port}/page/style.css")
            said, is_quiet_alive, seen, first = await page.evaluate(LINK)
        assert errors == []
        assert said == ["connecting", "connection lost", "trying again (1)", "live", "the hub is silent"]
        assert (is_quiet_alive, seen) == (True, 20)
        assert first == [{"op": "auth", "token": "a token", "id": "auth"}]

    run(main())


def test_everything_else_over_http(run: Callable[[Any], Any]) -> None:
    """Health, metrics, security headers; no way out of the page's folder."""
    import aiohttp
    from yarl import URL

    async def main() -> None:
        async with hub_with_page() as hub, aiohttp.ClientSession() as session:
            base = f"http://127.0.0.1:{hub.port}"
            async with session.get(f"{base}/health") as answer:
                assert (answer.status, (await answer.json())["status"]) == (503, "starting")
            hub.publish([quote(1)])
            async with session.get(f"{base}/metrics") as answer:
                text = await answer.text()
            assert "wsexample_hub_published_total 1.0" in text
            async with session.get(base) as answer:
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            for path in ("/page/../server.py", "/page/%2e%2e/server.py", "/page/none.js", "/etc/passwd", "/page/"):
                async with session.get(URL(base + path, encoded=True)) as answer:
                    assert answer.status == 404, path
            async with session.post(base) as answer:
                assert answer.status == 405
            await asyncio.sleep(0)

    run(main())
