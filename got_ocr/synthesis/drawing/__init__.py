"""What draws: a browser, LaTeX, SVG."""
