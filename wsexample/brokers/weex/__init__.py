"""WEEX: perpetual contracts and spot over the V3 protocol.

``codes`` tables, ``messages`` wire shapes, ``dialect`` signing, books and streams. Nothing here is loaded before it is used.
"""
