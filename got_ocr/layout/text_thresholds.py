"""Every number by which texts are matched with lines, as in thresholds.py; costs and gains are natural logs.

[match]  settled by matching texts with the lines of drawn pages, by got_ocr/evaluation/benchmarks/line_boxes.py
"""


class Alignment:
    """text_alignment.py, text_parts.py, text_places.py."""

    MOST_WORK = 500_000  # lines times units: on a larger page nothing is matched; about 7 processor seconds [match]
    ROUNDS = 3  # that measure how a text is set [match]
    SCALES = (0.7, 1.5)  # a line's width to that of its text in common faces: condensed to fixed pitch [faces]
    SAME_SCALE = 0.04  # two guesses at its log that differ by less are one [match]
    WIDE_PERCENT = 75  # of the lines of page and of text are less wide than those by which they compare [match]
    FIRST_DEVIATION = 0.15  # of that ratio, before it was measured [match]
    DEVIATIONS = (0.025, 0.2)  # of it, at least and at most, once it was [match]
    FIRST_AT_END = 0.5  # of the lines end where the text's do, before that was measured [match]
    FIRST_INSIDE = 0.5  # of the text's line ends are within lines, before that was measured, by chance all [match]
    INSIDE_COUNT = 20.0  # gaps that weigh against what is measured of it [match]
    EDGE_EM = 0.4  # by which a line's edges may be off [match]
    LEAST_EM = 0.1  # of a line or text, so that none is without width [math]
    REACH_DEVIATIONS = 3.5  # parts of a text that are wider or narrower than a line by more are not looked at [match]
    ANY_WIDTH = 2.0  # the range of widths, by their log, that chance has [match]
    FLOOR = 0.01  # probability that a line's width tells nothing of its text [match]
    LEFT_OUT_LINE = 4.0  # cost of a line that shows nothing of the text, [match]
    LEFT_OUT_NEXT_LINE = 0.5  # and of each that follows such a line [match]
    LEFT_OUT_TEXT = 5.0  # cost of text that stands on no line, [match]
    LEFT_OUT_UNIT = 0.1  # and of each of its units [match]
    BLOCK_WEIGHT_EM = 60.0  # of text that the whole page's setting weighs against a block's own [match]
    LEAST_SHARE = 1e-5  # parts of a lower probability by their widths are not looked at for gaps [match]
    SAME_SHARE = 0.7  # of two parts of a text that count as one match [match]
    GAP_STEPS = 10  # places an em where a gap is looked for [eye]
    GAP_FROM_EM = 0.12  # narrowest gap between words [faces]
    GAP_REACH_EM = 0.35  # by how much a gap may stand elsewhere than text says [match]
    GAP_FLOOR = 0.2  # probability that a gap of the text is not seen, or stands anywhere [match]
    GAP_COUNT = 3  # gaps of a line at least tell how well gaps fit on this page: [match]
    GAP_MEAN = 0.35  # if those of its better lines fit worse, its face is another than was reckoned with [match]
    GAP_SHARE = 0.3  # of that: a line whose gaps, and its neighbours', fit worse shows another text [match]
    CERTAIN = 0.85  # a match of less certainty gives no box [match]
    MOST_MOVED = 12  # runs of lines that are looked for elsewhere in the text [eye]
    MOST_PAIRS = 100  # of runs that are tried, so that a page of rubbish ends [eye]
    MOVED_GAIN = 12.0  # by which lines must explain text elsewhere better than none would [match]
