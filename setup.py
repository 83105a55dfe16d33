"""Build the optional extensions: the compiled lane, the compiled readers of books and quotes; the rest is in pyproject.toml.

``WSEXAMPLE_LANE=require`` fails the build when an extension cannot be built, ``WSEXAMPLE_LANE=skip`` does
not try; without it, a machine that has no compiler gets their pure-Python twins and a warning.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

LANE = os.environ.get("WSEXAMPLE_LANE", "")
SOURCES = (
    "wsexample/wire/lane/_lane_c.pyx",
    "wsexample/wire/inflow/_inflow_c.pyx",
    "wsexample/brokers/weex/dialect/sides/_sides_c.pyx",
    "wsexample/brokers/alpaca/dialect/quotes/_quotes_c.pyx",
)


def extensions() -> list[Extension]:
    """The extensions, translated to C; nothing where they are not wanted or not part of the sources."""
    found = [source for source in SOURCES if Path(source).exists()]
    if LANE == "skip" or not found:
        return []
    from Cython.Build import cythonize

    wanted = [
        Extension(
            source.removesuffix(".pyx").replace("/", "."),
            [source],
            extra_compile_args=[] if sys.platform == "win32" else ["-O3"],
        )
        for source in found
    ]
    translated = cythonize(wanted, language_level=3)
    for extension in translated:
        extension.optional = LANE != "require"  # set here, because cythonize makes extensions of its own
    return translated


class BuildExtensions(build_ext):
    """Say what could not be compiled, and what follows from that; ``pip install -v`` shows it."""

    def run(self) -> None:
        """Build all, then look at what is there."""
        super().run()
        missing = [each.name for each in self.extensions if not Path(self.get_ext_fullpath(each.name)).exists()]
        if missing:
            self.warn(
                f"wsexample is built without its compiled parts ({', '.join(missing)}): they could not be compiled. Their "
                "twins in Python do the same, only slower; for speed, install a C compiler and then wsexample again. "
                "'wsexample doctor' says which are in use."
            )


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExtensions})
