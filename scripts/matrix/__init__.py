"""Parts of ``scripts/matrix.py``: interpreters, oldest versions, packages, fresh environments and what is tried in them."""
