"""Our conformance suite for RFC 6455 and RFC 7692: raw sockets on one side, an echo of the stack under test on the other.

``case`` has the words in which cases are written, ``sections`` the cases, ``peer`` the tester's end of a socket, ``system``
the process under test, ``run`` plays cases against it and ``report`` tells what was seen.
"""
