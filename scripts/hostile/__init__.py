"""Hostile load: peers that do one thing wrong as hard as they can, the server or client that bears it, and what is measured."""
