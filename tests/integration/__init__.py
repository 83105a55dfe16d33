"""Tests with real parts written by others."""
