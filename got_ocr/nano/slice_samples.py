"""Turn pages and their text into training samples for a checkpoint that reads slices, such as the built-in one.

    python -m got_ocr.nano.slice_samples my_pages.json --output slices [--model nano]

Such a checkpoint sees a few pieces of lines at a time (`slicing` in its config.json), so it is trained on those: each
page is cut as `chat` cuts it, and its text is given to the pieces. The words stay in order, and of all ways to part
them that one is taken which agrees best with what the checkpoint itself reads on the pieces and with the pieces'
widths: it need not read well for that. Slices on which reading and text have too little in common are left out and
counted: a page whose text isn't what stands on it would teach nonsense.

A full-size checkpoint needs none of this: it is trained on whole pages.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_ocr.evaluation.distances import edit_distance
from got_ocr.evaluation.samples import load_samples
from got_ocr.synthesis.sample import Sample, Turn

if TYPE_CHECKING:
    from PIL import Image

    from got_ocr.slices.sliced_page import SlicedPage

# A run of words may miss its piece's expected length by this factor before it is no candidate.
LENGTH_REACH = 2.5
# Weight of a character too much or too little beside a character read wrongly.
LENGTH_WEIGHT = 0.15
# A slice is left out if more than this share of its characters differs from what was read.
MOST_DIFFERENT = 0.7


@dataclass(frozen=True)
class SliceText:
    """What stands on a slice.

    Attributes:
        image: the slice.
        text: its pieces' texts, one a line.
        difference: edit distance between text and reading over the longer one's length.
    """

    image: "Image.Image"
    text: str
    difference: float


def part_words(words: Sequence[str], readings: Sequence[str], widths: Sequence[float]) -> list[str]:
    """Part a text's words among the pieces of its page.

    Args:
        words: the text's words in order.
        readings: what was read on each piece, in reading order.
        widths: width of each piece, in any unit.

    Returns:
        A text for each piece; all words are used, in order.
    """
    pieces = len(readings)
    if not pieces or not words:
        return [""] * pieces
    unit = sum(widths) / (sum(map(len, words)) + len(words))
    expected = [width / unit for width in widths]
    infinite = float("inf")
    # best[i][j]: cost of giving the first j words to the first i pieces.
    best = [[infinite] * (len(words) + 1) for _ in range(pieces + 1)]
    came_from = [[0] * (len(words) + 1) for _ in range(pieces + 1)]
    best[0][0] = 0.0
    for piece in range(pieces):
        longest = LENGTH_REACH * expected[piece] + 4
        for begin in range(len(words) + 1):
            if best[piece][begin] == infinite:
                continue
            run = ""
            for end in range(begin, len(words) + 1):
                if end > begin:
                    run = f"{run} {words[end - 1]}" if run else words[end - 1]
                if len(run) > longest and end > begin + 1:
                    break
                cost = best[piece][begin] + edit_distance(run, readings[piece])
                cost += LENGTH_WEIGHT * abs(len(run) - expected[piece])
                if cost < best[piece + 1][end]:
                    best[piece + 1][end], came_from[piece + 1][end] = cost, begin
    end = len(words)
    if best[pieces][end] == infinite:
        return [""] * pieces  # far more text than the pieces could hold
    texts = []
    for piece in range(pieces, 0, -1):
        begin = came_from[piece][end]
        texts.append(" ".join(words[begin:end]))
        end = begin
    return texts[::-1]


def slice_texts(page: "SlicedPage", text: str, readings: Sequence[str]) -> list[SliceText]:
    """Give a page's text to its slices.

    Args:
        page: the page as it was cut.
        text: all that stands on it, in reading order.
        readings: what a checkpoint read on each slice.

    Returns:
        The slices in order, but for those that hold a piece of a broken word.
    """
    from got_ocr.slices.joining import spread_slices

    parts = spread_slices(page, readings)
    widths = [piece.slice_box[2] - piece.slice_box[0] for piece in page.pieces]
    texts = part_words(text.split(), parts, widths)
    found = []
    for number, image in enumerate(page.slices):
        places = [index for index, piece in enumerate(page.pieces) if piece.slice_index == number]
        # A piece that begins within a word can't be told its share of the word; nor can the piece before it.
        following = [page.pieces[index + 1] for index in places if index + 1 < len(page.pieces)]
        if any(page.pieces[index].joined for index in places) or any(piece.joined for piece in following):
            continue
        own = "\n".join(texts[index] for index in places if texts[index])
        reading = "\n".join(parts[index] for index in places if parts[index])
        found.append(SliceText(image, own, edit_distance(own, reading) / max(len(own), len(reading), 1)))
    return found


def cut_samples(model: Any, processor: Any, pages: Sequence[tuple["Image.Image", str]]) -> tuple[list[Sample], int]:
    """Cut pages with their text into training samples.

    Args:
        model: a checkpoint that reads slices.
        processor: its processor.
        pages: pictures and what stands on them.

    Returns:
        The samples, and how many slices were left out.

    Raises:
        ValueError: the checkpoint doesn't read slices.
    """
    from got_ocr.configuration.slicing import SlicingOptions
    from got_ocr.processing.prompt import instruction
    from got_ocr.slices.slicing import slice_page

    if not model.config.slicing:
        raise ValueError("this checkpoint reads whole pages (its config.json has no `slicing`): train it on pages")
    # Training shows whole canvases; how high one is doesn't change what stands on it.
    options = replace(SlicingOptions.from_dict(model.config.slicing), canvas_heights_px=())
    samples, left_out = [], 0
    for number, (image, text) in enumerate(pages):
        page = slice_page(image, options, model.config.vision_config.image_size)
        readings = [answer.text for answer in model.read(processor, [image])[0].slices]
        slices = slice_texts(page, text, readings)
        left_out += len(page.slices) - len(slices)
        for part in slices:
            if not part.text or part.difference > MOST_DIFFERENT:
                left_out += 1
                continue
            source = {"page": number, "difference": round(part.difference, 3)}
            samples.append(Sample("slices", (part.image,), (Turn(instruction(), part.text),), source))
    return samples, left_out


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: without the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m got_ocr.nano.slice_samples", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", help="pages with their text: a conversation file, or a folder of page.png + page.txt")
    parser.add_argument("--output", type=Path, required=True, help="folder for conversations.json and slices")
    parser.add_argument("--model", default="nano", help="the checkpoint to be trained: nano, a folder or a Hub id")
    options = parser.parse_args(arguments)
    from tqdm import tqdm

    from got_ocr.hub.cache import BUILTIN_CHECKPOINT
    from got_ocr.processing.processor import GotOcrProcessor
    from got_ocr.reading.model import GotOcrForConditionalGeneration

    name = BUILTIN_CHECKPOINT if options.model == "nano" else options.model
    model = GotOcrForConditionalGeneration.from_pretrained(name).eval()
    processor = GotOcrProcessor.from_pretrained(name)
    images = options.output / "images"
    images.mkdir(parents=True, exist_ok=True)
    conversations: list[dict[str, Any]] = []
    left_out = 0
    for sample in tqdm(load_samples(options.data), unit="page", disable=None):
        cut, dropped = cut_samples(model, processor, [(sample.load()[0], sample.label)])
        left_out += dropped
        for part in cut:
            file = f"images/{len(conversations):06d}.png"
            part.images[0].save(options.output / file)
            conversations.append({"image": file, "conversations": part.conversation()})
    (options.output / "conversations.json").write_text(
        json.dumps(conversations, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    sys.stderr.write(f"{options.output}: {len(conversations)} slices; {left_out} left out\n")
    return 0 if conversations else 1


if __name__ == "__main__":
    sys.exit(main())
