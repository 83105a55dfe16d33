"""``wseserver`` against the WebSocket of a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import missing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PAGE_SCRIPT = """
(url) => new Promise((resolve) => {
  const ws = new WebSocket(url);
  const story = { echoes: [], wasClean: null };
  ws.binaryType = "arraybuffer";
  ws.onopen = () => { ws.send("日本語"); ws.send(new Uint8Array([0, 255])); ws.send("x".repeat(70000)); };
  ws.onmessage = ({ data }) => {
    story.echoes.push(typeof data === "string" ? data : Array.from(new Uint8Array(data)));
    if (story.echoes.length === 3) ws.close(4003, "browser is done");
  };
  ws.onerror = () => { story.error = true; };
  ws.onclose = ({ code, wasClean }) => { story.code = code; story.wasClean = wasClean; resolve(story); };
})
"""


def test_wseserver_serves_a_browser(run: Callable[[Any], Any], echo_url: str, need: Callable[..., str]) -> None:
    """Chromium's WebSocket gets text and binary back and closes cleanly with its own code."""
    chromium = need("chromium", "chromium-browser", "google-chrome")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        missing("playwright is not installed")

    async def scenario() -> dict[str, Any]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            try:
                page = await browser.new_page()
                async with asyncio.timeout(25):
                    story: dict[str, Any] = await page.evaluate(PAGE_SCRIPT, echo_url)
            finally:
                await browser.close()
        return story

    story = run(scenario())
    assert story["echoes"] == ["日本語", [0, 255], "x" * 70000]
    assert (story["code"], story["wasClean"]) == (4003, True)
    assert "error" not in story
