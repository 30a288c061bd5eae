"""Every number by which the layout decides, by the module that uses it (formula_rows.py has its own file).

Units stand in the names: `_EM` is a share of the font size, `_PX` px of the picture that is looked at, `_DEGREES`,
`_LETTERS` counts; whatever has none is a share or a factor. Origins stand in brackets:

    [eye]    chosen by eye on the first drawn and scanned pages, in the first version
    [faces]  measured on the fonts that are drawn with
    [pages]  settled on the drawn pages of the benchmark's tiers, by got_ocr/nano/benchmarks/layout.py
    [scans]  settled on scans and photographs of real pages, by reading them
    [math]   follows from the definition
"""


class Face:
    """What type faces have in common."""

    ASCENDER_EM = 0.73  # ascenders and capitals over the baseline; most faces lie within 0.66 to 0.78 [faces]
    CAPITAL_EM = 0.7  # capitals and digits alone [faces]
    X_HEIGHT_EM = 0.5  # small letters without ascenders [faces]
    SMALL_MIDDLE_EM = 0.35  # over the baseline, the middle of what stands in a line [faces]
    LETTER_MIDDLE_EM = 0.3  # over the baseline, where every letter has ink [faces]
    TOP_EM = 1.05  # over the baseline, the highest that accents reach [faces]
    BOTTOM_EM = 0.35  # under the baseline, the lowest that descenders reach [faces]
    FEW_LETTERS = 6  # so few tell little of a line's size [pages]


class Ink:
    """ink.py."""

    PAPER_CELL_PX = 8  # the paper's brightness is kept for cells of this size [eye]
    PAPER_REACH_CELLS = 8  # ink at most twice as wide and as high as this doesn't darken the paper [eye]
    PAPER_PARTS = 4  # of a cell's side, averaged first, so that the brightest isn't the noise's [eye]
    PAPER_BLUR_CELLS = 2  # smooths what is left of the cells [eye]
    PAPER_STEP = 24  # grey levels by which smoothing darkens paper at the edge of a dark picture [scans]
    CONTRAST_REACH_CELLS = 5  # how far a dark stroke raises the threshold for its fainter neighbours [eye]
    SHARE = 0.42  # of the darkest ink nearby: what is darker is ink [pages]
    FAINT_SHARE = 0.2  # of it: what is darker may be pale beside a rule or a bold word [scans]
    TABLE_AREA_PX = 400_000  # of a picture that was cut out of a page [scans]
    SMALL_AREA_PX = 1_600_000  # a larger picture's strokes are seldom so thin that their edges matter [scans]
    HALO_PX = 2  # around ink: its own faint edge [eye]
    FAINT_AREA_PX = 40  # of px that are faint elsewhere: less is no word [eye]
    FAINT_HEIGHT_PX = 4  # of such a letter at least [eye]
    LEAST_CONTRAST = 16  # grey levels between paper and the faintest ink that is looked at [eye]
    SAMPLE_SIDE_PX = 512  # of the sample that tells a dark page from a light one [eye]
    EXTREMES_PERCENT = (0.5, 50, 99.5)  # the sample's darkest, middle and brightest level [eye]
    DARK_SHARE = 0.5  # of a page's px below the middle level make it a dark page [math]
    NOISE_SAMPLE_PX = 500  # of the sample's sides that tells the noise [eye]
    GRAINY_LEVEL = 5.0  # deviation of the noise from which a page is blurred first, in grey levels [scans]
    GRAIN_BLUR_PX = 0.8  # by so much [scans]
    BLURRED_NOISE = 0.5  # share of the noise that is left then [scans]
    NOISE_DEVIATIONS = 5.0  # ink is darker than so many deviations of the noise [scans]
    QUARTILE_DEVIATIONS = 0.6745  # upper quartile of a normal distribution, in deviations [math]
    DARKEST_PERCENT = 99.5  # of the px are lighter than the page's ink [eye]


