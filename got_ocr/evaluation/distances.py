"""Edit distance between sequences, and a cheapest pairing of two lists. The distance is rapidfuzz's, in C++."""

from collections.abc import Hashable, Sequence


def edit_distance(truth: Sequence[Hashable], prediction: Sequence[Hashable]) -> int:
    """Count the insertions, deletions and substitutions that turn one sequence into another (Levenshtein).

    Args:
        truth: A text, or a list of words.
        prediction: Likewise.

    Returns:
        The distance: the same as `nltk.edit_distance`, in a hundredth to a ten-thousandth of its time.

    Raises:
        ModuleNotFoundError: If rapidfuzz is not installed.
    """
    try:
        from rapidfuzz.distance import Levenshtein
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("evaluation needs rapidfuzz: pip install rapidfuzz") from error
    return Levenshtein.distance(truth, prediction)


def normalized_edit_distance(truth: Sequence[Hashable], prediction: Sequence[Hashable]) -> float:
    """Divide the edit distance by the longer length: 0 for equal sequences (two empty ones too), at most 1."""
    longer = max(len(truth), len(prediction))
    return edit_distance(truth, prediction) / longer if longer else 0.0


def pair_cheapest(costs: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pair rows with columns, each used once, so that the sum of the pairs' costs is least (Hungarian algorithm).

    Args:
        costs: One list a row, all of one length.

    Returns:
        min(rows, columns) pairs (row, column), by row.
    """
    if not costs or not costs[0]:
        return []
    if len(costs) > len(costs[0]):
        return sorted((row, column) for column, row in pair_cheapest(list(zip(*costs, strict=True))))
    rows, columns = len(costs), len(costs[0])
    # Potentials and augmenting paths, after e-maxx; index 0 stands for "none", so rows and columns count from 1.
    row_potential, column_potential = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of_column = [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of_column[0], column = row, 0
        slack, previous = [float("inf")] * (columns + 1), [0] * (columns + 1)
        done = [False] * (columns + 1)
        while row_of_column[column]:
            done[column] = True
            current_row, delta, next_column = row_of_column[column], float("inf"), 0
            for candidate in range(1, columns + 1):
                if done[candidate]:
                    continue
                reduced = (
                    costs[current_row - 1][candidate - 1] - row_potential[current_row] - column_potential[candidate]
                )
                if reduced < slack[candidate]:
                    slack[candidate], previous[candidate] = reduced, column
                if slack[candidate] < delta:
                    delta, next_column = slack[candidate], candidate
            for candidate in range(columns + 1):
                if done[candidate]:
                    row_potential[row_of_column[candidate]] += delta
                    column_potential[candidate] -= delta
                else:
                    slack[candidate] -= delta
            column = next_column
        while column:
            row_of_column[column] = row_of_column[previous[column]]
            column = previous[column]
    return sorted((row_of_column[column] - 1, column - 1) for column in range(1, columns + 1) if row_of_column[column])
