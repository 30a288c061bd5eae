"""Measure the built-in checkpoint: character error rate on rendered text, by rung.

    python -m got_ocr.evaluation.nano [--model got_ocr/assets/nano] [--count 200] [--tesseract] [--json FILE]

Pictures are read as `chat` reads them. Text, and for some rungs the fonts, are those that training leaves out; seeds
are disjoint from training's. The character error rate is the edit distance of all answers over the length of all
texts, white space counted as single spaces, with a 95 % bootstrap interval over pictures.
"""

import argparse
import dataclasses
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from got_ocr.evaluation.distances import edit_distance
from got_ocr.modeling_got_ocr import GotOcrForConditionalGeneration
from got_ocr.processing_got_ocr import GotOcrProcessor
from got_ocr.synthesis.text_image import TextImage
from got_ocr.training.nano_batches import Vocabulary
from got_ocr.training.nano_trainer import NanoTrainingConfig, build_picture_source

EVALUATION_SEED = 1_000_003
MAX_NEW_TOKENS = 320


@dataclass(frozen=True)
class Rung:
    """A kind of picture to measure on.

    Attributes:
        name: for the table.
        rows: fewest and most lines of text.
        picture_px: height and width of the pictures.
        size_px: smallest and largest em size.
        wear: 0 for clean pictures, 1 for a good share of worn ones, 2 for hard wear.
        held_out_fonts: whether to draw in families that training never uses.
        prose: share of running prose.
        dictionary: share of dictionary words; the rest is digits and symbols.
        sliced: whether to read as `chat` does, or to show the whole picture to the model at once.
    """

    name: str
    rows: tuple[int, int]
    picture_px: tuple[int, int] = (120, 480)
    size_px: tuple[float, float] = (18.0, 28.0)
    wear: float = 0.0
    held_out_fonts: bool = False
    prose: float = 0.8
    dictionary: float = 0.2
    sliced: bool = True


_PARAGRAPH = Rung("clean paragraphs of 5 to 10 lines, known fonts", (5, 10), (320, 480), prose=1.0, dictionary=0.0)
RUNGS = (
    Rung("1 to 3 clean lines, known fonts", (1, 3)),
    Rung("1 to 3 clean lines, unseen fonts", (1, 3), held_out_fonts=True),
    _PARAGRAPH,
    dataclasses.replace(_PARAGRAPH, name=_PARAGRAPH.name.replace("known", "unseen"), held_out_fonts=True),
    Rung("1 to 3 degraded lines, known fonts", (1, 3), wear=1.0),
    Rung("1 to 3 clean lines of digits and symbols, known fonts", (1, 3), prose=0.0, dictionary=0.0),
    Rung("1 or 2 clean lines on the model's own canvas, not sliced, known fonts", (1, 2), (192, 192), sliced=False),
)


@dataclass(frozen=True)
class RungResult:
    """What was measured on a rung.

    Attributes:
        name: the rung's.
        pictures: how many.
        characters: of all texts.
        character_error_percent: edit distance over characters.
        interval_percent: 95 % bootstrap interval over pictures.
        exact_percent: pictures read without an error.
        unfinished_percent: answers that hit the length limit.
        characters_per_s: reading speed, batched.
    """

    name: str
    pictures: int
    characters: int
    character_error_percent: float
    interval_percent: tuple[float, float]
    exact_percent: float
    unfinished_percent: float
    characters_per_s: float


class Reader(Protocol):
    """Reads pictures."""

    def read(self, images: Sequence[Image.Image], sliced: bool) -> list[tuple[str, bool]]:
        """Read pictures; see `ModelReader.read`."""


class ModelReader:
    """Reads pictures with a checkpoint, as users do."""

    def __init__(self, checkpoint: Path) -> None:
        """Load model and processor.

        Args:
            checkpoint: its folder.
        """
        self.model = GotOcrForConditionalGeneration.from_pretrained(checkpoint).eval()
        self.processor = GotOcrProcessor.from_pretrained(checkpoint)

    def read(self, images: Sequence[Image.Image], sliced: bool) -> list[tuple[str, bool]]:
        """Read pictures.

        Args:
            images: of any size.
            sliced: whether to cut them for the model, or to show them whole.

        Returns:
            Each picture's text, and whether the answer came to its end by itself.
        """
        answers = self.model.chat(
            self.processor,
            list(images),
            slice_pages=sliced,
            max_new_tokens=MAX_NEW_TOKENS,
            batch_size=16,
            return_dict=True,
        )
        return [(answer["text"], answer["finish_reason"] == "stop") for answer in answers]


class TesseractReader:
    """Reads pictures with an installed Tesseract, for comparison."""

    def read(self, images: Sequence[Image.Image], sliced: bool) -> list[tuple[str, bool]]:
        """Read pictures as uniform blocks of English text.

        Args:
            images: of any size.
            sliced: of no meaning here.

        Returns:
            Each picture's text, and True.
        """
        texts = []
        for image in images:
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            command = ["tesseract", "stdin", "stdout", "--psm", "6", "-l", "eng"]
            texts.append(
                subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True).stdout.decode()
            )
        return [(text, True) for text in texts]