class Dots:
    """ink.py: letters of dots, as needle printers set them."""

    REACH_PX = 1  # by which dots grow to meet their neighbours [scans]
    BLUR = 1.0  # of that reach [scans]
    LEAST = 100  # pieces: fewer tell nothing [eye]
    LOW = 0.5  # of the usual height: lower pieces are dots [scans]
    LOW_PX = 4  # and so are these [eye]
    LETTERS_SHARE = 0.1  # of the pieces may be letters: if fewer are, dots count as pieces [eye]
    LEAST_TEXT_PX = 8.0  # height of text: what joins to less is dust [eye]
    LOW_SHARE = 0.5  # of all pieces that are, of a page of dots; of print a fifth [scans]
    HIGHER = 1.4  # times higher is what they join to; of print by 1.1 to 1.5 [scans]
    FEWER = 0.55  # of the pieces that may be letters are left [scans]


class ReversedBoxes:
    """ink.py: light text in dark boxes. Heights are in those of the page's letters, where nothing else is said."""

    LEAST_HEIGHT = 1.6  # of a box [eye]
    LEAST_WIDTH = 2.5  # of a box [eye]
    LEAST_INK = 0.45  # share of its area [eye]
    LETTER_SHARE = 0.12  # least height of a letter, of the box's [eye]
    LETTER_PX = 4  # the same in px [eye]
    LEAST_LETTERS = 3  # [eye]
    SHADE_LEVELS = 8  # grey levels between the box's ground and its faintest ink [eye]


class TintedBoxes:
    """ink.py: dark text on tinted grounds. Heights are in those of the page's letters, where nothing else is said."""

    CELL_PX = 8  # a tint is looked for in cells of this size, which strokes don't fill [eye]
    LEAST_CELLS = 4  # of a tint [eye]
    LEAST_LEVEL = 14  # grey levels between the page's paper and a tint [scans]
    LEAST_HEIGHT = 1.2  # of a box [scans]
    LEAST_WIDTH = 2.5  # of a box [scans]
    LEAST_INK = 0.6  # share of its area that is tinted or text [scans]
    EVEN_LEVELS = 10  # grey levels by which a ground varies [scans]
    LEAST_FLAT = 0.5  # share of a box that is its ground; of a picture it is less [scans]
    LEAST_CONTRAST = 40.0  # grey levels between a ground and its darkest text [scans]
    LETTER_SHARE = 0.4  # least height of a letter, of the page's [scans]
    LEAST_LETTERS = 3  # [eye]


class Letters:
    """components.py: which components may be letters."""

    FRAME_HEIGHT = 2.5  # heights of a letter: what is higher and [eye]
    FRAME_WIDTH = 8.0  # wider [eye]
    FRAME_INK = 0.2  # but holds less ink of its box is a frame [eye]
    RULE_RUN = 5.0  # heights of a letter: a longer run of ink is a rule's [eye]
    RULE_RUN_PX = 60  # at least [eye]
    LEAST_INK = 0.06  # of its box: what holds less is a drawing [eye]
    LEAST_HEIGHT_PX = 3  # [eye]
    LEAST_AREA_PX = 6  # [eye]
    WIDEST = 40  # widths of a word in its height [eye]
    HIGHEST = 12  # heights of a stroke in its width [eye]
    HEIGHT_SHARE = 0.7  # of all letters' area is of such that are lower than the usual capital [pages]
    LARGEST_SHARE = 4  # a component counts for no more than so many middling ones [pages]


class Skew:
    """skew.py."""

    LIMIT_DEGREES = 3.5  # pages fall by no more than this, to either side [scans]
    COARSE_DEGREES = 0.25  # first step [eye]
    FINE_DEGREES = 0.05  # second step [eye]
    LEAST_LETTERS = 12  # fewer tell nothing [eye]
    MOST_LETTERS = 4000  # more tell nothing new [eye]
    LEAST_SPREAD = 12  # heights of a letter from the leftmost to the rightmost [eye]
    CELL = 0.12  # heights of a letter in which bottoms count as level [eye]
    PLATEAU = 0.995  # of the best score: angles that are as good as the best [eye]
    LEAST_RISE = 0.3  # heights of a letter over the page's width: less needs no levelling [eye]
    LEAST_GAIN = 1.1  # the best angle's score to that of none [eye]


