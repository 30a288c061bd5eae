"""Batches for training nano: rendered pictures with token ids and the targets of the dense losses.

B: pictures; L: answer tokens; R, S: slot rows and slot columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import tiktoken
import torch
from torch import Tensor

from got_ocr.nano.config import FORMAT_SHARE, Canvas
from got_ocr.nano.dense import IGNORED, balanced_slots, slot_labels, token_positions
from got_ocr.nano.network import GREY_MEAN, GREY_STD
from got_ocr.processing.prompt import IMAGE_PAD, TURN_END, chat_prompt
from got_ocr.processing.tokenizer import SPECIAL_TOKENS, SPLIT_PATTERN, read_ranks
from got_ocr.synthesis.text.formula_lines import CLOSE, OPEN
from got_ocr.synthesis.text.text_image import TextImage, TextImageSource

# Instructions and how often they are drawn, for plain text and for formatted text.
PLAIN_INSTRUCTIONS = {"OCR: ": 0.95, "OCR upon the patch reference: ": 0.05}
FORMAT_INSTRUCTIONS = {
    "OCR with format: ": 0.86,
    "OCR with format upon the patch reference: ": 0.07,
    "OCR with format across multi pages: ": 0.07,
}
SPACED_SIGNS = frozenset("=<>≤≥≠≈≡∼→∈⊂∪∩+−±×·")  # With white on both sides, but for scripts.
FORMULA_SHARE = 0.7  # of the pictures to be read with format; the others are plain text


class Vocabulary:
    """A character vocabulary and the prompt in its ids."""

    def __init__(self, rank_file: Path) -> None:
        """Read the ranks.

        Args:
            rank_file: in tiktoken's format.

        Raises:
            ValueError: the file doesn't exist.
        """
        if not rank_file.exists():
            raise ValueError(f"{rank_file} doesn't exist: write it with `python processing/build_nano_vocabulary.py`")
        tokens = read_ranks(rank_file)
        ranks = {token: rank for rank, token in enumerate(tokens)}
        self.special = {token: len(ranks) + number for number, token in enumerate(SPECIAL_TOKENS)}
        self.encoding = tiktoken.Encoding(
            rank_file.stem, pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens=self.special
        )
        printable = [chr(code) for code in range(32, 127)]
        self.alphabet = frozenset(printable + [token.decode() for token in ranks if _is_character(token)])
        self.ids = {character: self.encoding.encode_ordinary(character)[0] for character in (*self.alphabet, "\n")}
        self.characters = len(ranks)

    @property
    def size(self) -> int:
        """All tokens, specials included."""
        return self.encoding.n_vocab

    @property
    def end_id(self) -> int:
        """The token that ends an answer."""
        return self.special[TURN_END]

    def encode_prompt(self, instruction: str) -> tuple[Tensor, Tensor]:
        """Encode a prompt for one image.

        Args:
            instruction: of the program's own, never a user's.

        Returns:
            (P,) int64 before the image tokens, and (T,) int64 behind them.
        """
        text = chat_prompt(instruction, num_images=1, image_token_len=1)
        before, behind = (self.encoding.encode(part, allowed_special="all") for part in text.split(IMAGE_PAD))
        return torch.tensor(before), torch.tensor(behind)


def _is_character(token: bytes) -> bool:
    try:
        return len(token) > 1 and len(token.decode("utf-8")) == 1
    except UnicodeDecodeError:
        return False


@dataclass(frozen=True)
class Batch:
    """Pictures and what the model should make of them.

    Attributes:
        grey: (B, 1, height, width) float32.
        first_row: patch row of the canvas at which the pictures begin.
        answer: (B, L) int64 token ids closed by `<|im_end|>`, then IGNORED.
        token: (B, L) int64 image token of each character, IGNORED where there is none.
        slot: (B, L) int64 slot within that token, IGNORED likewise.
        chosen: (M,) int64 slots to score, numbered over (B, R, S).
        labels: (M,) int64 their classes.
        instruction: ids behind the image tokens.
        characters: of all answers.
    """

    grey: Tensor
    first_row: int
    answer: Tensor
    token: Tensor
    slot: Tensor
    chosen: Tensor
    labels: Tensor
    instruction: Tensor
    characters: int

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor.

        Args:
            device: where to.

        Returns:
            The batch there.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: one.to(device) for name, one in values.items() if isinstance(one, Tensor)})


def without_latex(image: TextImage) -> TextImage:
    """Take the source of formulas out of a picture's answer and leave what is seen, sign by sign.

    Args:
        image: whose formulas stand between delimiters and say in `shown` what is drawn.

    Returns:
        The same picture with a plain answer: a power is the digit behind its letter, spaces stand around relations.
    """
    kept: list[tuple[str, int]] = []
    inside = False
    at = 0
    heights = image.boxes[:, 3] - image.boxes[:, 1]  # of scripts they are lower: no spaces in x^{n-1}
    while at < len(image.text):
        pair = image.text[at : at + 2]
        if pair in (OPEN, CLOSE):
            inside = pair == OPEN
            at += 2
            continue
        character, shown = image.text[at], image.shown[at]
        if not inside:
            kept.append((character, at))
        elif not shown.isspace():
            spaced = shown in SPACED_SIGNS and heights[at] > 0.85 * heights.max()
            kept += [(" ", at)] if spaced and kept and not kept[-1][0].isspace() else []
            kept.append((shown, at))
            kept += [(" ", at)] if spaced else []
        at += 1
    while kept and kept[-1][0] == " ":
        kept.pop()
    clean = [one for number, one in enumerate(kept) if not _is_stray(kept, number)]
    text = "".join(character for character, _ in clean)
    boxes = image.boxes[[place for _, place in clean]] if clean else image.boxes[:0]
    # What is seen stays what the dense losses ask for, a gap between two formulas' signs aside.
    return replace(image, text=text, boxes=boxes, shown="")


def _is_stray(characters: Sequence[tuple[str, int]], number: int) -> bool:
    """Whether a space stands at a row's begin or end, or behind another one."""
    if characters[number][0] != " ":
        return False
    before = characters[number - 1][0] if number else "\n"
    after = characters[number + 1][0] if number + 1 < len(characters) else "\n"
    return before in " \n" or after == "\n"


