"""What ``wseserver`` is made of: the plan, who is let in, what a client gets, what it tells of itself."""
