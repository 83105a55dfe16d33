"""Fuzzing: one promise per target, tried with inputs that a coverage-guided fuzzer (atheris) makes up.

``targets/`` has the promises, ``corpus/`` small inputs worth keeping, ``run_target.py`` runs one target in a process of its own,
``campaign.py`` starts such processes and reads what they say. ``scripts/fuzz.py`` is the command, docs/development.md the manual.
"""
