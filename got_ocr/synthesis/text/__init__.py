"""What text is made of: fonts, words, prose, lines set to the pixel."""
