"""Sheet music and its `**kern`."""