class Slope:
    """skew.py: words of signs, seen from aside."""

    HEIGHTS = (0.5, 1.7)  # of a letter, by the usual one [scans]
    LEAST_LETTERS = 3  # fewer tell nothing [eye]
    LEAST_APART = 0.5  # heights of a letter between two that tell a slope [eye]
    OFF = 0.2  # heights of a letter that most are off the line through them, at most [scans]
    OFF_PERCENT = 75.0  # of the letters [scans]
    RANGE = (0.05, 0.9)  # fall by width: less is the skew's, more is no line [scans]


class Segments:
    """lines.py: letters side by side."""

    BRIDGE = 0.8  # letters reach for their neighbours by this share of their height, to both sides [pages]
    CORE_PARTS = 4  # a letter's middle band leaves out one part above and one below [pages]
    ROUNDS = 6  # of leaving out what is too tall [eye]
    CROSSING = 2.0  # heights of the middling letter: what is higher doesn't reach over a gutter [pages]
    TALL = 2.4  # a component this many times higher than its line's letters belongs to no line, or to two [pages]
    TALL_TIED = 1.6  # where lines hang together, whatever is so much higher may be what ties them [pages]
    TIED = 3.0  # heights of a letter from the highest to the lowest edge of lines that hang together [pages]
    WIDEST_WEIGHT = 4  # a component weighs no more than by so many middling heights [eye]
    BLOCK_HEIGHT_EM = 2.0  # a full block, such as a picture's, is higher [eye]
    BLOCK_WIDTH = 0.3  # wider than this share of its height [eye]
    BLOCK_INK = 0.75  # and holds more ink of its box [eye]
    RING_HEIGHT_EM = 1.6  # what is higher, [scans]
    RING_INK = 0.2  # holds less ink of its box and [scans]
    RING_LETTERS = 3  # more letters than so many is drawn around them [scans]
    MARK_AREA_EM = 0.01  # em squared: smaller marks are no part of the white either [eye]
    MARK_HEIGHT_EM = 2.0  # nor are higher ones [eye]
    WINDOW_EM = 6.0  # white that is looked at around what a frame holds [eye]
    SHAPE_EM = 2.5  # of a page's usual size: few letters are so much larger, and [pages]
    FULL_SHARE = 0.9  # a row of them that fill so much of their boxes is of bars [pages]
    SHAPE_LETTERS = 8  # a row of so few [pages]
    LARGEST_FEW = 6.0  # times larger than the usual size is a drawing's, and [pages]
    LARGEST_MANY = 9.0  # one of more that is so many times larger [pages]


class Baseline:
    """lines.py: baseline and size of a row of letters."""

    BIG = 0.6  # of the middling height: lower ones are marks [pages]
    STANDING_SHARE = 0.3  # of a word's width at least: the letters that don't hang below the baseline [pages]
    DESCENDER = (0.18, 0.45)  # of a letter's height: what hangs below the baseline [faces]
    UPPER_PERCENT = 93.0  # of the letters are no higher than the usual capital [pages]
    EVEN = 1.2  # highest to middling letter of a row that is all of one height [pages]


class SmallMarks:
    """lines.py: dots, marks, quotes, hyphens and superscripts find their line."""

    ROUNDS = 12  # a mark may find its line by another mark [eye]
    TEXT = 0.6  # of the usual size: what is larger is text itself [pages]
    SHAPE_LETTERS = 2  # text is no mark of a shape of so few letters [pages]
    REACH_EM = 1.2  # furthest from its line, the bullet of an item apart [pages]
    LOW_EM = 0.45  # highest mark that may stand so far away [pages]
    HIGH_EM = 0.8  # highest mark at all, such as a quote or a power [pages]
    HIGH_REACH_EM = 0.5  # furthest of that [pages]
    HIGH_SIZE = 0.8  # of the line's size at most, taken for a letter [pages]
    LARGER = 1.2  # a line is so much larger than its mark, taken for a letter [pages]


