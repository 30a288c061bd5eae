"""Documents of several pages, read together."""

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.formatted.kind import FormattedDrawer
from got_ocr.synthesis.formatted.source import PIECE_BREAK, estimate_tokens
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn

# As published (arXiv 2409.01704), and so are less than 650 tokens of a page's answer; `estimate_tokens`
# was up to 3 % below the published vocabulary's count on pages of this engine.
FEWEST_PAGES, MOST_PAGES = 2, 8
MOST_PAGE_TOKENS = 630


class MultiPage:
    """Documents of 2 to 8 formatted pages of one look, whose text goes on from page to page.

    The answer is the pages' Mathpix Markdown joined by an empty line, in the order of the pages. That is how
    `got_ocr.rendering.Document.source` and `got-ocr render` join the pages of a document, and it keeps the answer one
    Mathpix Markdown document, as the mode's single answer is: a form feed, which `Document.to_text` puts between pages
    of plain text, has no meaning there. No piece is parted by a page's end.

    A page's answer has less than 650 tokens as published, by the estimate from its characters that
    `got_ocr.synthesis.formatted.source.estimate_tokens` describes, but where a single piece has more.

    Args:
        resources: fonts, text, the typesetter and the degradations.

    Raises:
        ValueError: the typesetter is unknown, or what it needs is missing.
    """

    def __init__(self, resources: Resources) -> None:
        self._drawer = FormattedDrawer(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a document.

        Args:
            rng: decides.

        Returns:
            A picture for each page, and one turn.
        """
        count = int(rng.integers(FEWEST_PAGES, MOST_PAGES + 1))
        pages = self._drawer.document(rng, count, most_tokens=MOST_PAGE_TOKENS)
        images, applied = [], []
        for page in pages:
            image, names = degrade_share(page.image, rng, self._drawer.resources.degradations)
            images.append(image)
            applied.append(names)
        source = {
            "look": pages[0].look,
            "pages": [page.text for page in pages],
            "tokens": [estimate_tokens(page.text) for page in pages],
            "left_out": [page.left_out for page in pages],
            "degradations": applied,
        }
        answer = PIECE_BREAK.join(page.text for page in pages)
        return Sample("multi-page", tuple(images), (Turn(instruction(Mode(multi_page=True)), answer),), source)
