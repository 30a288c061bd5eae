"""Clutter: ink that is not text."""

import numpy as np
import pytest

from got_ocr.synthesis.degradation.clutter import draw_clutter
from got_ocr.synthesis.text.corpus import Corpus, TextSource
from got_ocr.synthesis.text.fonts import can_draw
from got_ocr.synthesis.text.text_image import TextImageSource
from tests.support.packaged_fonts import packaged_faces


@pytest.mark.parametrize("shape", [(32, 192), (64, 192), (192, 192), (16, 16)])
def test_a_seed_decides_the_picture_and_ink_stays_on_paper(shape: tuple[int, int]) -> None:
    inked = 0
    for seed in range(40):
        one, other = (draw_clutter(np.random.default_rng(seed), *shape) for _ in range(2))
        np.testing.assert_array_equal(one, other)
        assert one.shape == shape and one.dtype == np.uint8
        inked += bool((one > 100).any())
    assert inked > 20


def test_pictures_without_text_have_an_empty_answer_and_mostly_ink() -> None:
    face = next(face for face in packaged_faces() if all(can_draw(face, character) for character in "someword"))
    source = TextImageSource(
        {face.family: [face]},
        TextSource(Corpus(("some words to set",), ("some", "words")), prose=1.0, dictionary=0.0),
        augmentation_strength=0.0,
        empty_share=1.0,
    )
    pictures = [source.sample(seed, 64, 192, 2, slices=True) for seed in range(30)]
    assert all(picture.text == "" and picture.boxes.shape == (0, 4) for picture in pictures)
    assert sum(np.ptp(picture.pixels.astype(int)) > 80 for picture in pictures) > 15