class Ownership:
    """lines.py: which line owns a component that is no letter of any."""

    BESIDE_EM = 0.6  # before and behind a line [eye]
    SMALL_EM = 1.5  # width and height of what may be a mark [eye]
    LEAST_AREA_EM = 0.003  # em squared [eye]
    LEAST_AREA_PX = 2  # [eye]
    BAND_EM = 0.5  # over the baseline: what stands there is at a line's height [eye]
    SHARED_EM = 0.25  # of that band, for what belongs to several lines [eye]
    RULE_WIDTH_EM = 0.2  # narrower [eye]
    RULE_HEIGHT_EM = 2.5  # and higher is a rule [eye]
    TIED_EM = 6.0  # width and height of what ties several lines at most [eye]
    ICON_HEIGHT_EM = 1.7  # what is higher and [scans]
    ICON_WIDTH_EM = 0.8  # wider is no letter or bracket [scans]
    HOLLOW_INK = 0.12  # of its box: what holds less is a ring that was drawn around words [scans]
    DASH_EM = 0.15  # least width of a dash [pages]
    DASH_SHAPE = 1.2  # its width to its height at least [pages]
    DASH_HEIGHT_EM = 0.25  # its height at most [pages]
    DASH_REACH_EM = 1.8  # behind a line; before it an item's bullet reaches further [pages]
    ASIDE_COST = 0.5  # an em to the side costs so many em up or down [eye]
    CHUNK = 256  # components that are compared with the lines near them at a time [eye]


class Plausible:
    """lines.py: which rows of components look like text."""

    HEIGHT_EM = 3.0  # highest box [eye]
    LEAST_EM_PX = 6.0  # [eye]
    LEAST_HEIGHT_PX = 4  # [eye]
    LEAST_AREA_EM = 0.03  # em squared of ink [eye]
    HIGHEST = 6.0  # height of a single letter in its width [eye]
    WIDEST = 12.0  # width of a single letter in its height [eye]
    BLOCK_WIDTH = 0.5  # of its height: what is wider and [eye]
    BLOCK_INK = 0.7  # fuller is a block, if it stands alone [eye]
    TOLD_LETTERS = 5  # so many should stand on a baseline [eye]
    BIG_EM = 0.3  # higher letters have to [eye]
    LEAST_BIG = 4  # if there are so many [eye]
    DESCENDER_EM = 0.22  # or to hang below it by so much [faces]
    OFF_EM = 0.12  # by no more than so much and [eye]
    OFF_PX = 1  # so many px off [eye]
    LEVEL_SHARE = 0.5  # more than so many of them [eye]


class Noise:
    """noise.py. `_PX` are px of the picture."""

    STREWN_MARKS = 4  # grain seldom makes more marks than this in a row [scans]
    STREWN_SHARE = 0.8  # of a page's rows are of so few [scans]
    STREWN_LINES = 3  # and there are more than so many rows [scans]
    STREWN_SIZES = 0.2  # deviation of their sizes, by their mean [scans]
    GRAIN_CONTRAST = 1.8  # ink is darker than the darkest hundredth of the paper by this factor [scans]
    GRAIN_PERCENT = 99.0  # of the paper is lighter than its grain [scans]
    SAMPLE_PX = 100_000  # of the paper [eye]
    INK_PERCENT = 80.0  # of a line's ink is lighter than its full strokes [eye]
    SPECK_SHARE = 0.012  # of a page's longer side: single marks lower than this on an empty page are dust [scans]
    DUST_EM_PX = 8.0  # nobody reads few letters that are smaller [eye]
    GRAIN_EM_PX = 6.5  # nor whole lines [eye]
    SHADOWED_SIDE_PX = 200  # least side of a picture that shadows reach into [scans]
    SHADOW_EM_PX = 30.0  # and least size of their marks [scans]


class Frames:
    """frames.py."""

    LARGEST_SHARE = 0.5  # of the page: a larger one is the page's own [eye]
    SIDE = 0.5  # heights of a letter within which a side lies, if its corners are round or it leans [eye]
    CLOSED = 0.85  # share of each side that is drawn [eye]


class Checkboxes:
    """frames.py: empty boxes to tick."""

    SIZES = (0.5, 2.5)  # of a side, in heights of a letter [scans]
    LEAST_PX = 6  # the same in px [eye]
    SQUARE = 0.2  # share by which width and height differ at most [scans]
    INK = 0.6  # share of its area at most [eye]
    LINE = 0.12  # of its sides: thickness of its line at most [eye]
    CLOSED = 0.95  # share of each side that is drawn [eye]


