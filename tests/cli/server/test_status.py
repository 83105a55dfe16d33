"""What a server tells about itself can be read by Prometheus."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsexample.cli.server.status import StaticFile, Traffic, metrics_text
from wsexample.errors import OptionError


def test_metrics_follow_the_text_format() -> None:
    """Every line is a comment or a sample, every sample has help and type above it, counters end in _total."""
    traffic = Traffic(mode="broadcast", connections=2, received=7)
    traffic.refused["path"] += 3
    declared: set[str] = set()
    samples = {}
    for line in metrics_text(traffic).splitlines():
        if line.startswith("#"):
            declared.add(line.split()[2])
            continue
        found = re.fullmatch(r'([a-z_]+)((?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) ([\d.]+)', line)
        assert found is not None, line
        assert found[1] in declared
        samples[found[1] + found[2]] = found[3]
    assert samples["wseserver_connections"] == "2"
    assert samples["wseserver_received_total"] == "7"
    assert samples['wseserver_refused_total{reason="path"}'] == "3"
    assert any('mode="broadcast"' in name for name in samples)


def test_a_static_file_is_three_things(tmp_path: Path) -> None:
    """Path, media type and file; a drive letter in the file is no separator."""
    file = tmp_path / "a.html"
    file.write_text("x", encoding="utf-8")
    assert StaticFile.parse(f"/a:text/html:{file}") == StaticFile("/a", "text/html", file)


@pytest.mark.parametrize("text", ["", "/a", "/a:text/html", "a:text/html:x", "/a:html:x", "/a:text/html:no-such-file"])
def test_what_is_missing_is_named(text: str) -> None:
    """A setting that cannot work says how it is written."""
    with pytest.raises(OptionError, match="--static-file"):
        StaticFile.parse(text)
