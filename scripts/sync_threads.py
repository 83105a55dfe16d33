"""Send a million messages from eight threads over one blocking connection and check that every echo comes back whole.

python scripts/sync_threads.py
python scripts/sync_threads.py --messages 80000 --senders 4
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.sync.peer import peer
from tests.sync.test_threads import share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000, help="messages in all; 1000000")
    parser.add_argument("--senders", type=int, default=8, help="threads that send; 8")
    options = parser.parse_args()
    each = options.messages // options.senders
    began = time.monotonic()
    with peer() as server:
        found = share(server.url, senders=options.senders, messages=each)
    assert found == {str(number): each for number in range(options.senders)}
    total = each * options.senders
    print(
        f"{total} messages of {options.senders} threads came back whole and in order in {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