def draw_rung(
    rung: Rung, config: NanoTrainingConfig, vocabulary: Vocabulary, cache: Path, count: int
) -> list[TextImage]:
    """Draw a rung's pictures, always the same for the same fonts and text.

    Args:
        rung: what to draw.
        config: the training's fonts.
        vocabulary: the characters that may occur.
        cache: the prose file.
        count: how many.

    Returns:
        The pictures, none of them empty.
    """
    families = config.held_out_families if rung.held_out_fonts else config.families
    config = dataclasses.replace(
        config, families=families, size_px=rung.size_px, prose_share=rung.prose, dictionary_share=rung.dictionary
    )
    source = build_picture_source(config, vocabulary, cache, held_out=True)
    source.wear_strength, source.empty_share = rung.wear, 0.0
    place = RUNGS.index(rung)
    rows = np.random.default_rng((EVALUATION_SEED, place)).integers(rung.rows[0], rung.rows[1] + 1, count)
    return [source.sample((EVALUATION_SEED, place, n), *rung.picture_px, int(rows[n])) for n in range(count)]


def measure(
    rung: Rung, images: Sequence[TextImage], reader: Reader, batch: int = 16
) -> tuple[RungResult, list[dict[str, str]]]:
    """Read a rung's pictures and count the errors.

    Args:
        rung: where the pictures are from.
        images: the pictures.
        reader: the model, or another.
        batch: pictures read at a time.

    Returns:
        The result, and each picture's label and answer.
    """
    begun = time.monotonic()
    pictures = [Image.fromarray(image.pixels) for image in images]
    answers: list[tuple[str, bool]] = []
    for start in range(0, len(images), batch):
        answers += reader.read(pictures[start : start + batch], rung.sliced)
    seconds = time.monotonic() - begun
    labels = [" ".join(image.text.split()) for image in images]
    texts = [" ".join(text.split()) for text, _ in answers]
    errors = np.array([edit_distance(label, text) for label, text in zip(labels, texts, strict=True)])
    lengths = np.array([len(label) for label in labels])
    draws = np.random.default_rng(0).integers(0, len(images), (2000, len(images)))
    low, high = np.percentile(100.0 * errors[draws].sum(1) / lengths[draws].sum(1), (2.5, 97.5))
    result = RungResult(
        name=rung.name,
        pictures=len(images),
        characters=int(lengths.sum()),
        character_error_percent=round(100.0 * float(errors.sum() / lengths.sum()), 2),
        interval_percent=(round(float(low), 2), round(float(high), 2)),
        exact_percent=round(100.0 * float((errors == 0).mean()), 1),
        unfinished_percent=round(100.0 * float(np.mean([not finished for _, finished in answers])), 1),
        characters_per_s=round(float(lengths.sum()) / seconds),
    )
    return result, [{"label": label, "answer": text} for label, text in zip(labels, texts, strict=True)]


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m got_ocr.evaluation.nano", description="Measure the nano checkpoint."
    )
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"), help="the checkpoint's folder")
    parser.add_argument(
        "--config", type=Path, default=Path("configuration/training/nano.yaml"), help="of its training"
    )
    parser.add_argument("--corpus-cache", type=Path, help="the run's corpus.txt, to save collecting prose anew")
    parser.add_argument("--count", type=int, default=200, help="pictures a rung (200)")
    parser.add_argument(
        "--rungs", type=int, nargs="+", default=list(range(len(RUNGS))), help="numbers of the rungs, from 0"
    )
    parser.add_argument("--json", type=Path, help="write results and all answers to this file")
    parser.add_argument("--tesseract", action="store_true", help="measure the installed Tesseract instead")
    options = parser.parse_args()
    config = NanoTrainingConfig.read(options.config)
    vocabulary = Vocabulary(options.model / "qwen.tiktoken")
    reader: Reader = TesseractReader() if options.tesseract else ModelReader(options.model)
    report = []
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.corpus_cache or Path(temporary) / "corpus.txt"
        for place in options.rungs:
            rung = RUNGS[place]
            images = draw_rung(rung, config, vocabulary, cache, options.count)
            result, answers = measure(rung, images, reader)
            low, high = result.interval_percent
            sys.stdout.write(
                f"{result.name}: {result.character_error_percent:.2f} % ({low:.2f} to {high:.2f}) of "
                f"{result.characters} characters in {result.pictures} pictures; {result.exact_percent:.0f} % without "
                f"an error, {result.unfinished_percent:.1f} % unfinished, {result.characters_per_s} characters/s\n"
            )
            sys.stdout.flush()
            report.append({**asdict(result), "answers": answers})
    if options.json:
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
