"""The shared vocabulary: what every broker's messages become and every sink, page and strategy reads."""
