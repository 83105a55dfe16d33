"""Try inputs and random changes of them without a fuzzer: for builds, such as a sanitized one, that atheris does not go with.

    python -m tests.fuzz.mutate TARGET... --seconds N --seed S --last FILE

The input that is being tried stands in FILE while it is, so that it is known after a crash.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from pathlib import Path

from tests.fuzz.targets import corpus, load, seeds

MAX_LEN = 4096
EDGES = (0, 1, 2, 5, 124, 125, 126, 127, 128, 129, 254, 255)


def changed(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return an input with a few random changes."""
    new = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        at = chance.randrange(len(new) + 1)
        kind = chance.randrange(7)
        if kind == 0 and new:
            new[at % len(new)] ^= 1 << chance.randrange(8)
        elif kind == 1 and new:
            new[at % len(new)] = chance.choice(EDGES)
        elif kind == 2:
            new[at:at] = chance.randbytes(chance.choice((1, 2, 4, 30)))
        elif kind == 3:
            del new[at : at + chance.choice((1, 2, 8, 60))]
        elif kind == 4:
            new[at:at] = new[at : at + chance.randrange(1, 40)] * chance.choice((1, 2, 20))
        elif kind == 5:
            other = chance.choice(others)
            new[at:] = other[chance.randrange(len(other) + 1) :]
        elif new:
            start = chance.randrange(len(new))
            new[at:at] = new[start : start + 20]
    return bytes(new[:MAX_LEN])


def main() -> None:
    """Try each target for its time; an exception ends the process as it would end the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--seconds", type=float, default=10, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--last", type=Path, required=True, help="where the input stands that is being tried")
    options = parser.parse_args()
    logging.disable()
    for name in options.targets:
        target, chance = load(name), random.Random(options.seed)
        pool = [*(file.read_bytes() for file in corpus(name)), *seeds(target)]
        done, until = 0, time.monotonic() + options.seconds
        with options.last.open("wb", buffering=0) as last:
            while done < len(pool) or time.monotonic() < until:
                data = pool[done] if done < len(pool) else changed(chance.choice(pool), pool, chance)
                last.seek(0)
                last.truncate()
                last.write(data)
                target.one_input(data)
                done += 1
        sys.stdout.write(f"{name}: {done:,} inputs, {len(pool)} of them kept ones\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
