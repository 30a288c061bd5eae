"""What happens to a picture on paper, in the scanner and in the codec.

In: a clean picture or a mask of ink, and a generator of chance. Out: the picture as a copy, scan or photograph would
show it (`degradations`, composed by name), the augmentation of training pictures (`degrade`), ink that is no text
(`clutter`). Imports nothing of the other rooms.
"""
