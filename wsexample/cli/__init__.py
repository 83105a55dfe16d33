"""The doors: four commands, and the only place where sinks, brokers and the other siblings are joined.

Nothing imports from here. A command parses, builds options, calls one function of the library and prints.
"""

import sys

if sys.argv[:1] == ["-m"] and any("wsexample.cli." in word for word in sys.orig_argv):
    # ``python -m wsexample.cli.COMMAND`` looks for the module in here: there is no earlier moment.
    from wsexample.cli.interrupts import own_process

    own_process()
