"""Charts, by Matplotlib and by Vega-Lite."""
