"""Charts as OneChart scores them: SCRM, the precision of the values at tolerances, and the titles.

A chart's values are a dictionary, `{"label": number}` or `{"series": {"label": number}}`; each number is a triple
(word, word, number). The IoU of the predicted and the true triples is taken at three tolerances. AP at a threshold is
the share of charts whose IoU reaches it, mAP its mean over .50:.05:.95.

**The published convention** is ChartSE_eval's arithmetic, with what it does beside its description:

- charts whose answer is no JSON, or lacks one of `title`, `source`, `x_title`, `y_title` or the values, are left out
  of AP and titles; the final figure multiplies mAP by their share among the true charts;
- words match, too, if those of one triple are contained in the other's, even at the strict tolerance;
- several predicted triples may match one true triple; unmatched true triples of an inexact match stay in the union;
- heads are put in order, and a lone series is renamed to `value`, only as far as triples stand at the same place;
- thresholds are numpy's (.55 is .55, but .7 is .7000000000000002).

The right convention gives a chart that can't be parsed the IoU 0 and its titles 0, so mAP itself is the final figure;
reads Python dictionaries as well as JSON; matches triples one to one within the tolerances, nothing else; counts a
lacking title as 0; and takes a ground truth that is a list of titles for alternatives.
"""

import ast
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .distances import edit_distance, normalized_edit_distance
from .text_metrics import Convention

TITLES = ("title", "source", "x_title", "y_title")


class Tolerance(NamedTuple):
    """How far a triple may be off: edits in its words, relative error of its number."""

    edits: int
    relative_error: float


TOLERANCES = {"strict": Tolerance(0, 0.0), "slight": Tolerance(2, 0.05), "high": Tolerance(5, 0.1)}
THRESHOLDS = tuple(step / 100 for step in range(50, 100, 5))
PUBLISHED_THRESHOLDS = tuple(np.arange(0.5, 1, 0.05).tolist())
SINGLE_THRESHOLDS = {"ap50": 0.5, "ap75": 0.75, "ap90": 0.9}

Triple = tuple[str, str, float | str]


def parse_chart(answer: str, convention: Convention = "right") -> dict[str, Any] | None:
    """Parse a predicted chart.

    Args:
        answer: JSON text; closing braces that are missing at the end are supplied. In the right convention a Python
            dictionary and text around the braces are understood, too.
        convention: `right` or `published`.

    Returns:
        A dictionary with `values` and, as far as there are any, the titles; None if there are none.
    """
    completed = answer + "}" * max(0, answer.count("{") - answer.count("}"))
    try:
        chart = json.loads(completed)
    except (ValueError, RecursionError):
        chart = None
        if convention == "right":
            chart = _parse_leniently(completed)
    if not isinstance(chart, dict):
        return None
    values = chart.get("values", chart.get("data"))
    if convention == "published":
        if any(title not in chart for title in TITLES) or ("values" not in chart and "data" not in chart):
            return None
        # The script would die on values that are no dictionary; such a chart is left out instead.
        return {**chart, "values": values} if isinstance(values, dict) else None
    if values is None and not any(title in chart for title in TITLES):
        values = chart
    return {**chart, "values": values if isinstance(values, dict) else {}}


