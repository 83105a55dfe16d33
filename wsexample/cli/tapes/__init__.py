"""``wsexample tape``, ``record`` and ``replay``: the commands around tapes."""
