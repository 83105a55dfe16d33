"""What stands around the targets: the fuzzer finds what is planted, says how to see it again, and keeps little."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import campaign
from tests.fuzz.mutate import changed
from tests.fuzz.targets import ROOT, names


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "fuzz.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=50)


def test_the_command_lists_every_target_with_its_promise() -> None:
    """``--list`` has each target once, and says what it is for."""
    done = fuzz("--list")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line and not line.startswith(" ")] == names()
    assert len([line for line in done.stdout.splitlines() if line.startswith(" ")]) >= len(names())


def test_an_input_is_tried_again(tmp_path: Path) -> None:
    """``--repeat`` runs one input without a fuzzer."""
    file = tmp_path / "input"
    file.write_bytes(b"ws://127.0.0.1/")
    done = fuzz("addresses", "--repeat", str(file))
    assert (done.returncode, done.stdout) == (0, "addresses keeps its promise for these 15 octets\n")


def test_an_unknown_target_is_refused() -> None:
    """The message names what there is."""
    done = fuzz("no-such-target")
    assert done.returncode == 2
    assert "addresses" in done.stderr


def test_a_finding_says_how_to_see_it_again(tmp_path: Path) -> None:
    """Words, seed and two commands; a long input is named by its file only."""
    file = tmp_path / "crash-1"
    file.write_bytes(b"\x00ab")
    found = campaign.Campaign("addresses", 7, 10, 5, 3, 1, 0, file, 77, "#1 x\nValueError: planted\n")
    said = found.explain()
    assert found.has_failed
    assert "seed 7" in said
    assert "ValueError: planted" in said
    assert "bytes.fromhex('006162')" in said
    assert f"--repeat {file}" in said
    file.write_bytes(bytes(5000))
    assert "fromhex" not in found.explain()


def test_what_inputs_reach_is_read_from_a_merge(tmp_path: Path) -> None:
    """Each input with the features that it reached."""
    control = tmp_path / "merged.txt"
    control.write_text(
        "2\n0\n/a\n/b\nSTARTED 0 5\nFT 0 1 2\nCOV 0 9\nSTARTED 1 6\nFT 1 2 3 4\nCOV 1 9\n", encoding="utf-8"
    )
    assert campaign.reached(control) == {Path("/a"): {1, 2}, Path("/b"): {2, 3, 4}}


@pytest.mark.parametrize("seed", range(5))
def test_random_changes_can_be_made_again(seed: int) -> None:
    """The same seed makes the same inputs, and they stay short."""
    made = [[changed(b"abc", [b"xyz" * 2000], random.Random(seed)) for _ in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert all(len(data) <= 4096 for data in made[0])
    assert any(data != b"abc" for data in made[0])