class BatchSource:
    """Makes the batch of any step: a pure function of the seed, the step and the process."""

    def __init__(
        self,
        pictures: TextImageSource,
        vocabulary: Vocabulary,
        canvas_px: int,
        patch_px: int,
        seed: int,
        plain_formula_share: float = 0.0,
    ) -> None:
        """Set what the batches are made of.

        Args:
            pictures: draws them.
            vocabulary: encodes their text.
            canvas_px: side of the model's input.
            patch_px: side of a patch.
            seed: of everything.
            plain_formula_share: of the slices to be read as plain text, those that show formulas all the same; their
                answer has no LaTeX.
        """
        self.plain_formula_share = plain_formula_share
        self.pictures = pictures
        self.vocabulary = vocabulary
        self.canvas_px = canvas_px
        self.patch_px = patch_px
        self.seed = seed
        known = (*PLAIN_INSTRUCTIONS, *FORMAT_INSTRUCTIONS)
        self.tails = {instruction: vocabulary.encode_prompt(instruction)[1] for instruction in known}

    def batch(
        self, step: int, rank: int, canvases: Sequence[Canvas], variety: float, formats: float = FORMAT_SHARE
    ) -> Batch:
        """Make a batch.

        Args:
            step: of the run.
            rank: of the process; the canvas, its place and the instruction are the same for all.
            canvases: what the stage draws.
            variety: see `TextImageSource.sample`.
            formats: share of the batches that are to be read with format. Those of slices show formulas too, where the
                source has a setter for them.

        Returns:
            The batch.
        """
        shared = np.random.default_rng((self.seed, step))
        weights = np.array([canvas.weight for canvas in canvases])
        canvas = canvases[shared.choice(len(canvases), p=weights / weights.sum())]
        places = 1 if canvas.slices else (self.canvas_px - canvas.height) // 32 + 1
        first_row = int(shared.integers(places)) * (32 // self.patch_px)
        formatted = bool(shared.random() < formats)
        instructions = FORMAT_INSTRUCTIONS if formatted else PLAIN_INSTRUCTIONS
        instruction = list(instructions)[shared.choice(len(instructions), p=list(instructions.values()))]
        tail = self.tails[instruction]
        own = np.random.default_rng((self.seed, step, rank))
        rows = np.where(own.random(canvas.batch) < 0.5, canvas.rows, own.integers(1, canvas.rows + 1, canvas.batch))
        share = FORMULA_SHARE if formatted else self.plain_formula_share
        formulas = own.random(canvas.batch) < share * canvas.formulas
        images = []
        for number, count in enumerate(rows.tolist()):
            entropy, size = (self.seed, step, rank, number), (canvas.height, self.canvas_px)
            image = self.pictures.sample(
                entropy, *size, count, variety, canvas.slices, formulas=bool(formulas[number])
            )
            images.append(image if formatted or not formulas[number] else without_latex(image))
        generator = torch.Generator().manual_seed(hash((self.seed, step, rank)) & 0x7FFFFFFF)
        return self._collate(images, first_row, tail, generator)

    def _class(self, character: str) -> int:
        """The class of what is drawn: its token, or its last byte's, which no text has, of a sign without one."""
        if character.isspace():
            return 0
        return self.vocabulary.ids.get(character) or character.encode()[-1]

    def _encode(self, image: TextImage) -> tuple[np.ndarray, np.ndarray]:
        """Token ids of an answer and each one's box; a character without a token is written byte by byte."""
        ids = [
            [self.vocabulary.ids[character]]
            if character in self.vocabulary.ids
            else self.vocabulary.encoding.encode_ordinary(character)
            for character in image.text
        ]
        counts = np.array([len(one) for one in ids], dtype=np.int64)
        return np.array([one for some in ids for one in some], dtype=np.int64), image.boxes.repeat(counts, axis=0)

    def _collate(self, images: list[TextImage], first_row: int, tail: Tensor, generator: torch.Generator) -> Batch:
        height, width = images[0].pixels.shape
        encoded = [self._encode(image) for image in images]
        length = 1 + max(len(ids) for ids, _ in encoded)
        answer, token, slot = (torch.full((len(images), length), IGNORED) for _ in range(3))
        labels = []
        for row, image in enumerate(images):
            ids, boxes = encoded[row]
            count = len(ids)
            answer[row, :count] = torch.from_numpy(ids)
            answer[row, count] = self.vocabulary.end_id
            tokens, slots = token_positions(boxes, height, width)
            token[row, :count], slot[row, :count] = (torch.from_numpy(tokens), torch.from_numpy(slots))
            classes = np.array([self._class(character) for character in image.shown or image.text], dtype=np.int64)
            labels.append(torch.from_numpy(slot_labels(image.boxes, classes, height, width)))
        stacked = torch.stack(labels)
        chosen = balanced_slots(stacked, generator)
        pixels = torch.from_numpy(np.stack([image.pixels for image in images])).float()[:, None]
        return Batch(
            grey=(pixels / 255.0 - GREY_MEAN) / GREY_STD,
            first_row=first_row,
            answer=answer,
            token=token,
            slot=slot,
            chosen=chosen,
            labels=stacked.flatten()[chosen],
            instruction=tail,
            characters=sum(len(image.text) + 1 for image in images),
        )
