"""``wsexample hub``, ``hub-token``, ``watch`` and ``top``: a hub and who reads it."""
