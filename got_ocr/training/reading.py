"""Reading during training: what the model writes by itself for every sample of the evaluation set, and its errors.

No teacher forcing: a sample's pictures and its first question go in, the answer is generated as `chat` generates it. A
checkpoint that reads slices gets whole pictures, which the reader cuts.
"""

import logging
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from rapidfuzz.distance import Levenshtein

from got_ocr.processing.mode import Mode
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.options import ReadingOptions
from got_ocr.reading.reader import Reader
from got_ocr.training.bad_samples import BadSampleError
from got_ocr.training.config import EvaluationSettings
from got_ocr.training.conversation_sets import open_set
from got_ocr.training.conversations import CROP, Conversation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What was read of a sample.

    Attributes:
        index: Its place in the evaluation set.
        question: Its first question.
        truth: What stands there.
        prediction: What the model wrote.
        errors: Character errors.
    """

    index: int
    question: str
    truth: str
    prediction: str
    errors: int


class EvaluationReader:
    """Reads an evaluation set; processes of a distributed run share the work.

    Args:
        settings: Which set, and how to read it.
        processor: Of the model that is trained.

    Raises:
        ValueError: If a sample of the set is bad: an evaluation set must be whole, or figures do not compare.
        OSError: If the set can't be read.
    """

    def __init__(self, settings: EvaluationSettings, processor: GotOcrProcessor) -> None:
        self.settings = settings
        self.processor = processor
        opened = open_set(settings.path, settings.images)
        count = len(opened) if settings.limit is None else min(settings.limit, len(opened))
        self.conversations: list[Conversation] = []
        for index in range(count):
            try:
                self.conversations.append(opened[index])
            except BadSampleError as error:
                raise ValueError(f"evaluation: {opened.origin(index)} {error}.") from None

    def __len__(self) -> int:
        return len(self.conversations)

    @torch.no_grad()
    def read(self, model: Any, rank: int = 0, world_size: int = 1) -> list[Reading]:
        """Read this process's part of the set.

        Args:
            model: The model, in whatever wrapping still has `generate` and `config`.
            rank: Which process.
            world_size: How many processes. All generate equally often, so that sharded models stay together.

        Returns:
            What was read, each sample once.
        """
        was_training = model.training
        model.eval()
        turns = -(-len(self) // world_size)
        mine = [turn * world_size + rank for turn in range(turns)]
        readings: list[Reading] = []
        size = self.settings.batch_size
        for start in range(0, turns, size):
            # Beyond the end the first samples are read once more, and not counted.
            chunk = [self.conversations[index % len(self)] for index in mine[start : start + size]]
            everyone = range(start * world_size, min(start + size, turns) * world_size)
            together = _fit_together([self.conversations[index % len(self)] for index in everyone])
            texts = self._read_chunk(model, chunk, together)
            for index, conversation, text in zip(mine[start : start + size], chunk, texts, strict=True):
                if index < len(self):
                    question, truth = conversation.turns[0]
                    truth = truth.strip()
                    errors = Levenshtein.distance(truth, text)
                    readings.append(Reading(index, question, truth, text, errors))
        model.train(was_training)
        return readings

    def _read_chunk(self, model: Any, chunk: list[Conversation], together: bool) -> list[str]:
        pictures = [self.load(conversation) for conversation in chunk]
        if together:
            return self._generate(model, chunk[0].turns[0][0], pictures)
        return [
            self._generate(model, conversation.turns[0][0], [pages])[0]
            for conversation, pages in zip(chunk, pictures, strict=True)
        ]

    def load(self, conversation: Conversation) -> list[Image.Image]:
        """Load a sample's pictures, tiles or pages, as for training.

        Args:
            conversation: The sample.

        Returns:
            The pictures.

        Raises:
            ValueError: If one can't be had.
        """
        try:
            return conversation.load_images(self.processor.image_processor)
        except BadSampleError as error:
            raise ValueError(f"evaluation: {conversation.origin} {error}.") from None

    def _generate(self, model: Any, question: str, documents: list[list[Image.Image]]) -> list[str]:
        options = ReadingOptions(self.settings.max_new_tokens, self.settings.batch_size, line_boxes=False)
        reader = Reader(model, self.processor, options)
        if model.config.slicing:
            mode = Mode("format" if "with format" in question else "ocr")
            return [answer.text for answer in reader.read([pages[0] for pages in documents], mode)]
        if all(len(pages) == 1 for pages in documents):
            images: list[Any] = [pages[0] for pages in documents]
            return [answer.text for answer in reader.read(images, Mode(instruction=question))]
        mode = Mode(multi_page=True, instruction=question)
        return [answer.text for answer in reader.read(documents, mode)]


def _fit_together(conversations: list[Conversation]) -> bool:
    """Whether one batch can hold samples like these: one question, one picture each."""
    has_one = [len(one.images) == 1 and not one.is_folder and one.mode != CROP for one in conversations]
    return all(has_one) and len({one.turns[0][0] for one in conversations}) == 1


def character_error_rate(readings: list[Reading]) -> float:
    """Divide all character errors by all characters of the truth.

    Args:
        readings: At least one with a truth that is not empty.

    Returns:
        The rate: 0 where everything is right; it may exceed 1.
    """
    return sum(one.errors for one in readings) / max(1, sum(len(one.truth) for one in readings))
