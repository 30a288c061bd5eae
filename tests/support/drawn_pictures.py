"""Digests of what the data engine draws, so that a refactor shows that it changes no picture.

python -m tests.support.drawn_pictures > tests/nano/drawn_pictures.json     after a change that is meant
python -m tests.support.drawn_pictures --machine FOLDER                     with this machine's fonts, and all kinds
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import features

from got_ocr.nano.batches import BatchSource, Vocabulary
from got_ocr.nano.config import Canvas, NanoTrainingConfig
from got_ocr.nano.materials import Materials
from got_ocr.synthesis.pages.drawing import draw_page
from got_ocr.synthesis.text.corpus import TextSource
from got_ocr.synthesis.text.fonts import installed_faces
from got_ocr.synthesis.text.formula_lines import FormulaLineSource, math_fonts
from got_ocr.synthesis.text.text_image import TextImageSource
from tests.support.packaged_fonts import PackagedMaterials, packaged_config, packaged_faces, write_corpus

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configuration" / "training" / "nano.yaml"
VOCABULARY = ROOT / "got_ocr" / "assets" / "nano" / "qwen.tiktoken"
TIERS = (
    *("lines", "paragraphs", "paragraphs-unseen", "paragraphs-degraded", "pages", "box", "colour", "multi-page"),
    *("blank", "non-text", "lines-worn", "words", "symbols", "canvas"),
)
CANVASES = (
    Canvas(height=64, rows=3, batch=4, weight=1.0),
    Canvas(height=192, rows=3, batch=3, weight=1.0),
    Canvas(height=64, rows=2, batch=4, weight=1.0, slices=True),
    Canvas(height=192, rows=2, batch=3, weight=1.0, slices=True, formulas=True),
)


def libraries() -> dict[str, str]:
    """Name the versions of what draws: other ones may round a pixel otherwise."""
    versions = {"pillow": PIL.__version__, "numpy": np.__version__}
    return versions | {name: str(features.version(name)) for name in ("freetype2", "libjpeg_turbo")}


def digest(*parts: Any) -> str:
    """Sum up pictures, arrays and texts.

    Args:
        parts: PIL pictures, arrays, tensors, or what has a repr of its own.

    Returns:
        16 hexadecimal digits.
    """
    total = hashlib.sha256()
    for part in parts:
        if hasattr(part, "tobytes"):
            total.update(repr((part.mode, part.size) if hasattr(part, "mode") else part.shape).encode())
            total.update(part.tobytes())
        elif hasattr(part, "numpy"):
            total.update(part.numpy().tobytes())
        else:
            total.update(repr(part).encode())
    return total.hexdigest()[:16]


def digest_tiers(find: Callable[[list[str]], list[Any]], materials: Materials, count: int) -> dict[str, str]:
    """Draw questions of each benchmark tier.

    Args:
        find: gives tiers by their keys.
        materials: fonts and text.
        count: questions a tier.

    Returns:
        Digest by tier and number.
    """
    found = {}
    for tier in find(list(TIERS)):
        for number in range(count):
            question = tier.question(materials, number)
            parts = (*question.pages, question.texts, question.box, question.color)
            found[f"{tier.key} {number}"] = digest(*parts)
    return found


def digest_training(source: TextImageSource, vocabulary: Path, steps: int) -> dict[str, str]:
    """Draw training batches.

    Args:
        source: of the pictures.
        vocabulary: rank file.
        steps: how many.

    Returns:
        Digest by step.
    """
    batches = BatchSource(source, Vocabulary(vocabulary), 192, 8, seed=20)
    found = {}
    for step in range(steps):
        batch = batches.batch(step, 0, CANVASES, 0.5 + 0.5 * (step % 2), formats=0.5)
        parts = (batch.grey, batch.answer, batch.token, batch.slot, batch.chosen, batch.labels, batch.instruction)
        found[f"training {step}"] = digest(batch.first_row, *parts)
    return found


def draw_packaged(folder: Path) -> dict[str, str]:
    """Draw with matplotlib's fonts: alike on every machine with the same libraries.

    Args:
        folder: for the text.

    Returns:
        Digests.
    """
    from got_ocr.nano import tiers

    find = tiers.find_tiers
    corpus = write_corpus(folder / "corpus.txt")
    materials = PackagedMaterials(packaged_config(NanoTrainingConfig.read(CONFIG)), corpus)
    resources = materials.known
    found = digest_tiers(find, materials, 3)
    for number in range(4):
        page = draw_page(np.random.default_rng(number), resources)
        found[f"page {number}"] = digest(page.image, page.blocks, page.decorations, page.layout)
    text = TextSource(resources.corpus, 0.7, 0.15)
    lines = FormulaLineSource(math_fonts(packaged_faces()))
    source = TextImageSource(resources.text_families, text, (17.0, 26.0), 0.75, 0.05, formula_lines=lines)
    return found | digest_training(source, VOCABULARY, 16)


def draw_with_machine(folder: Path) -> dict[str, str]:
    """Draw with the machine's fonts and prose, and every kind of the data engine too.

    Args:
        folder: for the collected prose, kept there.

    Returns:
        Digests.
    """
    from got_ocr.nano import tiers
    from got_ocr.nano.trainer import build_batch_source
    from got_ocr.synthesis.engine import iter_samples
    from got_ocr.synthesis.kinds import KINDS
    from got_ocr.synthesis.resources import Resources

    find = tiers.find_tiers
    config = NanoTrainingConfig.read(CONFIG)
    _, batches = build_batch_source(config, folder / "corpus.txt", held_out=False, seed=20)
    found = digest_training(batches.pictures, VOCABULARY, 24)
    found |= digest_tiers(find, Materials(config, folder / "corpus.txt"), 6)
    for kind in KINDS:
        try:
            samples = list(iter_samples(kind, Resources(corpus_cache=folder / "corpus.txt"), seed=3, count=3))
        except (ValueError, OSError) as error:
            sys.stderr.write(f"{kind}: {error}\n")
            continue
        for number, sample in enumerate(samples):
            # What a browser draws isn't the same to the bit from run to run.
            found[f"{kind} {number}"] = digest(*sample.images, sample.turns)
    assert installed_faces()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", type=Path, help="draw with the machine's fonts; folder for its prose")
    options = parser.parse_args()
    if options.machine:
        options.machine.mkdir(parents=True, exist_ok=True)
        drawn = draw_with_machine(options.machine)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            drawn = draw_packaged(Path(temporary))
    json.dump({"libraries": libraries(), "digests": drawn}, sys.stdout, indent=1)
    sys.stdout.write("\n")
