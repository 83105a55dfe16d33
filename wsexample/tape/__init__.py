"""What came, kept as it came: a recorder that taps sessions, and players that bring a tape back as a session or a server.

``format`` says what is in a file, ``writer`` and ``reader`` move it, `wsexample.tape.recorder.Recorder` records, and
`wsexample.tape.player.Player` and `wsexample.tape.server.serve_tape` play. Nothing here knows what a message means.
"""
