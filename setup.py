"""Build the one optional extension, the compiled lane; everything declarative is in pyproject.toml.

``WSEXAMPLE_LANE=require`` fails the build when the extension cannot be built, ``WSEXAMPLE_LANE=skip`` does
not try; without it, a machine that has no compiler gets the pure-Python lane and a warning.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

LANE = os.environ.get("WSEXAMPLE_LANE", "")
SOURCE = Path("wsexample/wire/lane/_lane_c.pyx")


def extensions() -> list[Extension]:
    """The compiled lane, translated to C; nothing where it is not wanted or not part of the sources."""
    if LANE == "skip" or not SOURCE.exists():
        return []
    from Cython.Build import cythonize

    lane = Extension(
        "wsexample.wire.lane._lane_c",
        [str(SOURCE)],
        extra_compile_args=[] if sys.platform == "win32" else ["-O3"],
    )
    (translated,) = cythonize([lane], language_level=3)
    translated.optional = LANE != "require"  # set here, because cythonize makes an extension of its own
    return [translated]


setup(ext_modules=extensions())
