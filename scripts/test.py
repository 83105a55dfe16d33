#!/usr/bin/env python3
"""Make .venv, install the project and what its tests need, check the code and run the tests.

Needs nothing but Python 3.11 or newer and the package registries. Arguments that are not listed here go to pytest:
``python3 scripts/test.py --quick -x tests/wire``. Without such arguments the tests run in two processes. A test whose
component is missing is skipped with the reason, or fails when the environment variable CI is set.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
import time
from pathlib import Path

from steps import CommandError, StepError, run_shown, say, step
from system_packages import install, missing_packages
from venv_setup import ROOT, check_python, ensure_venv, is_debian_root

IN_TWO_PROCESSES = ["-n", "2", "--dist", "loadfile"]
"""How the whole suite runs: most tests wait more than they compute. A file stays together, with what it sets up once."""


def main() -> int:
    """Run every step, also after a check has failed; return 0 when all passed."""
    check_python()
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="no system packages and no integration tests")
    options, for_pytest = parser.parse_known_args()
    begun = time.monotonic()
    results: dict[str, bool] = {}

    with step("Environment"):
        python = str(ensure_venv(["test"]))
    if not options.quick:
        with step("System packages for the integration tests"):
            provide_system_packages()
    with step("Checks: format, lint, types"):
        results["checks"] = run_shown([python, str(ROOT / "scripts" / "check.py")], cwd=ROOT) == 0
    with step("Tests"):
        only = ["-m", "not integration"] if options.quick else []
        command = [python, "-m", "pytest", *only, *(for_pytest or IN_TWO_PROCESSES)]
        results["tests"] = run_shown(command, env=environment_of_tests(), cwd=ROOT) == 0

    say(f"\n== Result after {time.monotonic() - begun:.0f} s")
    for name, passed in results.items():
        say(f"   {name}: {'passed' if passed else 'FAILED'}")
    return 0 if all(results.values()) else 1


def environment_of_tests() -> dict[str, str]:
    """This environment; Node, which trusts only its own certificates, is told of those that the system trusts."""
    env = dict(os.environ)
    trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    if Path(trusted).exists():
        env.setdefault("NODE_EXTRA_CA_CERTS", trusted)
    return env


def provide_system_packages() -> None:
    """Install what is missing where that is allowed; say what to install where it is not."""
    wanted = missing_packages()
    if not wanted:
        say("   all present")
        return
    if not is_debian_root():
        say(f"   not found here: {', '.join(wanted)} (names of Debian packages); tests that use them say so")
        return
    try:
        install(wanted)
    except (CommandError, OSError) as error:
        say(f"   {error}\n   not installed: {', '.join(wanted)}; tests that use them say so")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        sys.exit(main())
    except StepError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)
