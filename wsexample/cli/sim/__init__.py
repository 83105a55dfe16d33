"""``wsexample sim``: the simulators as commands."""
