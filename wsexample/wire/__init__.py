"""Bytes to messages: Autobahn's protocol classes, the ways to reach a peer, and the two ends of a connection.

With ``wsexample.echo`` this is the only place that imports autobahn and txaio; nothing here knows what a record is.
"""
