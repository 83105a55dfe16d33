"""Measure CPU time per message: one process under test, one load process, each on its own core.

``workloads`` says what is measured, ``subjects`` how each library does it, ``load`` is the other end of the socket,
``runner`` starts the pairs in turn and ``report`` prints what they found.
"""
