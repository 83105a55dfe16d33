"""Records published again to many readers: topics, what they missed, who may read what, and hubs that share a stream.

``server`` is the hub, ``dialect`` its language as a session reads it; nothing here knows a broker or a store.
"""
