#!/usr/bin/env python3
"""Look up known vulnerabilities of what wsexample depends on, with pip-audit, in the environment of this Python.

pip-audit asks a vulnerability service over the network (PyPI's, or OSV with ``--service osv``). Exit status: 0 nothing known,
1 something known, 2 pip-audit is not installed, 3 the service cannot be reached, so that nothing is known either way.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from typing import Any

EXAMPLES = """examples:
  python scripts/audit.py                     what is installed here
  python scripts/audit.py --service osv       ask the other service
"""
CLEAN, VULNERABLE, NOT_INSTALLED, UNREACHABLE = range(4)
UNREACHED = ("ConnectionError", "ServiceError", "Max retries", "timed out", "ConnectError", "Failed to", "HTTPError")


def main() -> int:
    """Run pip-audit; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="whom to ask (default pypi)")
    parser.add_argument("--timeout", type=int, default=15, help="seconds to wait for the service (default 15)")
    given = parser.parse_args()
    if importlib.util.find_spec("pip_audit") is None:
        print("pip-audit is not installed: pip install pip-audit", file=sys.stderr)
        return NOT_INSTALLED
    print(f"asking {given.service} about every package of {sys.prefix}", file=sys.stderr)
    command = [
        *(
            sys.executable,
            "-m",
            "pip_audit",
            "--local",
            "--skip-editable",
            "--format",
            "json",
            "--progress-spinner",
            "off",
        ),
        *("--vulnerability-service", given.service, "--timeout", str(given.timeout)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        is_unreached = any(word in done.stderr for word in UNREACHED)
        told = "the vulnerability service cannot be reached" if is_unreached else "pip-audit failed"
        print(f"{told}, so nothing is known: {words[:300]}", file=sys.stderr)
        return UNREACHABLE
    return shown(packages)


def shown(packages: list[dict[str, Any]]) -> int:
    """Print what is known; returns the exit status."""
    found = [(one, each) for one in packages for each in (one.get("vulns") or [])]
    for package, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {fixed}")
    skipped = {str(one["name"]): str(one["skip_reason"]) for one in packages if "skip_reason" in one}
    if len(skipped) == len(packages):
        reason = next(iter(skipped.values()), "there are no packages")
        print(f"no package could be looked up, so nothing is known: {reason}", file=sys.stderr)
        return UNREACHABLE
    print(f"{len(packages) - len(skipped)} packages looked up, {len(found)} vulnerabilities known; not looked up: "
          f"{', '.join(skipped) or 'none'}")  # fmt: skip
    return VULNERABLE if found else CLEAN


if __name__ == "__main__":
    sys.exit(main())
