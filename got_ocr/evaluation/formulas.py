"""Similarity of LaTeX formulas: edit similarity over LaTeX tokens, after dropping what doesn't change the picture.

It compares source, not pictures: two formulas that look the same may differ here (`x_1^2`, `x^2_1`), which metrics
that render, such as CDM, forgive. It needs no LaTeX, no browser and no time.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from .distances import normalized_edit_distance, pair_cheapest

TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[^\s\\]", re.DOTALL)
# Spacing, sizing and style: they change distances, not what the formula says.
# fmt: off
NEUTRAL = frozenset((
    r"\,", r"\:", r"\;", r"\!", r"\>", "\\ ", r"\quad", r"\qquad", "~", r"\left", r"\right", r"\big", r"\Big",
    r"\bigg", r"\Bigg", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\biggl", r"\biggr", r"\Biggl", r"\Biggr",
    r"\displaystyle",
    r"\textstyle", r"\scriptstyle", r"\limits", r"\nolimits", r"\nonumber", r"\notag",
))
# fmt: on
SAME = {
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\ne": r"\neq",
    r"\to": r"\rightarrow",
    r"\gets": r"\leftarrow",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    r"\vert": "|",
    r"\Vert": r"\|",
    r"\rm": r"\mathrm",
    r"\bf": r"\mathbf",
    r"\it": r"\mathit",
    r"\operatorname*": r"\operatorname",
    r"\ldots": r"\dots",
    r"\cdots": r"\dots",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\lnot": r"\neg",
    r"\prime": "'",
}  # fmt: skip


def formula_tokens(latex: str) -> list[str]:
    """Split a formula into LaTeX tokens in a canonical spelling.

    Args:
        latex: The formula, without delimiters.

    Returns:
        Commands and single characters; spacing and sizing dropped, synonyms united, braces around one token dropped.
    """
    latex = re.sub(r"\\(?:tag|label)\s*\{[^{}]*\}", "", latex)
    tokens = [SAME.get(token, token) for token in TOKEN.findall(latex) if token not in NEUTRAL]
    kept: list[str] = []
    for token in tokens:
        if token == "}" and len(kept) >= 2 and kept[-2] == "{" and kept[-1] not in "{}":
            kept[-2:] = [kept[-1]]
        else:
            kept.append(token)
    return kept


def formula_similarity(truth: str, prediction: str) -> float:
    """Compare two formulas: 1 for the same, 0 for nothing in common."""
    return 1.0 - normalized_edit_distance(formula_tokens(truth), formula_tokens(prediction))


def formulas_similarity(truths: Sequence[str], predictions: Sequence[str]) -> float | None:
    """Compare the formulas of two pages, paired so as to be most similar.

    Args:
        truths: Formulas of the true page.
        predictions: Formulas of the predicted page.

    Returns:
        The pairs' similarities added up, divided by the larger number of formulas, so that one too few or too many
        counts 0; None if neither page has any.
    """
    if not truths and not predictions:
        return None
    total = max(len(truths), len(predictions))
    left_truths = Counter(tuple(formula_tokens(formula)) for formula in truths)
    left_predictions = Counter(tuple(formula_tokens(formula)) for formula in predictions)
    equal = left_truths & left_predictions  # paired first: nearly all, as a rule, and the pairing below is cubic
    truth_tokens = sorted((left_truths - equal).elements())
    prediction_tokens = sorted((left_predictions - equal).elements())
    costs = [[normalized_edit_distance(truth, other) for other in prediction_tokens] for truth in truth_tokens]
    similar = [1.0 - costs[row][column] for row, column in pair_cheapest(costs)]
    return (equal.total() + math.fsum(similar)) / total
