"""What text is made of: fonts, words, prose, lines set to the pixel.

In: the machine's fonts and prose, or the user's own. Out: faces (`fonts`), paragraphs and endless words (`corpus`,
`prose`, `chinese`), and text in its place with the box of every character or line. There are three layouts, because
three things are wanted: `block` fills strips for training to the character, `typesetting` breaks and justifies
paragraphs for pages, `formula_setter` sets formulas. All place the same `PlacedWord`s, which `ink` alone draws.
`text_image` is the whole way of a training picture: words, layout, ink, degradation. Imports only `degradation`.
"""
