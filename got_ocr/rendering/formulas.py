r"""Read a LaTeX formula, however damaged, into a tree that can be written as MathML, LaTeX or text.

Nothing makes the reader fail: what is unbalanced is closed or opened (and said in the notes), what is unknown is kept
as `unknown`. It reads each token once, so time is linear in the formula's length.

Why a reader of our own: of the Python packages, only latex2mathml turns LaTeX into MathML, and it raises on what a
model truncates (``\left(`` without ``\right``, ``x_``), loses the columns of ``aligned``, leaves ``<`` of ``\text{}``
unescaped and writes attributes browsers have dropped (tests/rendering/measure.py counts).
"""

from got_ocr.rendering.formula_commands import read_command
from got_ocr.rendering.formula_nodes import Formula
from got_ocr.rendering.formula_reader import FormulaReader


def parse_formula(tex: str) -> Formula:
    r"""Read LaTeX mathematics (without its ``\( \)``); never fails.

    Args:
        tex: The formula.

    Returns:
        Its tree, and what was damaged.
    """
    reader = FormulaReader(tex, read_command, depth=0)
    return Formula(reader.read_all(), tuple(dict.fromkeys(reader.notes)))
