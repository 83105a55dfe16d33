"""One house per broker, the same rooms in each: dialect, rest, client, simulator.

Nothing is imported here, so that ``import wsexample.brokers.kabu`` costs nothing of the other brokers.
"""
