"""WEEX: perpetual contracts and spot over the V3 protocol.

``codes`` and ``calls`` tables, ``messages`` wire shapes, ``config`` addresses and credentials, ``dialect`` signing, books and
streams, ``rest`` and ``gateway`` calls and orders, ``client`` the documented client, ``simulator`` a WEEX of your own. Nothing
here is loaded before it is used.
"""
