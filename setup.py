"""Build the one optional extension, the compiled lane; everything declarative is in pyproject.toml.

``WSEXAMPLE_LANE=require`` fails the build when the extension cannot be built, ``WSEXAMPLE_LANE=skip`` does
not try; without it, a machine that has no compiler gets the pure-Python lane and a notice.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

LANE = os.environ.get("WSEXAMPLE_LANE", "")
SOURCE = Path("wsexample/wire/lane/_lane_c.pyx")


class OptionalBuildExt(build_ext):
    """Build the lane where a compiler is found; say so and go on where none is."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            self._give_up(error)

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if LANE == "require":
            raise error
        print(
            f"wsexample: the compiled lane was not built ({error}); the pure-Python lane serves instead",
            file=sys.stderr,
        )


def extensions() -> list[Extension]:
    if LANE == "skip" or not SOURCE.exists():
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        if LANE == "require":
            raise
        return []
    flags = [] if sys.platform == "win32" else ["-O3"]
    ext = Extension("wsexample.wire.lane._lane_c", [str(SOURCE)], extra_compile_args=flags)
    return cythonize([ext], language_level=3)


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuildExt})
