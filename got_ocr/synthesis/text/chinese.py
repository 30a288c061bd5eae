"""Chinese text and fonts: manual pages and books that a machine has, dictionary words, simplified faces."""

import html
import importlib.util
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from got_ocr.synthesis.text.corpus import Corpus, read_text, roff_paragraphs, share_folder, split_corpus
from got_ocr.synthesis.text.fonts import FontFace, can_draw, installed_faces, select_families

# Characters of ordinary text; a face without them is not for simplified Chinese.
_COMMON = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下，。、；：？！（）"
_BLOCKS = ((0x20, 0x7E), (0xB7, 0xB7), (0x2010, 0x2026), (0x3001, 0x3017), (0x4E00, 0x9FA5), (0xFF01, 0xFF5E))
_ALPHABET = frozenset(chr(code) for first, last in _BLOCKS for code in range(first, last + 1))
_IDEOGRAPH = re.compile(r"[\u4e00-\u9fa5]")
_SPACE_BETWEEN = re.compile(r"(?<=[\u3001-\u9fa5\uff01-\uff5e]) (?=[\u3001-\u9fa5\uff01-\uff5e])")
_HTML_PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_LEAST_PARAGRAPHS = 500  # with less prose than that, sentences are made of dictionary words
_LEAST_FREQUENCY = 8  # of a dictionary word in jieba's counts


def chinese_corpus(own_paragraphs: Sequence[str], held_out: bool) -> Corpus:
    """Collect Chinese prose and words.

    Args:
        own_paragraphs: the user's own text; without any, manual pages (Debian: `manpages-zh`) and the Debian handbook
            are read, and sentences of dictionary words are added where a machine has few of them.
        held_out: the side of the split that training never draws.

    Returns:
        Paragraphs and jieba's dictionary words.

    Raises:
        ValueError: jieba, whose dictionary is used, is not installed, or the user's text has no Chinese.
    """
    words = _dictionary()
    if own_paragraphs:
        paragraphs = [paragraph for paragraph in own_paragraphs if _is_chinese(paragraph)]
        if not paragraphs:
            raise ValueError("the language is zh, and the text files have no Chinese paragraph: name others")
    else:
        paragraphs = _machine_paragraphs()
        if len(paragraphs) < _LEAST_PARAGRAPHS:
            paragraphs += list(_sentences(words, 4 * _LEAST_PARAGRAPHS))
    prose = split_corpus(paragraphs, held_out, _ALPHABET).paragraphs
    if not prose:  # a short text of the user's own may lie wholly on one side
        raise ValueError(
            f"none of the {len(paragraphs)} Chinese paragraphs is on the {'held-out' if held_out else 'training'} "
            "side of the split, or all have characters outside GB 2312: name more text"
        )
    return Corpus(prose, split_corpus(words, held_out, _ALPHABET).paragraphs)


def chinese_families(faces: Sequence[FontFace] | None, names: Sequence[str]) -> Mapping[str, Sequence[FontFace]]:
    """Pick families for simplified Chinese.

    Args:
        faces: the user's own; None for the machine's.
        names: only these families; empty for all.

    Returns:
        Family to its faces.

    Raises:
        ValueError: no face has the characters.
    """
    candidates = installed_faces("zh-cn") if faces is None else faces
    usable = [face for face in candidates if all(can_draw(face, character) for character in _COMMON)]
    if not usable:
        raise ValueError(
            "the language is zh, and no font has simplified Chinese: install one (Debian: apt-get install "
            "fonts-arphic-gbsn00lp fonts-noto-cjk) or name font files of your own"
        )
    return select_families(usable, names or sorted({face.family for face in usable}))


def _dictionary() -> list[str]:
    place = importlib.util.find_spec("jieba")
    if place is None or not place.submodule_search_locations:
        raise ValueError("Chinese text needs the dictionary of the package jieba: pip install jieba")
    lines = Path(place.submodule_search_locations[0], "dict.txt").read_text(encoding="utf-8").splitlines()
    entries = (line.split(" ") for line in lines)
    return [
        entry[0]
        for entry in entries
        if int(entry[1]) >= _LEAST_FREQUENCY and all(_IDEOGRAPH.match(character) for character in entry[0])
    ]


def _machine_paragraphs() -> list[str]:
    manuals = sorted((share_folder() / "man/zh_CN").rglob("*.gz"))
    books = sorted((share_folder() / "doc/debian-handbook/html/zh-CN").glob("*.html"))
    texts: Iterator[str] = (paragraph for path in manuals for paragraph in roff_paragraphs(read_text(path)))
    pages = (match.group(1) for path in books for match in _HTML_PARAGRAPH.finditer(read_text(path)))
    seen: dict[str, None] = {}
    for text in [*texts, *(html.unescape(_TAG.sub("", page)) for page in pages)]:
        paragraph = unicodedata.normalize("NFC", " ".join(text.split()))
        paragraph = _SPACE_BETWEEN.sub("", paragraph)
        if len(paragraph) >= 15 and _is_chinese(paragraph) and _ALPHABET.issuperset(paragraph):
            seen.setdefault(paragraph)
    return list(seen)


def _is_chinese(paragraph: str) -> bool:
    return len(_IDEOGRAPH.findall(paragraph)) >= 0.5 * len(paragraph)


def _sentences(words: Sequence[str], count: int) -> Iterator[str]:
    """Dictionary words with marks between them: no sense, but every character."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        text = ""
        for _ in range(int(rng.integers(3, 14))):
            text += "".join(words[int(at)] for at in rng.integers(0, len(words), int(rng.integers(2, 6))))
            text += str(rng.choice(list("，，，。、；")))
        yield text[:-1] + "。"
