"""Alpaca's messages as typed structs with the vendor's own names, for both ends of the wire.

The client decodes into them, the simulator encodes from them, so the two cannot drift apart. ``market`` has the market
data streams, ``trading`` the trading stream and the objects that REST shares with it.
"""
