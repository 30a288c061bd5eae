"""Figures of one pair of texts: Fox's six in both conventions, character and word errors.

**The published convention** (`convention="published"`) is the arithmetic of the scripts behind the published tables,
`pyevaltools/eval_ocr*.py`. They hand the truth over as the prediction and the prediction as the truth. So against the
right convention:

- precision and recall stand in each other's place;
- BLEU and METEOR, which are not symmetric, take the prediction as the reference: BLEU punishes a prediction that is
  too long by its brevity penalty, instead of one that is too short;
- F1 and edit distance are symmetric and the same;
- a page whose truth or prediction is empty has no figures and is left out of the mean, so a model that answers
  nothing on its hardest pages scores higher. In the right convention an empty prediction is a failure: edit distance
  1 and all else 0.

The script dies on a text of white space alone (its precision is then None); here such a pair is left out, too.
"""

import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from .distances import edit_distance, normalized_edit_distance
from .meteor import meteor
from .words import split_words

Convention = Literal["right", "published"]
CONVENTIONS: tuple[Convention, ...] = ("right", "published")
FOX_METRICS = ("edit_distance", "f1", "precision", "recall", "bleu", "meteor")

BLEU_ORDER = 4
ZERO_PRECISION = sys.float_info.min  # what NLTK's unsmoothed BLEU takes for an n-gram precision of 0


def fox_metrics(
    truth: str,
    prediction: str,
    *,
    split: Callable[..., list[list[str]]] = split_words,
    convention: Convention = "right",
) -> dict[str, float] | None:
    """Compute Fox's six figures of one page.

    Args:
        truth: What stands on the page.
        prediction: What was read.
        split: Cuts both texts into words, by a common rule.
        convention: `right`, or `published` for the published scripts' arithmetic (see the module's docstring).

    Returns:
        `edit_distance` (over characters, by the longer length), `f1`, `precision`, `recall` (over the sets of words),
        `bleu` (4-gram, unsmoothed) and `meteor`; None where the published scripts have no figures.
    """
    if convention == "published":
        if not truth or not prediction:
            return None
        hypothesis, reference = split(truth, prediction)
        if not hypothesis or not reference:
            return None
    else:
        reference, hypothesis = split(truth, prediction)
        if not reference and not hypothesis:
            distance = normalized_edit_distance(truth, prediction)
            return {name: distance if name == "edit_distance" else 1.0 for name in FOX_METRICS}
    reference_set, hypothesis_set = set(reference), set(hypothesis)
    shared = len(reference_set & hypothesis_set)
    precision = shared / len(hypothesis_set) if hypothesis_set else 0.0
    recall = shared / len(reference_set) if reference_set else 0.0
    return {
        "edit_distance": normalized_edit_distance(truth, prediction),
        # Not 2pr / (p + r): nltk's form, to the last digit.
        "f1": 1.0 / (0.5 / precision + 0.5 / recall) if shared else 0.0,
        "precision": precision,
        "recall": recall,
        "bleu": bleu(reference, hypothesis),
        "meteor": meteor(reference, hypothesis),
    }


def bleu(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Compute BLEU of up to four words, unsmoothed, against one reference: `nltk.translate.bleu` to the last digit.

    Args:
        reference: The reference's words.
        hypothesis: The hypothesis' words.

    Returns:
        The score. Where words are shared but no run of n of them is, it is a vanishing number instead of 0, as in
        NLTK.
    """
    logarithms = []
    for order in range(1, BLEU_ORDER + 1):
        counts = Counter(zip(*(hypothesis[start:] for start in range(order)), strict=False))
        limits = Counter(zip(*(reference[start:] for start in range(order)), strict=False))
        matched = sum(min(count, limits[ngram]) for ngram, count in counts.items() if ngram in limits)
        if order == 1 and not matched:
            return 0.0
        total = max(1, len(hypothesis) - order + 1)
        logarithms.append(math.log(matched / total if matched else ZERO_PRECISION))
    long_enough = len(hypothesis) > len(reference)
    brevity = 1.0 if long_enough else math.exp(1 - len(reference) / len(hypothesis))
    return brevity * math.exp(math.fsum(0.25 * logarithm for logarithm in logarithms))


def character_errors(truth: str, prediction: str) -> tuple[int, int]:
    """Count the character errors and the characters of the truth; their ratio is the character error rate (CER)."""
    return edit_distance(truth, prediction), len(truth)


def word_errors(truth: str, prediction: str) -> tuple[int, int]:
    """Count the word errors and the words of the truth; their ratio is the word error rate (WER), as jiwer has it.

    Chinese is cut by jieba, and its white space is no word.
    """
    truth_words, prediction_words = (
        [word for word in words if not word.isspace()] for words in split_words(truth, prediction)
    )
    return edit_distance(truth_words, prediction_words), len(truth_words)
