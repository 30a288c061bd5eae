"""Every number by which slicing and joining decide, by the module that uses it.

The geometry of slices, which the pictures of training share, stands in configuration/slicing.py.

Units stand in the names, as in layout/thresholds.py, and origins in brackets:

    [eye]    chosen by eye on the first drawn and scanned pages, in the first version
    [model]  chosen for what the built-in checkpoint reads well, by its answers on drawn slices
    [pages]  settled on drawn formatted pages, by the `formats` tier of got_ocr/nano/evaluate.py
    [scans]  settled on real pages, by reading them
"""


class Cuts:
    """pieces.py: where a line is cut."""

    WIDE_GAP_EM = 1.0  # behind a wider gap a model may think that the line has ended [model]
    NARROWED_GAP_EM = 0.7  # so much is left of it [model]
    PIECE_COST = 20.0  # fewest pieces first [eye]
    BROKEN_WORD_COST = 5.0  # then fewest words that are broken, then evenly filled pieces [eye]
    MOST_GAP_EM = 1.0  # a gap counts for no more than this [eye]
    USUAL_WORD_GAP_EM = 0.2  # where a line doesn't tell it [eye]
    WORD_GAP_EM = (0.14, 0.45)  # from which width on a gap parts words, whatever the line tells [eye]
    COLUMN_GAP = 4.0  # gaps count for no more than so many usual ones [scans]
    COLUMN_GAP_EM = (0.5, 1.0)  # but for no less, and for no more than this [scans]
    SURE_GAP = 1.5  # of the least word gap: a wider one parts words for sure [scans]
    NARROW_COST = 2.0  # of cutting at a narrower one [eye]
    BROKEN_GAP_EM = (
        0.3  # white within what is too wide for one word: it is two where it is wider than this and [scans]
    )
    BROKEN_GAP = 3.0  # than so many of its usual gaps [scans]
    LEAST_PART = 0.6  # of the room: a word that is too wide is cut behind it [eye]


class Canvas:
    """packing.py: what a slice shows."""

    INK_LEVEL = 225  # grey levels between paper and ink [model]
    MOST_GAIN = 12.0  # faint ink is made darker by no more than this factor [eye]
    SMALL_EM_PX = 10.0  # a picture's smaller print has thin strokes of grey pixels alone: they are made darker [scans]
    SMALL_GAMMA = 0.75  # by this power of their ink [scans]
    INK_PERCENT = 80.0  # of a line's ink is lighter than its full strokes [eye]
    FOREIGN_REACH_PX = 5  # ink of other lines is wiped with what surrounds it [eye]
    OWN_REACH_PX = 3  # but for what surrounds the line's own [eye]
    VISIBLE_INK = 96  # grey levels of ink that a low slice must not cut off [model]
    LOW_MARGIN_PX = 2  # the paper below it [model]
    END_PADDING_PX = 2  # beside a piece's ends, but for the end of a broken word [eye]
    OVERLAP_PX = 4  # of the paddings of two pieces [eye]
    BOTTOM_PX = 2  # white below the last piece at least [eye]
    TOP_PX = 1  # white over the first piece at least [eye]
    LEAST_ROOM_EM = 2  # a canvas has room for so wide a piece at least [eye]


class Scaling:
    """packing.py: lines of one block that agree on their size are scaled alike."""

    ALIKE = 0.25  # share by which they differ at most [eye]
    TOLERANCE = 1.001  # of a line that just fits [math]


class Natural:
    """slicing.py: a small picture that looks like a slice is shown as it is."""

    SIZES = (0.75, 1.35)  # of its lines, by a slice's: measured sizes are off by a fifth in short lines [model]


class Region:
    """region.py."""

    POINT_MARGIN = 0.02  # of the picture's height and width around a point beside all lines [eye]
    BLOCK_MARGIN = 0.25  # of a line's height around a block; so near a point still lies on a line [eye]
    FRAME_TOLERANCE = 96  # from a frame's pure colour in each channel; JPEG blurs thin frames [eye]
    THICKEST_FRAME = 0.015  # of the picture's shorter side; what is thicker belongs to a figure [eye]
    THICKEST_FRAME_PX = 4  # half of that at least [eye]
    LEAST_SIDE_PX = 8  # of a frame [eye]
    SIDE_SHARE = 0.5  # of the longest row of its colour, that a side of a frame has [eye]


