"""Every number by which rows of formulas are told; units and origins as in thresholds.py."""


class Formulas:
    """formula_rows.py: what stands over something else."""

    BAR_WIDTH_EM = (0.3, 14.0)  # of a fraction's bar [pages]
    BAR_HEIGHT_EM = 0.14  # at most [pages]
    BAR_HEIGHT_PX = 2.0  # or this [pages]
    BAR_SHAPE = 3  # its width to its height at least [pages]
    SHORT_BAR_EM = 0.5  # a shorter bar, as of one half in a line, has its figures [pages]
    SHORT_REACH_EM = 0.3  # this near [pages]
    SHORT_FIGURE_EM = 0.25  # and they are higher than this [pages]
    REACH_EM = 0.75  # from a bar to the bottom of a numerator's letters, and to the top of a denominator's [pages]
    ENDS_EM = 0.1  # a letter's middle stands within the bar's ends and this [pages]
    TOUCH_EM = 0.06  # a letter may touch the bar by so much [pages]
    CLEAR_EM = 0.1  # and reaches so far from it [pages]
    CENTRED = 0.12  # of the bar's width and [pages]
    CENTRED_EM = 0.2  # this: a numerator is no further from its middle [pages]
    BEYOND_EM = 0.25  # nor reaches further over its ends [pages]
    ASIDE_HEIGHT_EM = 0.25  # higher letters that stand [pages]
    ASIDE_EM = 0.4  # so near beside a bar's ends, over or under it, make it none [pages]
    LEVEL_EM = 0.4  # letters so near to a bar's height stand beside it [pages]
    MEMBERS = 0.3  # of a line's letters stand over, under or beside a bar, if its formula is what the line has [pages]
    INLINE_EM = (0.1, 0.45)  # of an inline fraction's bar over the line's baseline [pages]
    AXIS_EM = 0.25  # of a fraction's bar over the baseline [faces]
    AXIS_OFF_EM = 0.2  # parts of a formula whose baseline is no further from where the axis puts it [pages]
    SIGN_EM = (1.15, 2.6)  # height of sums, products and integrals that have limits above and below [faces]
    SIGN_LEAST_WIDTH_EM = 0.3  # [faces]
    SIGN_WIDTH = 2.2  # of its height at most [faces]
    LIMIT_EM = 0.62  # limits are no higher than this [pages]
    LIMIT_GAP_EM = 0.45  # and no further away [pages]
    LIMIT_TOUCH_EM = 0.05  # but may touch by so much [pages]
    LIMIT_CENTRED_EM = 0.35  # they stand in the sign's middle, within this [pages]
    LIMIT_WIDTH = 0.5  # of the sign's width, or [pages]
    LIMIT_LEAST_EM = 0.5  # this [pages]
    LIMIT_REACH_EM = 0.9  # and this, to either side [pages]
    WIDE_LETTERS = 2  # a line with more than twice the limits' letters and so many is no limit [pages]
    GROWTH_ROUNDS = 4  # of taking in what stands beside a bar [eye]
    BRACKET_EM = (0.9, 5.0)  # height of brackets beside a bar [pages]
    BRACKET_WIDTH_EM = 3.0  # at most [pages]
    BRACKET_GAP_EM = 0.6  # [pages]
    BESIDE_LEVEL_EM = 0.45  # what goes on beside a bar stands at its height, within this [pages]
    BESIDE_EM = 1.6  # and begins no further away [pages]
    USUAL_SIZES = (0.75, 1.3)  # of a formula's letters, by the page's usual ones [pages]


class Scripts:
    """formula_rows.py: powers and indices behind a letter."""

    MOST_LETTERS = 3  # [pages]
    HIGHEST_EM = 0.72  # [pages]
    GAP_EM = 0.3  # [pages]
    OVERLAP_EM = 0.1  # [pages]
    RAISED_EM = (0.22, 1.25)  # its foot over the baseline at least, its top at most [pages]
    LOWERED_EM = (0.08, 0.5)  # its foot under the baseline [pages]
    LOWERED_TOP_EM = 0.45  # its top over the baseline at most [pages]
