"""``wsexample weex``: WEEX's streams, account and orders on the command line."""
