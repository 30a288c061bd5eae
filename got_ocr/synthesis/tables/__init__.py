"""Tables and their LaTeX."""
