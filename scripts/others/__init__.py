"""Parts of `others_tests.py`: other projects' tests on this package's classes."""
