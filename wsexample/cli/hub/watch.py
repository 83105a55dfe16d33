"""``wsexample watch``: read a hub, as the streaming commands read a broker."""

from __future__ import annotations

from typing import Any

import click

from wsexample.cli.broker_access import patience_flag, retry_of
from wsexample.cli.feed.flags import feed_flags
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.help_text import epilog
from wsexample.cli.options import CONTEXT, Command, option
from wsexample.cli.running import Stop, run_command

__all__ = ["main"]


@click.command(
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample watch localhost:9100",
        "wsexample watch localhost:9100 'alpaca.*.quote' --interval 200",
        "wsexample watch wss://hub.example 'kabu.>' --token-file token | jq .last_price",
        "wsexample watch localhost:9100 'weex.BTCUSDT.>' --store btc.db",
        note="A topic is venue.symbol.kind; * stands for one word, > for all that follow.\n"
        "After a break it goes on where it was, without a gap, as long as the hub remembers.",
    ),
)
@click.argument("url")
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@option(
    "--interval",
    type=click.IntRange(min=0),
    metavar="MS",
    section="Hub",
    help="Only the newest of each topic, so often.",
)
@option("--token-file", type=click.File("r"), envvar="WSEXAMPLE_HUB_TOKEN_FILE", section="Hub",
        help="File with the token; also from WSEXAMPLE_HUB_TOKEN_FILE. WSEXAMPLE_HUB_TOKEN has the token itself.")  # fmt: skip
@click.option("--token", envvar="WSEXAMPLE_HUB_TOKEN", hidden=True, show_envvar=False)
@patience_flag("Hub")
@feed_flags
def main(
    url: str,
    topics: tuple[str, ...],
    interval: int | None,
    token_file: Any,
    token: str | None,
    is_patient: bool,
    feed: FeedPlan,
) -> None:
    """Read a hub: a live table on a terminal, JSON lines in a pipe."""
    secret = token_file.read().strip() if token_file is not None else token

    async def program(stop: Stop) -> int:
        from wsexample.cli.feed.run import Feed
        from wsexample.cli.feed.table import MarketTable
        from wsexample.doors.hub import connect_hub
        from wsexample.wire.masking import mask_url

        session = connect_hub(
            url,
            topics or (">",),
            token=secret,
            interval_ms=interval,
            retry=retry_of(feed, is_patient=is_patient),
        )
        view = MarketTable([])
        return await Feed(feed, {"hub": session}, stop, place=f"hub {mask_url(url)}", view=view).run()

    run_command(program, debug=feed.is_debug)


if __name__ == "__main__":
    main(prog_name="wsexample watch")