class Dashes:
    """noise.py: dashed lines."""

    LEAST = 5  # dashes [eye]
    SHAPE = 1.8  # length of a dash by its thickness at least [scans]
    LEVEL = 0.6  # thicknesses of a dash by which they may stand aside [eye]
    ALIKE = 0.35  # share by which their lengths and gaps differ at most [eye]
    LEAST_FLAT = 8  # dashes side by side, since text may hold some [scans]
    INK = 0.6  # of a dash's box at least; of a word's it is less than half [scans]
    FLAT_ALIKE = 2.0  # factor by which these differ in length and thickness at most [scans]
    FLAT_GAP = 2.5  # lengths of a dash from one to the next at most [scans]


class Gutters:
    """columns.py: tall white strips between columns."""

    SIZES_EM = ((0.95, 12.0), (1.5, 6.0))  # least width and height; narrow low ones are rivers in prose [pages]
    EMPTY_BAND_EM = 6.0  # white over the whole width of a page is no gutter where it is higher than this [pages]
    CELLS_PER_EM = 6  # the white is looked at in cells of this size [eye]
    LEAST_CELL_PX = 2  # [eye]
    LEAST_CELLS = 2  # of a gutter's width [eye]


class Columns:
    """columns.py: lines of one column."""

    LEVEL_SHARE = 0.5  # of the lower line's height that lines beside each other share [eye]


class Rows:
    """rows.py: what is read across white."""

    COLUMN_WIDTH_EM = 6.5  # narrower text on either side of a gutter is a table's, read row by row [pages]
    PROSE_SHARE = 0.5  # of the lines of both sides are wider, where both are prose [pages]
    SHORT_COLUMN_LINES = 3  # no column has so few [pages]
    LONG_COLUMN_LINES = 14  # white beside so many lines is a column's, however wide its last line's gaps are [scans]
    TABLE_REACH_EM = 4.0  # rows so near tell whether a row is a table's [pages]
    TABLE_ROWS = 2  # of a table there are so many nearby, but for a lone one [pages]
    PROSE_TABLE_ROWS = 3  # and so many beside prose [pages]
    WIDE_SHARE = 0.4  # of the cells nearby, on the narrower side, of a table's gutter at most [pages]
    PROSE_WIDE_SHARE = 0.15  # of one beside prose [pages]
    LEVEL_EM = 0.12  # a table's cells stand on one baseline, within this [pages]
    MARKER_WIDTH_EM = 3.2  # widest mark of a list's item, `viii.` [pages]
    MARKER_GAP_EM = 3.0  # its distance from the item at most [pages]
    MARKER_LEVEL_EM = 0.4  # and its baseline's [pages]
    MARKER_REACH_EM = 3.0  # lines so near above and below tell where the text begins [pages]
    MARKER_INSIDE = 0.35  # of a line's width from its left end: a mark there is a formula's number [pages]
    ALIKE_GAPS = 1.25  # gaps between the words of a stretched line differ by less than this factor [pages]
    STRETCHED_GAPS = 5  # so many gaps of one row that are alike are all those of a stretched line [pages]
    STRETCHED_FEW = 3  # so many beside a gap of twice their width [pages]
    GUTTER_FACTOR = 2.0  # that is a gutter [pages]
    WORD_GAP_EM = 2.5  # no gap between words is wider [pages]
    ROW_EM = 0.2  # baselines so near are of one row of words [pages]
    LEAST_GAPS = 2  # of a row, to tell what is usual in it [pages]
    WIDER = 1.4  # a gutter beside it that is so much wider [pages]
    WIDEST_GAP = 1.15  # lets a gap be so much wider than the row's widest, else the middling one [pages]
    BAND_EM = 0.5  # over the baseline: text at one height shares it [eye]
    SHARED = 0.25  # em of it that text of one row shares [eye]
    SIZE_RATIO = 1.7  # sizes within one row [pages]
    FEW_SIZE_RATIO = 2.4  # the same where one has few letters: brackets and dots tell sizes badly [pages]
    FEW_SHARED = 0.6  # of the lower one's height that few letters share with their row [pages]
    OVERLAP_EM = 0.3  # neighbours may overlap by so much [eye]
    CROSSED_EM = 0.8  # a gap over a gutter that is narrower is one between words [pages]
    HEADING = 1.2  # of the usual size: a heading's word gap may lie over the gutter of the columns below [pages]
    HEADING_CROSSED_EM = 1.2  # if it is narrower than this [pages]
    TYPICAL_EM = 0.12  # parts of a row on one baseline, within this [pages]


