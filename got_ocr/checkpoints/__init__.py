"""Converting checkpoints between the original's layout and that of transformers' port, exactly to the bit."""
