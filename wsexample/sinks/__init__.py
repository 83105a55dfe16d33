"""Records at rest: one file for each kind of store, and `wsexample.sinks.base.open_sink`, which finds it by URL."""
