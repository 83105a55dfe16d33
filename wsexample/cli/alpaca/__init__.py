"""``wsexample alpaca``: Alpaca's streams, account and orders on the command line."""