class Order:
    """reading_order.py."""

    FOLIO_GAP_EM = 2.2  # least distance of a page's number from the text [pages]
    FOLIO_WIDTH_EM = 14.0  # its greatest width [pages]
    MOST_LINES = 6000  # of a page; more are no print, and would be compared in pairs: they are read row by row [math]
    FOLIO_LINES = 8  # a page with fewer has none [eye]
    MOST_TITLE_LINES = 5  # above all columns, a running head counted [pages]
    TITLE = 1.15  # a title's size to the text's [pages]
    TITLE_OVERLAP_EM = 0.1  # that it may reach into what stands below [pages]
    CENTRED_SHARE = 0.02  # of the text's width: as near to its middle stands what is centred [pages]
    BESIDE_EM = 1.1  # lines of two columns have others about as high beside them [pages]


class Sizes:
    """reading_order.py: sizes that few letters tell badly are settled by the lines around them."""

    PITCH_EM = (0.8, 1.7)  # from a line to the next that goes on [pages]
    RATIO = (1.12, 1.9)  # sizes of the two that are worth settling [pages]
    ALIKE = 0.12  # share by which an even line may differ, taken for small letters [pages]


class Blocks:
    """reading_order.py: where a block begins."""

    PITCH_EM = (0.7, 2.5)  # what counts as a pitch of lines [eye]
    PITCH_PERCENT = 30.0  # of the pitches are those within paragraphs, at least [pages]
    MOST_PITCH_EM = 1.7  # of those [pages]
    USUAL_PITCH_EM = 1.3  # where nothing tells it [faces]
    SIZE_RATIO = 1.3  # of lines of one block [pages]
    LEAST_PITCH_EM = 0.3  # a line that is no lower begins a column [pages]
    PITCH_FACTOR = 1.3  # lines further apart than so many usual pitches begin a block [pages]


class Orientation:
    """orientation.py."""

    COMPARED_PAIRS = 300_000  # of letters; that many take some hundredths of a second [eye]
    NEAR = 0.4  # of their size: letters of a line stand no further apart; digits under each other do [pages]
    LEAST_VOTES = 4  # letters that must tell of lines up or down [pages]
    VOTES_RATIO = 3.0  # for one that tells of rows [pages]
    LEAST_SIDE = 0.5  # of the usual side of letters [eye]
    MOST_SIDE = 3.0  # the same [eye]
    SHARED = 0.3  # of the smaller letter's extent that letters of one row or column share [eye]


class Tables:
    """tables.py. Lengths without a unit are heights of a letter."""

    RULE_SHARE = 0.25  # of the page's darkest ink: a hair line that was reduced is as pale [pages]
    RULE_LEVEL = 24.0  # grey levels, at least [eye]
    RULE_LENGTH = (3.5, 1.9)  # least of horizontal and upright rules [pages]
    RULE_THICKNESS = 0.4  # largest [pages]
    RULE_THICKNESS_PX = 3.0  # or this [pages]
    NEAR = 0.8  # what is nearer to a rule touches it [pages]
    EVEN = 0.25  # rules of one table differ in their ends by no more [pages]
    EVEN_PX = 3.0  # or this [pages]
    DOUBLE = 0.4  # of `NEAR`: rules so near are one double rule [pages]
    UPRIGHT_SHARE = 0.6  # of a table's height that an upright rule between columns takes [pages]
    COLUMN_GAP_EM = 1.05  # least white between columns without a rule; typewriters' word gaps reach 0.95 [pages]
    BODY_ROWS = 3  # so many rows of several cells below a head tell the columns [pages]
    SPAN_SHARE = 0.5  # of a column that a cell covers which spans it [pages]
    SPAN_MIDDLE = 0.2  # of the width of two columns: so near their middle stands a cell over both [pages]
    SPAN_ABOVE_EM = 0.3  # a short rule may touch the cell above it [eye]
    SPAN_BELOW_EM = 1.2  # and is no further below it [pages]
    WRAPPED_EM = 0.95  # baselines closer than this are of one row: some cells stand in its middle [pages]
    ROW_EM = 0.45  # baselines further apart are of two rows of text [pages]
    LEVEL_EM = 0.3  # over the baseline: where a line is compared with rules [eye]
    LEAST_CELLS = 3  # rows times columns [pages]
    LEAST_FILLED = 0.45  # of the cells [pages]
    PROSE_WIDTH_EM = 14.0  # columns so wide [pages]
    PROSE_LINES = 6  # with more lines [pages]
    PROSE_SHARE = 0.7  # most of them full, are a page's, not a table's [pages]
    OPEN_PITCH_EM = 2.2  # from a head's rule to the first row below, where no rule ends a table [pages]
    OPEN_FIRST_EM = 2.4  # from that row to the next [pages]
    OPEN_PITCH = 1.35  # then by the widest pitch so far [scans]
    OPEN_ABOVE_EM = 0.1  # a row stands so much lower than the one above [eye]
    OPEN_ASIDE_EM = 0.5  # and reaches no further over the table's edges [eye]
    RULED_BANDS = 3  # a table with so many stretches between rules, and [pages]
    SINGLE_SHARE = 0.5  # so many of them of one row of text, has a rule between any two rows [pages]
    RULED_LEVELS = 3  # and more rules than so many [pages]
    WRAPPED_SHARE = 0.6  # of the columns: a row of text that fills fewer belongs to a row of several lines [pages]
    WRAPPED_ROWS = 4  # a row of cells has fewer lines of text [pages]
    ALIGN_EM = 0.12  # edges that stand below each other deviate by no more [pages]


