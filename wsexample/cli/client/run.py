"""One run of ``wseclient``: the echo test, or a conversation at a prompt or in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from wsexample.cli.client import plan as planning
from wsexample.cli.client.conversation import Conversation
from wsexample.cli.client.echo_check import check_echo
from wsexample.cli.client.prompt import Prompt, history_path
from wsexample.cli.client.sources import PromptSource, Source
from wsexample.cli.connect_flags import connect_options
from wsexample.cli.output import Output
from wsexample.cli.running import Stop, say
from wsexample.cli.tapes.speed import factor
from wsexample.cli.wire_tap import WireTap
from wsexample.errors import DeadlineError

__all__ = ["run_client"]

DEFAULT_URL = "ws://127.0.0.1:9000"


async def run_client(url: str | None, given: Mapping[str, Any], stop: Stop, *, color: str, is_quiet: bool) -> int:
    """Do what the command line says.

    Parameters:
        url: where to; None tests the echo server on this machine, unless there is something to send.
        given: values of the flags, by their Python names.
        stop: watched all the time.
        color: when to use colours.
        is_quiet: whether nothing but errors is said on stderr.

    Returns:
        The exit status.

    Raises:
        WsExampleError: it failed.
    """
    work = _work(url, given, stop, color=color, is_quiet=is_quiet)
    return await work if given["max_time"] is None else await _within(given["max_time"], work)


async def _work(url: str | None, given: Mapping[str, Any], stop: Stop, *, color: str, is_quiet: bool) -> int:
    if given["replay"] is not None:
        return await _replay(given, stop, color=color)
    if url is None and given["unix_socket"]:
        url = "ws://localhost/"
    if given["test"] or (url is None and not planning.says_what_to_send(given)):
        options = connect_options(url or DEFAULT_URL, given, trace=planning.trace(given))
        return await check_echo(
            options, stop, interval_s=given["interval"], count=given["max_messages"], is_quiet=is_quiet
        )
    return await _converse(url or DEFAULT_URL, given, stop, color=color, is_quiet=is_quiet)


async def _within(timeout_s: float, work: Coroutine[Any, Any, int]) -> int:
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineError(f"not done within {timeout_s:g} s", step="max-time", timeout_s=timeout_s) from None


async def _converse(url: str, given: Mapping[str, Any], stop: Stop, *, color: str, is_quiet: bool) -> int:
    is_interactive = planning.wants_prompt(given)
    plan = planning.conversation_plan(url, given, is_interactive=is_interactive)
    with Output(given["output"]) as output, contextlib.ExitStack() as stack:
        source: Source | None
        show = output.send
        if is_interactive:
            prompt = Prompt(stop.ask, history_path())
            source = PromptSource(prompt, planning.interpreter(given, is_interactive=True), _complain)
            above = stack.enter_context(prompt.above())
            if output.is_terminal:

                async def show(data: bytes) -> None:
                    above.write(data.decode("utf-8", "backslashreplace"))

        else:
            source = planning.pipe_source(given)

        def tell(sentence: str, *, color: str | None = None, is_chatter: bool = False) -> None:
            if not is_quiet and (not is_chatter or is_interactive or given["verbose"]):
                say(sentence, color=color)

        presenter = planning.presenter(
            given, is_terminal=output.is_terminal, is_interactive=is_interactive, color=color
        )
        try:
            async with contextlib.AsyncExitStack() as tapes:
                tap = await tapes.enter_async_context(_taped(given["record"], plan.options.url, tell))
                return await Conversation(plan, source, presenter, show, tell, tap).run(stop)
        finally:
            if source is not None:
                await source.close()


@contextlib.asynccontextmanager
async def _taped(path: Path | None, url: str, tell: Callable[..., None]) -> AsyncIterator[WireTap | None]:
    """Record connections on a tape, where one is named."""
    if path is None:
        yield None
        return
    from wsexample.tape.format import Source as TapeSource
    from wsexample.tape.recorder import Recorder

    async with Recorder(path, TapeSource(url=url), mode="append") as recorder:
        if recorder.stats.torn_bytes:
            tell(f"{path}: {recorder.stats.torn_bytes} bytes of a torn end were cut", color="yellow")
        yield WireTap(recorder, url)
    tell(f"{recorder.stats.stored:,} messages and notes recorded on {path}")


async def _replay(given: Mapping[str, Any], stop: Stop, *, color: str) -> int:
    """Show what was received on a tape."""
    from wsexample.tape.format import Kind
    from wsexample.tape.pace import Pace
    from wsexample.tape.reader import Tape

    pace = Pace(factor(given["speed"]))
    with Output(given["output"]) as output, Tape(given["replay"]) as tape:
        presenter = planning.presenter(given, is_terminal=output.is_terminal, is_interactive=False, color=color)
        begun_ns = tape.first_ns() or 0
        shown = 0
        for entry in tape.entries():
            if entry.kind >= Kind.SENT_TEXT:
                continue
            wait_s = pace.wait_s(entry.at_ns, asyncio.get_running_loop().time())
            if (wait_s > 0 and not await stop.race(asyncio.sleep(wait_s))) or shown == given["max_messages"]:
                break
            await output.send(
                presenter.present(entry.payload, entry.kind == Kind.RECEIVED_BINARY, entry.at_ns, begun_ns)
            )
            shown += 1
    return stop.exit_code


def _complain(sentence: str) -> None:
    say(sentence, color="red")
