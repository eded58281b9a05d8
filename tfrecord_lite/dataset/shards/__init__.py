"""Sets of shards: what they are called, what belongs to them, and how they are written."""
