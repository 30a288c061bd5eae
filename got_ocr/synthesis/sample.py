"""What every kind of the data engine makes: pictures and a conversation about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from PIL import Image

# Stands in a human turn of a conversation file where the image tokens go (the published convention).
IMAGE_PLACEHOLDER = "<image>"


@dataclass(frozen=True)
class Turn:
    """A question and its answer.

    Attributes:
        instruction: what the user asks, as `processing.prompt.instruction` writes it, e.g. `OCR with format: `.
        answer: what the model is to write.
    """

    instruction: str
    answer: str


@dataclass(frozen=True)
class Sample:
    """A training sample.

    Attributes:
        kind: which kind of the data engine drew it, e.g. `formulas`.
        images: RGB; several for the pages of a document. A multi-crop sample has one: the processor cuts its tiles.
        turns: at least one.
        source: JSON-ready facts about how it was drawn (faces, sizes, seeds, the text it was rendered from, boxes in
            px), for people who look at samples, and for tests.
    """

    kind: str
    images: tuple[Image.Image, ...]
    turns: tuple[Turn, ...]
    source: Mapping[str, Any] = field(default_factory=dict)

    def conversation(self) -> list[dict[str, str]]:
        """Write the turns in the published form.

        Returns:
            `{"from": "human" | "gpt", "value": text}` in turn, the image's place holder before the first question.
        """
        conversation = []
        for number, turn in enumerate(self.turns):
            lead = f"{IMAGE_PLACEHOLDER}\n" if number == 0 else ""
            conversation.append({"from": "human", "value": lead + turn.instruction})
            conversation.append({"from": "gpt", "value": turn.answer})
        return conversation


class Kind(Protocol):
    """Draws samples of one kind. Made once a process with `Kind(resources)`."""

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance: equal generators give equal samples, bit for bit, in any process.

        Returns:
            The sample.
        """
