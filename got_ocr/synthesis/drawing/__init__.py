"""What draws: a browser, LaTeX, SVG.

In: HTML, LaTeX, SVG, or an answer in Mathpix Markdown (`typeset`). Out: RGB pictures, and boxes where they can be had.
The kinds share one browser or worker a process; what isn't installed is a ValueError that names the package.
"""
