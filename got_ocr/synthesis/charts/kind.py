"""Charts: half drawn by Matplotlib, half by Vega-Lite; the truth is JSON in OneChart's form (see `data.py`)."""

from dataclasses import asdict
from functools import cached_property

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.charts import with_matplotlib as charts_matplotlib
from got_ocr.synthesis.charts import with_vega as charts_vega
from got_ocr.synthesis.charts.data import draw_data
from got_ocr.synthesis.charts.look import draw_look
from got_ocr.synthesis.drawing.svg_picture import degrade_picture, scalable_families
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace

_DRAWERS = {"matplotlib": charts_matplotlib.draw_chart, "vega": charts_vega.draw_chart}


class Charts:
    """Draws samples of charts."""

    def __init__(self, resources: Resources) -> None:
        """Get ready.

        Args:
            resources: fonts, words for some labels, and degradations.
        """
        self.resources = resources

    @cached_property
    def _families(self) -> dict[str, list[FontFace]]:
        return scalable_families(self.resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The picture and the chart's JSON.

        Raises:
            ValueError: Matplotlib or vl-convert is missing.
        """
        data = draw_data(rng, self.resources.corpus.words)
        look = draw_look(rng, self._families, data)
        image, applied = degrade_picture(_DRAWERS[look.library](data, look), rng, self.resources)
        source = {
            "form": data.form,
            "library": look.library,
            "printed": data.printed,
            "data": asdict(data),
            "look": asdict(look),
            "size_px": list(image.size),
            "degradations": applied,
            "redrawn": 0,
        }
        return Sample("charts", (image,), (Turn(instruction(Mode("format")), data.truth()),), source)