class Headings:
    """structure.py: lines that are headings. Sizes, strokes and pitches are by the body's."""

    LARGE = 1.14  # size, or [pages]
    BOLD = 1.24  # stroke width [pages]
    BOLD_END = 1.15  # stroke width of its right half [scans]
    BOLD_SIZE = 0.9  # of a bold one at least [pages]
    MOST_LINES = 4  # [eye]
    MOST_CHARACTERS = 220  # [eye]
    SENTENCE_CHARACTERS = 30  # a longer one that ends like a sentence is one [pages]
    PITCH_EM = (0.8, 1.75)  # between its own lines [pages]
    FURTHEST_EM = 5.0  # to the text below it, by its own size [scans]
    ALIGNED_EM = (2.0, 1.0)  # edges and middles of a heading and what it heads, apart at most [scans]
    LEAST_LETTERS = 2  # a letter alone is a figure's [scans]
    GAP_EM = 1.6  # between its words at most [scans]
    MOST_COMMAS = 3  # [scans]
    SIZE_RATIO = 1.13  # of its own lines [pages]
    STROKE_RATIO = 1.3  # the same [pages]
    SET_OFF = 1.12  # pitch over it [pages]
    APART = 1.06  # pitch under it, but for [pages]
    CLEARLY_LARGE = 1.3  # one that is larger than this [pages]
    TITLE = 1.28  # least size of a title in the middle over other headings [pages]
    LONE_TITLE = 1.45  # and of one alone [pages]
    LEFT_TITLE = 1.3  # of one at the left, by the other headings' [pages]
    LONE_LEFT_TITLE = 1.75  # and by the body's [pages]
    LEVEL_STEP = 1.09  # headings of two levels differ in size by this factor [pages]
    TITLE_PLACE = 1  # lines above the title at most, such as a running head [pages]
    AUTHORS = 4  # elements at most, the title counted, up to the authors [pages]
    PLAIN_PITCH = 2.2  # largest pitch under a heading that looks like the text [pages]
    PLAIN_WIDTH = 0.7  # of the text's width, at most [pages]
    PLAIN_WHITE = 0.1  # pitches more above it than below [pages]
    LETTERS = 0.55  # of its characters at least: dates, prices and cells are no headings [scans]
    FULL_EM = 3.0  # from the block's edge: so near ends a line of prose [scans]
    PROSE_EM = 12.0  # least width of one [scans]
    PROSE_SHARE = 0.3  # of the lines that go on, on a page that has paragraphs [scans]
    PROSE_LINES = 12  # a page with fewer lines tells nothing [eye]
    NUMBER_CHARACTERS = 12  # longest number of a heading [eye]


class Paragraphs:
    """structure.py: lines that go on."""

    INDENT_EM = (0.8, 4.5)  # of a paragraph's first line [pages]
    USUAL_PITCH_EM = 1.3  # where nothing tells it [eye]
    PITCH_EM = (0.7, 2.6)  # what counts as a pitch of lines [eye]
    SAME_PITCH = 1.25  # factor by which lines of two blocks that belong together may be further apart [pages]
    MOST_PITCH = 1.9  # the same of lines of one block [pages]
    NEXT_COLUMN_EM = 0.3  # a line that is no lower than this begins a column [pages]
    CENTRED_EM = 0.8  # a line whose margins differ by less stands in the middle [pages]
    CENTRED_WIDTH = 0.75  # of its column's width, at most [pages]
    EDGE_EM = 0.4  # a line begins at its column's edge, within this [pages]
    FULL_EM = 0.8  # a line is full where the next word has no more room than this [pages]


class Items:
    """structure.py: lists."""

    NUMBER_EM = 0.7  # from a number's left edge to its item at least [pages]
    INSIDE_EM = 0.3  # a number no further to the left than this stands below an item's text [pages]
    HANGING_EM = (-0.6, 2.0)  # from an item's text to the next line's beginning, behind a bullet [pages]
    NUMBER_HANGING_EM = 3.5  # the same at most, behind a number [pages]
    FLUSH_EM = 0.5  # an item's next line may stand below its mark, within this [pages]
    MARK_EM = 0.5  # a mark stands elsewhere than the line above begins, by this [pages]


class Cells:
    """structure.py: tables."""

    MAJORITY = 0.5  # of the columns that are set in the middle, or of a column's letters that are digits [pages]
    HEAD_ROWS = 2  # a table with more rows has a head, which tells nothing of its columns' numbers [pages]
    FURTHER_SHARE = 0.5  # of the columns have a further line in a row at most [scans]


class Numbers:
    """lookalikes.py: spaces within numbers."""

    LEAST_GAPS = 1  # other gaps between words of the piece, which tell how wide one is [eye]
    DARK = 150  # grey level of ink on a slice at most [eye]
    CLOSE = 0.8  # of the usual gap between words, which is wider behind a comma: what is narrower is none [pages]
