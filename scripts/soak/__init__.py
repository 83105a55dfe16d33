"""Simulated brokers, bad networks and the whole house between them, for as long as one likes; `scripts/soak.py` runs it."""
