"""What the kinds draw with: fonts of the machine or the user's own, and text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import ImageFont

from got_ocr.synthesis.text.chinese import chinese_corpus, chinese_families
from got_ocr.synthesis.text.corpus import Corpus, load_corpus, split_corpus
from got_ocr.synthesis.text.fonts import FontFace, installed_faces, select_families

# Families that look written by hand; all in Debian (see .ci/system-packages).
HANDWRITING_FAMILIES = (
    "Breip",
    "DkgHandwriting",
    "femkeklaver",
    "Isabella",
    "Kristi",
    "TeX Gyre Chorus",
    "Z003",
)
CHINESE_HANDWRITING_FAMILIES = ("AR PL KaitiM GB", "AR PL UKai CN", "LXGW WenKai")
# Not for running text: symbols, ornaments, other scripts under a Latin name.
_UNSUITABLE = ("symbol", "dingbat", "math", "initial", "keyboard", "emoji", "music", "barcode", "d050000l", "kufi")
_PRINTABLE = frozenset(chr(code) for code in range(32, 127))
LATIN = _PRINTABLE | frozenset(chr(code) for code in range(0xA1, 0x180) if code != 0xAD) | frozenset("‘’“”–—…•€")


@dataclass(frozen=True)
class Resources:
    """Fonts and text, found on first use.

    Attributes:
        corpus_files: UTF-8 text files of the user's own; without any, prose that the machine has is collected.
        corpus_cache: where the collected prose is kept; None collects it anew.
        font_files: font files or folders of the user's own; without any, the machine's fonts.
        font_families: only these families; empty for all that suit running text.
        language: `en` or `zh`.
        held_out: draw the paragraphs and words that training never sees.
        typesetter: what sets formulas, tables and geometry: `browser` (Chromium) or `latex` (a TeX installation).
        degradations: names of `degradation.degradations`, applied to a share of the pictures; empty for clean.
    """

    corpus_files: tuple[Path, ...] = ()
    corpus_cache: Path | None = None
    font_files: tuple[Path, ...] = ()
    font_families: tuple[str, ...] = ()
    language: str = "en"
    held_out: bool = False
    typesetter: str = "browser"
    degradations: tuple[str, ...] = ()

    @cached_property
    def corpus(self) -> Corpus:
        """Paragraphs and words of the chosen side of the split.

        Raises:
            ValueError: there is not enough text.
        """
        if self.language == "zh":
            return chinese_corpus(_own_paragraphs(self.corpus_files) if self.corpus_files else (), self.held_out)
        if self.corpus_files:
            return split_corpus(_own_paragraphs(self.corpus_files), self.held_out, LATIN)
        cache = self.corpus_cache or Path.home() / ".cache" / "got-ocr" / "corpus.txt"
        return split_corpus(load_corpus(cache), self.held_out, LATIN)

    @cached_property
    def text_families(self) -> Mapping[str, Sequence[FontFace]]:
        """Families for running text, each with its faces.

        Raises:
            ValueError: there is none.
        """
        if self.language == "zh":
            return chinese_families(_own_faces(self.font_files) if self.font_files else None, self.font_families)
        faces = _own_faces(self.font_files) if self.font_files else installed_faces()
        names = self.font_families or tuple(
            sorted(
                {
                    face.family
                    for face in faces
                    if not any(word in face.family.lower() for word in _UNSUITABLE)
                    and (self.font_files or face.family not in HANDWRITING_FAMILIES)
                    and not (face.family.startswith(("Noto Sans ", "Noto Serif ")) and "Display" not in face.family)
                }
            )
        )
        return select_families(faces, names)

    @cached_property
    def handwriting_families(self) -> Mapping[str, Sequence[FontFace]]:
        """Families that look written by hand; for Chinese the regular script (Kai), which is drawn like brush strokes.

        Raises:
            ValueError: there is none.
        """
        if self.language == "zh":
            own = _own_faces(self.font_files) if self.font_files else None
            return chinese_families(own, self.font_families or (() if own else CHINESE_HANDWRITING_FAMILIES))
        faces = _own_faces(self.font_files) if self.font_files else installed_faces()
        return select_families(faces, self.font_families or HANDWRITING_FAMILIES)


def _own_paragraphs(files: Sequence[Path]) -> list[str]:
    paragraphs: list[str] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} can't be read as UTF-8 text ({error}): convert it (iconv -t utf-8) or leave it out"
            ) from error
        paragraphs += [" ".join(block.split()) for block in text.split("\n\n") if block.strip()]
    if not paragraphs:
        raise ValueError(f"no text was found in {', '.join(map(str, files))}: name UTF-8 files that hold some")
    return paragraphs


def _own_faces(places: Sequence[Path]) -> list[FontFace]:
    faces = []
    for place in places:
        files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        for path in files:
            if path.suffix.lower() not in (".ttf", ".otf", ".ttc", ".pfb"):
                continue
            try:
                family, style = ImageFont.truetype(str(path), 20).getname()
            except OSError as error:
                raise ValueError(f"{path} is no font that FreeType can read: {error}") from error
            faces.append(FontFace(family or path.stem, style or "Regular", str(path)))
    if not faces:
        raise ValueError(f"no .ttf, .otf, .ttc or .pfb file in {', '.join(map(str, places))}")
    return faces
