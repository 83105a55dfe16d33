#!/usr/bin/env python3
"""Draw the phases of a session, from the machine's own table, into docs/session.md; ``--check`` only compares.

The picture is Mermaid text between two marks in that file, so that a page on a forge shows it and a diff shows what changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wsexample.session.machine import TRANSITIONS, Phase

PAGE = Path(__file__).resolve().parent.parent / "docs" / "session.md"
BEGIN, END = "<!-- phases: drawn by scripts/draw_session.py -->", "<!-- end of phases -->"


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Phase.CONNECTING}"]
    for phase, ways in TRANSITIONS.items():
        lines += [f"    {phase} --> {following}: {signal.value}" for signal, following in ways.items()]
        if not ways:
            lines.append(f"    {phase} --> [*]")
    return "\n".join([*lines, "```"])


def table() -> str:
    """Return the same as a table, for those who read plain text."""
    signals = list(dict.fromkeys(signal for ways in TRANSITIONS.values() for signal in ways))
    rows = [["phase", *(signal.value for signal in signals)], ["---"] * (len(signals) + 1)]
    rows += [[f"`{phase}`", *(_cell(ways.get(signal)) for signal in signals)] for phase, ways in TRANSITIONS.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(phase: Phase | None) -> str:
    return f"`{phase}`" if phase is not None else ""


def drawn(page: str) -> str:
    """Return a page with the picture between its marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        sys.exit(f"{PAGE.name} has lost its marks {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{diagram()}\n\n{table()}\n\n{END}{after}"


def main() -> int:
    """Rewrite the page, or compare it; returns 1 when it differs from the table."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is out of date")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    wanted = drawn(page)
    if page == wanted:
        return 0
    if options.check:
        print(f"{PAGE.name} does not show the present table; run scripts/draw_session.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
