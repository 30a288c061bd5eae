"""Training. Needs the `train` extra."""
