"""Pictures of formulas and their LaTeX."""

import re

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.drawing.typeset import Typesetter
from got_ocr.synthesis.formulas.grammar import random_formula
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn

__all__ = ["Formulas", "random_formula"]

# Shares of the layouts: one display, several, one formula of a line, a sentence around formulas.
_LAYOUTS = {"display": 0.58, "displays": 0.14, "inline": 0.08, "sentence": 0.2}
_MOST_REDRAWS = 8
# Prose that reads the same in plain text, in Markdown and in LaTeX.
_PLAIN = re.compile(r"(?:[A-Za-z0-9 ,.;:()'?!]|(?<=[a-z])-(?=[a-z]))+")
_JOINTS = ("where", "with", "for", "such that", "that is,", "and", "so that", "hence", "if", "since")


class Formulas:
    r"""Draws formulas: one, several, or some in a sentence; the answer has `\[ \]` for displays and `\( \)` in lines.

    Args:
        resources: Fonts, text, the typesetter and the degradations.

    Raises:
        ValueError: The typesetter is not there.
    """

    name = "formulas"

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._typesetter = Typesetter(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The sample; its source has the formulas and the look.

        Raises:
            OSError: The browser is missing or fails again and again.
            ValueError: The typesetter refuses many formulas in a row.
        """
        for redrawn in range(_MOST_REDRAWS):
            layout = str(rng.choice(list(_LAYOUTS), p=list(_LAYOUTS.values())))
            answer = self._answer(rng, layout)
            style = self._typesetter.style(rng)
            try:
                image = self._typesetter.picture(answer, style)
            except ValueError:
                if redrawn == _MOST_REDRAWS - 1:
                    raise
                continue
            break
        source = {"layout": layout, "latex": answer, **style.facts(self._typesetter.name), "redrawn": redrawn}
        image, source["degradations"] = degrade_share(image, rng, self._resources.degradations)
        return Sample(self.name, (image,), (Turn(instruction(Mode("format")), answer),), source)

    def _answer(self, rng: np.random.Generator, layout: str) -> str:
        if layout == "display":
            return _display(rng)
        if layout == "displays":
            return "\n".join(_display(rng, depth=2) for _ in range(rng.integers(2, 5)))
        if layout == "inline":
            return _inline(rng)
        return self._sentence(rng)

    def _sentence(self, rng: np.random.Generator) -> str:
        """Set formulas among words of the corpus, perhaps with a display in the middle."""
        words = self._words(rng, int(rng.integers(8, 34)))
        for place in sorted(rng.integers(1, len(words) + 1, rng.integers(1, 4)), reverse=True):
            joint = [str(rng.choice(_JOINTS))] if rng.random() < 0.3 else []
            words[place:place] = [*joint, _inline(rng)]
        text = " ".join(words)
        if rng.random() < 0.35:
            after = " ".join(self._words(rng, int(rng.integers(3, 14))))
            return f"{text}\n{_display(rng, depth=2)}\n{after}"
        return text

    def _words(self, rng: np.random.Generator, count: int) -> list[str]:
        paragraphs = self._resources.corpus.paragraphs
        for _ in range(200):
            words = paragraphs[int(rng.integers(len(paragraphs)))].split()
            start = int(rng.integers(max(1, len(words) - count)))
            chosen = words[start : start + count]
            if _PLAIN.fullmatch(" ".join(chosen)) and chosen[0][0].isalpha() and chosen[0][-1].isalpha():
                return chosen
        return ["the", "following", "formula", "holds"]


def _display(rng: np.random.Generator, depth: int = 3) -> str:
    tex = random_formula(rng, depth=depth)
    if rng.random() < 0.1:
        chapter = f"{rng.integers(1, 13)}." if rng.random() < 0.5 else ""
        tex += rf"\tag{{{chapter}{rng.integers(1, 60)}}}"
    return rf"\[ {tex} \]"


def _inline(rng: np.random.Generator) -> str:
    return rf"\( {random_formula(rng, display=False, depth=1)} \)"
