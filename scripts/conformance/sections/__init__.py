"""All cases, by section; ids are the section's number and the case's place in it."""

from __future__ import annotations

from dataclasses import replace

from conformance.case import Section
from conformance.sections import (
    closing,
    control,
    deflate,
    fragments,
    framing,
    handshake,
    limits,
    reserved,
    text,
)

__all__ = ["SECTIONS"]


def _numbered() -> tuple[Section, ...]:
    modules = (framing, control, reserved, fragments, text, closing, limits, deflate, handshake)
    found = []
    for number, module in enumerate(modules, 1):
        cases = tuple(replace(case, id=f"{number}.{place}") for place, case in enumerate(module.cases(), 1))
        found.append(Section(number, module.TITLE, cases))
    return tuple(found)


SECTIONS = _numbered()
