"""Where the installed commands begin: Ctrl-C is heard before anything is imported.

Importing a command takes a tenth of a second and more, in which users do change their minds. ``python -m wsexample.cli.COMMAND``
begins in the package itself.
"""

import os

try:
    from wsexample.cli.interrupts import own_process
except KeyboardInterrupt:
    os._exit(130)

__all__ = ["kclient", "wseclient", "wseserver", "wsexample"]


def wseserver() -> None:
    """Run ``wseserver`` and leave the process with its exit status."""
    own_process()
    from wsexample.cli.wseserver import main

    main()


def wseclient() -> None:
    """Run ``wseclient`` and leave the process with its exit status."""
    own_process()
    from wsexample.cli.wseclient import main

    main()


def kclient() -> None:
    """Run ``kclient`` and leave the process with its exit status."""
    own_process()
    from wsexample.cli.kclient import main

    main()


def wsexample() -> None:
    """Run ``wsexample`` and leave the process with its exit status."""
    own_process()
    from wsexample.cli.main import main

    main()
