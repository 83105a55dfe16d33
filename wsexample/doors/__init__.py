"""Where siblings are joined for programs, as ``cli`` joins them for commands: a broker's stream and a store as one object.

Nothing in here decides anything; each part does what it does by itself.
"""
