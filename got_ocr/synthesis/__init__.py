"""Training and evaluation pictures: fonts, text, layout, wear."""
