"""``wsexample paper``: strategies that trade on paper, and how they have done."""
