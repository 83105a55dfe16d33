"""Tell what the suite saw: a table by section, every case that failed, and every difference from plain Autobahn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from conformance.case import Case
from conformance.run import Outcome
from conformance.sections import SECTIONS

__all__ = ["BASELINE", "Results", "as_json", "compare", "describe", "differences", "failures", "table"]

BASELINE = "autobahn"

Key = tuple[str, str, bool]
"""Case, role, octet by octet."""
Results = Mapping[str, Mapping[Key, Outcome]]
"""By stack."""


def compare(ours: Outcome, plain: Outcome) -> str:
    """Return how an outcome compares with plain Autobahn's: "same", "better", "equal" or "worse".

    "equal" is a difference that the RFC permits, or one between two failures.
    """
    if ours.passed != plain.passed:
        return "better" if ours.passed else "worse"
    if ours.seen != plain.seen or ours.told != plain.told:
        return "equal"
    return "same"


def differences(results: Results) -> list[tuple[str, str, Key, Outcome, Outcome]]:
    """Return every difference from plain Autobahn as (stack, verdict, key, ours, plain), worst first."""
    found = []
    plain = results.get(BASELINE, {})
    for stack, outcomes in results.items():
        if stack == BASELINE:
            continue
        for key, outcome in outcomes.items():
            if key in plain and (verdict := compare(outcome, plain[key])) != "same":
                found.append((stack, verdict, key, outcome, plain[key]))
    return sorted(found, key=lambda item: ("worse", "equal", "better").index(item[1]))


def table(results: Results) -> str:
    """Return the cases passed by section, stack and role, as Markdown."""
    columns = [(stack, role) for stack in results for role in ("server", "client")]
    rows = [["section", *(f"{stack}, {role}" for stack, role in columns)]]
    totals = dict.fromkeys(columns, (0, 0))
    for section in SECTIONS:
        ids = {case.id for case in section.cases}
        row = [f"{section.number} {section.title}"]
        for stack, role in columns:
            found = [o for o in results[stack].values() if o.id in ids and o.role == role]
            passed = sum(outcome.passed for outcome in found)
            totals[stack, role] = (totals[stack, role][0] + passed, totals[stack, role][1] + len(found))
            row.append(f"{passed}/{len(found)}" if found else "-")
        rows.append(row)
    rows.append(["all", *(f"{passed}/{count}" for passed, count in totals.values())])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join(lines)


def failures(results: Results) -> list[str]:
    """Return what failed: a line for all cases that failed in the same way on the same stacks."""
    where: dict[tuple[str, str], list[str]] = {}
    for stack, outcomes in results.items():
        for outcome in outcomes.values():
            if not outcome.passed:
                how = f"{stack} {outcome.role}{' (octets)' if outcome.octets else ''}"
                where.setdefault((outcome.id, "; ".join(outcome.wrong)), []).append(how)
    alike: dict[tuple[str, str], list[str]] = {}
    for (number, wrong), stacks in sorted(where.items(), key=lambda item: _place(item[0][0])):
        alike.setdefault((wrong, ", ".join(stacks)), []).append(number)
    lines = []
    for (wrong, stacks), numbers in alike.items():
        case = _cases()[numbers[0]]
        more = f" and {len(numbers) - 1} like it ({_span(numbers[1:])})" if len(numbers) > 1 else ""
        lines.append(f"{numbers[0]} {case.title}{more} [RFC {case.rfc}]: {wrong}: {stacks}")
    return lines


def _span(numbers: list[str]) -> str:
    return ", ".join(numbers) if len(numbers) <= 8 else f"{', '.join(numbers[:4])} ... {numbers[-1]}"


def describe(difference: tuple[str, str, Key, Outcome, Outcome]) -> str:
    """Return a difference as one line."""
    stack, verdict, (number, role, octets), ours, plain = difference
    case = _cases()[number]
    how = f"{role}{', octet by octet' if octets else ''}"
    line = f"{verdict}: {number} {case.title} [RFC {case.rfc}] ({stack}, {how}): "
    if ours.seen != plain.seen:
        line += f"saw {_short(ours.seen)}; plain Autobahn: {_short(plain.seen)}"
    elif ours.told != plain.told:
        line += f"onClose was told {ours.told}; plain Autobahn: {plain.told}"
    else:
        line += f"{'; '.join(ours.wrong) or 'as asked'}; plain Autobahn: {'; '.join(plain.wrong) or 'as asked'}"
    return line


def as_json(results: Results) -> dict[str, Any]:
    """Return everything that was seen."""
    return {
        "results": {stack: [asdict(outcome) for outcome in outcomes.values()] for stack, outcomes in results.items()},
        "differences": [describe(item) for item in differences(results)],
    }


def _short(seen: list[str]) -> str:
    if len(seen) > 6:
        return f"[{', '.join(seen[:2])}, ... {len(seen) - 4} more ..., {', '.join(seen[-2:])}]"
    return f"[{', '.join(seen)}]"


def _place(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


def _cases() -> dict[str, Case]:
    return {case.id: case for section in SECTIONS for case in section.cases}