class Facts:
    """line_facts.py: what a line looks like."""

    MANY_LETTERS = 15  # some of so many reach up or down [pages]
    LETTERS_EM = 0.78  # least height of a line with so many letters [faces]
    UPPER_PERCENT = 95.0  # of a line's columns are no higher than its capitals [pages]
    LOWER = (0.5, 0.82)  # of the capitals' height: where small letters end [faces]
    TWO_HEIGHTS = 0.3  # share of a line's columns whose ink ends there, if it has letters of two heights [pages]
    STROKE_PERCENT = 90.0  # of a line's ink is lighter than its full strokes [eye]


class Bullets:
    """line_facts.py: marks in front of an item."""

    WIDTH_EM = (0.08, 0.62)  # [faces]
    HEIGHT_EM = 0.5  # at most [faces]
    MIDDLE_EM = (0.1, 0.5)  # over the baseline [faces]
    GAP_EM = 0.22  # least white between a dash and its item [pages]
    DOT_GAP_EM = 0.35  # between a dot and its item [pages]
    RING_GAP_EM = 0.4  # between a ring and its item [pages]
    DASH_WIDTH_EM = 1.15  # at most [faces]
    DASH_HEIGHT_EM = 0.2  # at most [faces]
    DASH_SHAPE = 1.6  # its width to its height at least [faces]
    DOT_SHAPE = (0.6, 1.6)  # width to height [faces]
    SOLID = 0.66  # least share of ink in the box of a solid bullet [pages]
    EVEN_RING = 0.72  # how much a ring is like its mirror images [pages]


class Looking:
    """page.py: how large a picture is looked at."""

    WORKING_SIDE_PX = 1650  # pages are looked at no larger than this, 150 dpi for A4 [eye]
    ROUNDING = 0.35  # a page larger by less than this share of it isn't reduced further [eye]
    SMALL_PRINT_PX = 11.0  # letters lower than this are looked at twice as large [pages]
    MAX_WORKING_PX = 9_000_000  # as long as that makes no more px than this [eye]
    CROP_EDGE = 0.25  # of a crop's outline that is ink: then its ground may have been taken for ink [scans]
    CROP_PAPER_PERCENT = (50.0, 15.0)  # of a crop that is paper: of a tight one of heavy type it is less [scans]
    CROP_EDGE_GAIN = 0.5  # share of it that is left, if it was the ground [scans]
    CROP_AREA_PX = 40_000  # a smaller picture is a word or a line that was cut out [scans]
    CROP_LETTERS = 8.0  # heights of a letter: a picture that is higher holds several lines, such as a table's [scans]
    CROP_HEIGHTS_PX = ((40, 4.0), (100, 2.0))  # one lower than so much is looked at so many times larger [scans]
    TURNED_REACH_PX = 3  # around the boxes that were turned round [eye]
