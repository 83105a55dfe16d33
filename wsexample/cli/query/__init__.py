"""``wsexample query``: where it is asked, bars, and what comes out."""
