"""Degradations: the generator decides, the size stays, and people can still read the result."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from got_ocr.synthesis.degradation.degradations import (
    DEFAULT_DEGRADATIONS,
    DEGRADATIONS,
    degrade,
    degrade_share,
    detail_kept,
)
from got_ocr.synthesis.text.fonts import load_font
from tests.support.packaged_fonts import packaged_faces


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Lines of text in sizes from 14 px, dark blue on cream, with wide margins."""
    image = Image.new("RGB", (420, 300), (250, 244, 230))
    draw = ImageDraw.Draw(image)
    face = next(face for face in packaged_faces() if face.style.split()[-1] in ("Regular", "Book", "Roman"))
    for row, size_px in enumerate((14.0, 16.0, 18.0, 20.0, 24.0, 30.0)):
        draw.text((40, 30 + row * 38), "Pack my box with five dozen", (20, 20, 60), font=load_font(face, size_px))
    return image


def inked_share(image: Image.Image) -> float:
    grey = np.asarray(image.convert("L"), dtype=float)
    return float((grey < 128).mean())


@pytest.mark.parametrize("name", DEFAULT_DEGRADATIONS)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_degradation_is_decided_by_its_generator(picture: Image.Image, name: str, strength: float) -> None:
    before = picture.tobytes()
    for seed in range(6):
        first, second = (DEGRADATIONS[name](picture, np.random.default_rng(seed), strength) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert first.size == picture.size and first.mode == "RGB"
    assert picture.tobytes() == before


@pytest.mark.parametrize("name", [name for name in DEFAULT_DEGRADATIONS if not DEGRADATIONS[name].moves_ink])
def test_a_degraded_picture_stays_legible(picture: Image.Image, name: str) -> None:
    changed = 0
    for seed in range(12):
        degraded = DEGRADATIONS[name](picture, np.random.default_rng(seed))
        assert detail_kept(picture, degraded) >= 0.78
        grey = np.asarray(degraded.convert("L"), dtype=float)
        assert np.percentile(grey, 90) - np.percentile(grey, 1) > 60
        changed += degraded.tobytes() != picture.tobytes()
    assert changed == 12


def test_light_text_on_dark_stays_legible(picture: Image.Image) -> None:
    dark = Image.fromarray(255 - np.asarray(picture))
    for name, degradation in DEGRADATIONS.items():
        if not degradation.moves_ink:
            assert detail_kept(dark, degradation(dark, np.random.default_rng(1))) >= 0.78, name


def test_skew_keeps_all_ink(picture: Image.Image) -> None:
    framed = picture.copy()
    ImageDraw.Draw(framed).rectangle((2, 2, 417, 297), outline=(0, 0, 0), width=3)
    for seed in range(8):
        degraded, applied = degrade(framed, np.random.default_rng(seed), ["skew"])
        assert abs(applied[0]["degrees"]) <= 3.0
        edges = np.asarray(degraded.convert("L"))
        border = np.concatenate([edges[0], edges[-1], edges[:, 0], edges[:, -1]])
        assert (border < 100).mean() < 0.03 or abs(applied[0]["degrees"]) < 0.3
        assert inked_share(degraded) > 0.8 * inked_share(framed)


def test_strength_grows(picture: Image.Image) -> None:
    for name in ("ink-fade", "shadow", "uneven-light", "scan-noise", "paper-texture", "bleed-through"):

        def distance(strength: float, name: str = name) -> float:
            degraded = DEGRADATIONS[name](picture, np.random.default_rng(2), strength)
            return float(np.abs(np.asarray(degraded, dtype=float) - np.asarray(picture, dtype=float)).mean())

        assert distance(0.1) < distance(0.5) < distance(1.0), name


def test_degradations_are_composed_in_order(picture: Image.Image) -> None:
    names = ["compression", "shadow", "scan-noise"]
    degraded, applied = degrade(picture, np.random.default_rng(4), names, 0.7)
    assert [entry["name"] for entry in applied] == names
    assert 20 <= applied[0]["quality"] <= 95
    rng = np.random.default_rng(4)
    by_hand = picture
    for name in names:
        by_hand = DEGRADATIONS[name](by_hand, rng, 0.7)
    assert by_hand.tobytes() == degraded.tobytes()


def test_a_share_of_pictures_is_degraded(picture: Image.Image) -> None:
    results = [degrade_share(picture, np.random.default_rng(seed), DEFAULT_DEGRADATIONS)[1] for seed in range(60)]
    assert 20 <= sum(bool(applied) for applied in results) <= 50
    for applied in results:
        names = [entry["name"] for entry in applied]
        assert len(names) <= 3 and names == [name for name in DEGRADATIONS if name in names]
        assert sum(DEGRADATIONS[name].softens for name in names) <= 1
    for seed in range(40):
        rng = np.random.default_rng(seed)
        assert all(
            entry["name"] != "skew"
            for entry in degrade_share(picture, rng, DEFAULT_DEGRADATIONS, share=1.0, keep_places=True)[1]
        )
    same, applied = degrade_share(picture, np.random.default_rng(1), ())
    assert same is picture and applied == []


def test_pictures_of_odd_sizes_are_no_trouble() -> None:
    for size in ((7, 5), (600, 24), (24, 600), (1, 1)):
        image = Image.new("RGB", size, (200, 220, 240))
        for name, degradation in DEGRADATIONS.items():
            assert degradation(image, np.random.default_rng(3)).size == size, name


def test_mistakes_are_named(picture: Image.Image) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="there is no degradation 'coffee': choose from ink-fade, bleed-through"):
        degrade(picture, rng, ["coffee"])
    with pytest.raises(ValueError, match=r"must be 0 to 1, got 1\.5"):
        degrade(picture, rng, ["blur"], 1.5)
    with pytest.raises(ValueError, match="needs an RGB picture, got mode L"):
        degrade(picture.convert("L"), rng, ["blur"])
