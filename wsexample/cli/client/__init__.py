"""What ``wseclient`` is made of: the plan, a conversation or the echo test, and what goes out and comes in."""
