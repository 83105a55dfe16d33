"""The doors: four commands, and the only place where sinks, brokers and the other siblings are joined.

Nothing imports from here. A command parses, builds options, calls one function of the library and prints.
"""
