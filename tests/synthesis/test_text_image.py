"""The renderer: the same seed gives the same picture, and the boxes are where the ink is."""

import numpy as np
import pytest

from got_ocr.synthesis.text.block import set_block
from got_ocr.synthesis.text.corpus import Corpus, TextSource, split_corpus
from got_ocr.synthesis.text.fonts import FontFace, can_draw, select_families
from got_ocr.synthesis.text.text_image import TextImageSource
from tests.support.packaged_fonts import packaged_faces

CORPUS = Corpus(("The quick brown fox jumps over the lazy dog, and 27 hens look on.",), ("Quartz", "vexing", "jumbo"))
ASCII = frozenset(map(chr, range(32, 127)))


@pytest.fixture(scope="module")
def faces() -> list[FontFace]:
    """Upright faces of two families that have all of ASCII."""
    usable: dict[str, FontFace] = {}
    for face in packaged_faces():
        if face.style.split()[-1] in ("Regular", "Book", "Roman") and all(can_draw(face, c) for c in ASCII):
            usable.setdefault(face.family, face)
        if len(usable) == 2:
            break
    return list(usable.values())


def source(faces: list[FontFace], augmentation: float = 1.0) -> TextImageSource:
    return TextImageSource(
        {face.family: [face] for face in faces},
        TextSource(CORPUS),
        augmentation_strength=augmentation,
        empty_share=0.0,
    )


def test_a_seed_decides_everything(faces: list[FontFace]) -> None:
    for seed in range(12):
        first, second = (source(faces, augmentation=2.0).sample((7, seed), 96, 192, 4) for _ in range(2))
        assert first.text == second.text
        np.testing.assert_array_equal(first.pixels, second.pixels)
        np.testing.assert_array_equal(first.boxes, second.boxes)


def test_pictures_differ_between_seeds(faces: list[FontFace]) -> None:
    pictures = {source(faces).sample(seed, 64, 192, 2).pixels.tobytes() for seed in range(8)}
    assert len(pictures) == 8


def test_every_character_has_its_box_inside_the_picture(faces: list[FontFace]) -> None:
    for seed in range(20):
        image = source(faces, augmentation=0.0).sample(seed, 96, 192, 4)
        assert len(image.boxes) == len(image.text)
        if image.text:
            assert (
                image.boxes[:, [0, 1]].min() >= -1 and image.boxes[:, 2].max() <= 192 and image.boxes[:, 3].max() <= 97
            )


def test_ink_lies_in_the_boxes_of_visible_characters(faces: list[FontFace]) -> None:
    for seed in range(20):
        image = source(faces, augmentation=0.0).sample(seed, 64, 192, 2)
        dark = np.abs(image.pixels.astype(int) - int(image.pixels[0, -1])) > 100
        covered = np.zeros_like(dark)
        for character, (x1, y1, x2, y2) in zip(image.text, image.boxes, strict=True):
            x, y = (
                slice(max(0, round(float(x1)) - 1), round(float(x2)) + 1),
                slice(max(0, round(float(y1))), round(float(y2)) + 1),
            )
            covered[y, x] |= not character.isspace()
            if character.isalnum():
                assert dark[y, x].any(), f"no ink in the box of {character!r}, seed {seed}"
        assert (dark & ~covered).sum() <= 0.06 * dark.sum(), f"ink outside of the boxes, seed {seed}"


def test_words_that_a_face_cannot_draw_are_passed_over(faces: list[FontFace]) -> None:
    words = iter(["a", "\U0010fffe", "b", "c", *["d"] * 300])
    block = set_block(np.random.default_rng(0), words, faces[0], 20.0, 64, 192, 1)
    assert "\U0010fffe" not in block.text


def test_a_word_wider_than_the_canvas_is_broken_without_losing_a_letter(faces: list[FontFace]) -> None:
    words = iter(["abcdefghijklmnopqrstuvwxyz" * 2, *["z"] * 300])
    block = set_block(np.random.default_rng(0), words, faces[0], 20.0, 192, 192, 6)
    assert block.text.replace("\n", "").startswith("abcdefghijklmnopqrstuvwxyz")


def test_held_out_text_is_never_in_training() -> None:
    paragraphs = [f"Paragraph number {number} of a book." for number in range(400)]
    training, held_out = (split_corpus(paragraphs, side, ASCII).paragraphs for side in (False, True))
    assert held_out and not set(training) & set(held_out)
    assert set(training) | set(held_out) == set(paragraphs)


def test_text_beyond_the_alphabet_is_left_out() -> None:
    assert split_corpus(["Ελληνικά is Greek."], False, ASCII).paragraphs == ()
    assert split_corpus(["Ελληνικά is Greek."], True, ASCII).paragraphs == ()


def test_unknown_families_are_refused_with_the_way_out(faces: list[FontFace]) -> None:
    with pytest.raises(ValueError, match=r"none of the 1 font families is installed.*No Such Font.*fc-list"):
        select_families(faces, ["No Such Font"])
