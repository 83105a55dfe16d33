"""One connection becomes an unbroken stream: phases, retries, gaps, and a bounded inbox for each consumer.

Nothing here knows a broker; what a broker says is in its dialect, what it wants done beside the socket in its errands.
"""