def _parse_leniently(text: str) -> Any:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    text = text[start : end + 1]
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def to_triples(values: dict[Any, Any]) -> list[Triple]:
    """Turn a chart's values into triples: words in lower case, of a number its digits, points and minus signs."""
    flat: list[tuple[str, str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            flat += [(str(key), str(inner), number) for inner, number in value.items()]
        else:
            flat.append((str(key), "value", value))
    return [(one.lower(), two.lower(), _number(value)) for one, two, value in flat]


def _number(value: Any) -> float | str:
    digits = re.sub(r"[^\d.-]", "", str(value))
    try:
        return float(digits)
    except ValueError:
        return digits


def chart_iou(
    truth: dict[Any, Any], prediction: dict[Any, Any], tolerance: Tolerance, convention: Convention
) -> float:
    """Compute the IoU of two charts' triples.

    Args:
        truth: The true chart's values.
        prediction: The predicted chart's values.
        tolerance: What counts as the same triple.
        convention: `right` or `published`.

    Returns:
        Matching triples by all triples; 1 for two charts without any.
    """
    true_triples, other_triples = to_triples(truth), to_triples(prediction)
    if convention == "published":
        return _published_iou(true_triples, other_triples, tolerance)
    if true_triples and all(second == "value" for _, second, _ in true_triples):
        other_triples = [
            triple if "value" in triple[:2] else (triple[0], "value", triple[2]) for triple in other_triples
        ]
    true_set, other_set = ({_ordered(triple) for triple in triples} for triples in (true_triples, other_triples))
    if not true_set and not other_set:
        return 1.0
    near = [
        [
            place
            for place, other in enumerate(sorted(other_set, key=repr))
            if _same(other, one, tolerance, contained=False)
        ]
        for one in sorted(true_set, key=repr)
    ]
    matched = _largest_matching(near)
    return matched / (len(true_set) + len(other_set) - matched)


def _ordered(triple: Triple) -> Triple:
    first, second = sorted(triple[:2])
    return first, second, triple[2]


def _same(other: Triple, one: Triple, tolerance: Tolerance, *, contained: bool) -> bool:
    """Tell whether a predicted triple is a true one within the tolerance."""
    if isinstance(other[2], float) and isinstance(one[2], float):
        close = abs(other[2] - one[2]) / (abs(one[2]) + 0.000001) <= tolerance.relative_error
        words, true_words = "".join(other[:2]), "".join(one[:2])
        return close and (
            edit_distance(true_words, words) <= tolerance.edits
            or (contained and (words in true_words or true_words in words))
        )
    return edit_distance("".join(map(str, one)), "".join(map(str, other))) <= tolerance.edits


def _largest_matching(near: Sequence[Sequence[int]]) -> int:
    """Count the pairs of a largest matching of rows with the columns near to them (augmenting paths)."""
    row_of: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column in near[row]:
            if column in tried:
                continue
            tried.add(column)
            if column not in row_of or place(row_of[column], tried):
                row_of[column] = row
                return True
        return False

    return sum(place(row, set()) for row in range(len(near)))


def _published_iou(true_triples: list[Triple], other_triples: list[Triple], tolerance: Tolerance) -> float:
    for place, (other, one) in enumerate(zip(other_triples, true_triples, strict=False)):
        if one[1] == "value" and "value" not in other[:2]:
            other = (other[0], "value", other[2])
        other_triples[place], true_triples[place] = _ordered(other), _ordered(one)
    true_set, other_set = set(true_triples), set(other_triples)
    matched = {other for other in other_set if any(_same(other, one, tolerance, contained=True) for one in true_set)}
    union = (other_set | true_set) - (matched - (other_set & true_set))
    return len(matched) / len(union) if union else 0.0  # the script divides by zero on two empty charts


def average_precisions(ious: dict[str, float], convention: Convention = "right") -> dict[str, float]:
    """Turn one chart's IoU at each tolerance into its share of every AP; the mean over charts is the AP.

    Args:
        ious: IoU by the name of the tolerance.
        convention: `right` or `published`, for the thresholds.

    Returns:
        `map_*`, `ap50_*`, `ap75_*`, `ap90_*` for each tolerance, and `exact` (IoU 1 at the strict one).
    """
    thresholds = THRESHOLDS if convention == "right" else PUBLISHED_THRESHOLDS
    figures = {"exact": float(ious["strict"] >= 1)}
    for name, iou in ious.items():
        figures[f"map_{name}"] = sum(iou >= threshold for threshold in thresholds) / len(thresholds)
        for single, threshold in SINGLE_THRESHOLDS.items():
            figures[f"{single}_{name}"] = float(iou >= threshold)
    return figures


def title_score(truth: Any, prediction: Any, convention: Convention = "right") -> float | None:
    """Score a title: 1 - edit distance by the longer length, case aside.

    Args:
        truth: The true title, or a list of alternatives; "None" where the chart has none.
        prediction: The predicted title, likewise.
        convention: In `published`, the best alternative's score is divided by their number.

    Returns:
        The score; None where the chart has no such title.
    """
    truths = [str(one) for one in (truth if isinstance(truth, list) else [truth])]
    predictions = [str(one) for one in (prediction if isinstance(prediction, list) and prediction else [prediction])]
    if convention == "published":
        return _published_title_score(truths, predictions)
    real = [one for one in truths if one not in ("None", "")]
    if not real:
        return None
    if prediction is None or predictions[0] == "None":
        return 0.0
    return max(_similarity(one, other) for one in real for other in predictions)


def _published_title_score(truths: list[str], predictions: list[str]) -> float | None:
    total, count = 0.0, len(truths)
    for place, truth in enumerate(truths):
        prediction = predictions[place] if place < len(predictions) else predictions[0]
        if len(predictions) == 1 and prediction != "None" and "None" not in truths:
            total = max(total, _similarity(truth, prediction))
        elif truth == "None":
            # The script asks for a predicted "None" first, but that adds 0 to a "None" that then still counts not.
            count -= 1
        elif prediction != "None":
            total += _similarity(truth, prediction)
    return total / count if count else None


def _similarity(truth: str, prediction: str) -> float:
    return 1.0 - normalized_edit_distance(truth.lower(), prediction.lower())
