"""Fonts and text that come with the Python packages, so that tests draw the same pictures on every machine.

matplotlib brings DejaVu and STIX as files; the text is made of a few words. Nothing of the machine's own is looked at.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import matplotlib
import numpy as np

from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.nano.materials import Materials
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.corpus import Corpus, split_corpus
from got_ocr.synthesis.text.fonts import FontFace

FONT_FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
KNOWN_FAMILIES = ("DejaVu Sans", "DejaVu Serif", "STIXGeneral")
HELD_OUT_FAMILIES = ("DejaVu Sans Mono",)
FONT_FILES = tuple(sorted(path for path in FONT_FOLDER.glob("*.ttf") if path.name.startswith(("DejaVuS", "STIXGen"))))
_WORDS = [
    *(
        "river",
        "stone",
        "under",
        "the",
        "quiet",
        "bridge",
        "never",
        "asks",
        "why",
        "morning",
        "comes",
        "slowly",
        "over",
    ),
    *("seven", "hills", "and", "nobody", "hears", "it", "while", "many-coloured", "boats", "(some", "of", "them"),
    *("empty)", "go", "by:", "it's", "1847,", "or", "later;", "who", "knows?", "Rhône", "Über", "naïve"),
]


class PackagedResources(Resources):
    """Resources whose fonts are matplotlib's, and whose words are its text's own, whatever the machine has."""

    @cached_property
    def corpus(self) -> Corpus:
        """Paragraphs of the file given that are on the chosen side of the split."""
        assert self.corpus_cache is not None
        alphabet = frozenset("".join(_WORDS)) | frozenset(" .ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        paragraphs = self.corpus_cache.read_text(encoding="utf-8").splitlines()
        return replace(split_corpus(paragraphs, self.held_out, alphabet), words=tuple(sorted(set(_WORDS))))


class PackagedMaterials(Materials):
    """The benchmark's materials with matplotlib's fonts."""

    @cached_property
    def known(self) -> Resources:
        """Fonts that training draws with."""
        return packaged_resources(self.corpus, tuple(self.config.families))

    @cached_property
    def unseen(self) -> Resources:
        """Fonts that training never draws with."""
        return packaged_resources(self.corpus, tuple(self.config.held_out_families))


def packaged_resources(corpus: Path, families: tuple[str, ...] = KNOWN_FAMILIES) -> Resources:
    """Give resources of some of matplotlib's families.

    Args:
        corpus: one paragraph a line.
        families: their names.

    Returns:
        The resources.
    """
    return PackagedResources(corpus_cache=corpus, font_files=FONT_FILES, font_families=families, held_out=True)


def packaged_config(config: NanoTrainingConfig) -> NanoTrainingConfig:
    """Put matplotlib's families in the place of a configuration's.

    Args:
        config: of the training.

    Returns:
        The same with other fonts.
    """
    return replace(config, families=KNOWN_FAMILIES, held_out_families=HELD_OUT_FAMILIES)


def write_corpus(path: Path, paragraphs: int = 600) -> Path:
    """Write paragraphs of chance words.

    Args:
        path: of the file.
        paragraphs: how many.

    Returns:
        The file.
    """
    rng = np.random.default_rng(1)
    text = [" ".join(rng.choice(_WORDS, 30)).capitalize() + "." for _ in range(paragraphs)]
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def packaged_faces() -> list[FontFace]:
    """List matplotlib's faces.

    Returns:
        Sorted by family, style and file.
    """
    resources = packaged_resources(Path("unused"))
    return [face for faces in resources.text_families.values() for face in faces]
