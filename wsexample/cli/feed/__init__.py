"""What every broker's streaming command needs: from sessions to a table, a pipe, a store and a journal, with honest counts.

A command makes its sessions and runs a `Feed`; the flags are read into a `FeedPlan`::

    from wsexample.cli.feed.flags import feed_flags
    from wsexample.cli.feed.plan import FeedPlan

    @click.command("alpaca", cls=Command, context_settings=CONTEXT)
    @click.argument("symbols", nargs=-1)
    @feed_flags                                    # --store --journal --record --alert --count --duration --newest --no-table
    def main(symbols, feed: FeedPlan) -> None:     # --no-reconnect --color --no-color -q --debug
        async def program(stop: Stop) -> int:
            from wsexample.cli.feed.run import Feed    # here, so that --help stays fast
            from wsexample.cli.feed.table import MarketTable

            stream = AlpacaStream(quotes=symbols, retry=Retry(max_attempts=None if feed.reconnects else 1), tap=tape)
            view = MarketTable(list(symbols))
            return await Feed(feed, {"data": stream}, stop, place="Alpaca iex", view=view).run()

        run_command(program, debug=feed.is_debug)

What a feed does with any session, whatever the broker:

| part | file |
|---|---|
| a table or another `View` on a terminal, drawn five times a second | ``screen``, ``view``, ``table`` |
| JSON lines in a pipe, or with ``--no-table`` | ``lines`` |
| ``--store URL``: every record, connection events too, stored before it is shown | ``store`` |
| ``--journal FILE-or-URL``: connection events and gaps | ``journal`` |
| one line on standard error for each loss, return, gap, refused topic, warning of the library | ``notices``, ``voice`` |
| one line when what comes falls behind the venue's clock, and one when it is in time again | ``lag`` |
| ``--count``, ``--duration``, Ctrl-C, a pipe that is closed; what came is stored in each case | ``run`` |
| received = delivered + conflated + dropped + waiting, for the store and for the pipe, in the end | ``run`` |
| ``--alert CONDITION``: a line, a bell and a record when a price gets somewhere | ``alerts`` |
| records as the same words for prices, whatever their kind: ``facts_of`` | ``facts`` |
| records of a command's own, put into the stream by a `Watcher` | ``run`` |

Rules for a command that uses it:

- Sessions are made by the command, with whatever ``tap``, ``retry`` and ``dedupe`` they need, and opened by the feed; where a
  client holds them, it is named as ``opened_by`` and must open them when it is entered and close them when it is left.
- A feed takes consumers of its own: one that keeps (``drop_oldest``, or ``conflate`` where only a table is drawn) and one that
  prints. Both hold up to 100,000 records, so the socket is read on whatever the disk or the pipe does.
- `Feed.run` returns the exit status when the user or the plan ended it, and raises what ended the stream; `run_command` makes a
  line and an exit status of that.
- Nothing here knows a broker, and nothing uses what only POSIX has.
"""

from __future__ import annotations
