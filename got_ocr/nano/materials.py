"""Fonts and text that the benchmark's pictures are drawn with."""

from functools import cached_property
from pathlib import Path

from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.corpus import load_corpus


class Materials:
    """Fonts and text of the evaluation, loaded on first use.

    Attributes:
        config: the training's, for its lists of fonts.
        corpus: prose, one paragraph a line, in the checkpoint's alphabet.
        uw3: folder of real scanned lines (pictures with .gt.txt beside), or None.
    """

    def __init__(self, config: NanoTrainingConfig, corpus: Path, uw3: Path | None = None) -> None:
        self.config = config
        self.corpus = corpus
        self.uw3 = uw3

    @cached_property
    def known(self) -> Resources:
        """Fonts that training draws with."""
        return Resources(corpus_cache=self.corpus, font_families=tuple(self.config.families), held_out=True)

    @cached_property
    def unseen(self) -> Resources:
        """Fonts that training never draws with."""
        return Resources(corpus_cache=self.corpus, font_families=tuple(self.config.held_out_families), held_out=True)

    @cached_property
    def scans(self) -> list[Path]:
        """The real scanned lines' pictures.

        Raises:
            ValueError: there are none.
        """
        found = sorted(self.uw3.glob("*.png")) if self.uw3 else []
        found = [path for path in found if truth_file(path).exists()]
        if not found:
            raise ValueError(f"{self.uw3} holds no pictures with texts: name a folder of NAME.png with NAME.gt.txt")
        return found


def truth_file(picture: Path) -> Path:
    """Tell where the text of a scanned line lies.

    Args:
        picture: NAME.png or NAME.bin.png.

    Returns:
        NAME.gt.txt.
    """
    return picture.with_name(picture.name.split(".")[0] + ".gt.txt")


def freeze_corpus(source: Path, target: Path, alphabet: frozenset[str]) -> None:
    """Write the paragraphs that a checkpoint has the characters for, so that a resumed run draws the same text.

    Args:
        source: the cache of prose (see `load_corpus`), which is written first if it doesn't exist.
        target: the file to write; left as it is if it exists.
        alphabet: the checkpoint's characters.
    """
    if target.exists():
        return
    paragraphs = [paragraph for paragraph in load_corpus(source) if alphabet.issuperset(paragraph)]
    temporary = target.with_suffix(".tmp")
    temporary.write_text("\n".join(paragraphs), encoding="utf-8")
    temporary.replace(target)
