"""Text to draw: prose found on any Debian or Python machine, dictionary words, digits and symbols."""

import gzip
import hashlib
import html
import logging
import os
import re
import sys
import sysconfig
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

# A paragraph of this share (one in so many, by its hash) is never drawn in training.
HELD_OUT_ONE_IN = 40
_ROFF_ESCAPES = (
    (re.compile(r"\\f(\[[^\]]*\]|\(..|.)"), ""),
    (re.compile(r"\\s[-+]?\d"), ""),
    (re.compile(r"\\\*\(l|\\\(lq|\\\*\(rq|\\\(rq"), '"'),
    (re.compile(r"\\(\(aq|\[aq\])"), "'"),
    (re.compile(r"\\\((em|en)"), "-"),
    (re.compile(r"\\[&/|^,%]|\\\}|\\\{"), ""),
    (re.compile(r"\\-"), "-"),
    (re.compile(r"\\ |\\~"), " "),
)
_HTML_PARAGRAPH = re.compile(r"<(p|li|dd|h[1-6])\b[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_MOST_BYTES = 2_000_000  # of one file
_TAG = re.compile(r"<[^>]*>")
_DOCSTRING = re.compile(r'"""(.{80,}?)"""', re.DOTALL)
# Shares of the corpus by kind of source: English for the most part, enough of other languages to meet their letters.
_SHARES = {"book": 0.34, "manual": 0.2, "foreign": 0.14, "readme": 0.16, "docstring": 0.16}
_WORD_LISTS = ("dict/words", "dict/american-english")
_ACCENTED = dict(
    zip(
        "aceinouyAEO",
        ("àáâãäåæ", "ç", "èéêë", "ìíîï", "ñ", "òóôõöøœ", "ùúûü", "ýÿ", "ÀÂÄÅÆ", "ÈÉÊ", "ÓÖØ"),
        strict=True,
    )
)
_SYMBOLS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_RARE_SYMBOLS = "–—‘’“”…•€£¥§©®°±×÷«»¿¡¢¶†‡™µ·½¼¾²³"


@dataclass(frozen=True)
class Corpus:
    """Paragraphs and words of one side of the split.

    Attributes:
        paragraphs: cleaned prose, one paragraph an entry, single spaces.
        words: dictionary words.
    """

    paragraphs: tuple[str, ...]
    words: tuple[str, ...]


def roff_paragraphs(text: str) -> Iterator[str]:
    """Take the prose out of a manual page.

    Args:
        text: roff source.

    Yields:
        What stands between two requests, without font changes and escapes; it may be empty.
    """
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith((".", "'")):
            yield " ".join(lines)
            lines = []
            continue
        for pattern, replacement in _ROFF_ESCAPES:
            line = pattern.sub(replacement, line)
        lines.append(line)
    yield " ".join(lines)


def _plain_paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n|\n%\n", text):  # a line of its own with % parts fortunes
        yield re.sub(r"^[#*>\s|-]+|[*`]{1,3}", "", block)


def _html_paragraphs(text: str) -> Iterator[str]:
    for match in _HTML_PARAGRAPH.finditer(text):
        yield html.unescape(_TAG.sub("", match.group(2)))


def _is_prose(paragraph: str, minimum: int = 60) -> bool:
    letters = sum(character.isalpha() or character == " " for character in paragraph)
    return (
        minimum <= len(paragraph) <= 4000
        and letters >= 0.9 * len(paragraph)
        and "\\" not in paragraph
        and paragraph.count(" ") >= len(paragraph) / 12
    )


def read_text(path: Path) -> str:
    """Read a file of prose, gzipped or not.

    Args:
        path: the file.

    Returns:
        The first megabytes of its text; empty where it can't be read as UTF-8.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix in (".gz", ".dz") else path.read_bytes()
        return data[:_MOST_BYTES].decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        return ""  # an unreadable manual page is no loss


def share_folder() -> Path:
    """Tell where the system's prose and word lists lie: the environment's `GOT_OCR_SHARE`, or `/usr/share`."""
    return Path(os.environ.get("GOT_OCR_SHARE", "/usr/share"))


def default_sources() -> dict[str, list[Path]]:
    """List the text files that a Debian machine with Python has, and books that it may have.

    Returns:
        Kind (`book`, `manual`, `foreign`, `readme`, `docstring`) to its files in a fixed order.
    """
    share, library = share_folder(), Path(sysconfig.get_path("stdlib"))
    packages = Path(sysconfig.get_path("purelib"))
    manuals = [share / "man" / folder for folder in ("man1", "man3", "man5", "man7", "man8")]
    foreign = [share / "man" / language / "man1" for language in ("de", "es", "fr", "it", "nl", "pt", "sv", "da")]
    handbook, fortunes = share / "doc/debian-handbook/html", share / "games/fortunes"
    translations = [
        handbook / name for name in ("de-DE", "es-ES", "fr-FR", "it-IT", "nl-NL", "pt-BR", "da-DK", "sv-SE")
    ]
    return {
        "book": sorted(
            [
                *(handbook / "en-US").glob("*.html"),
                *(share / "debian-reference").glob("*.en.html"),
                *(share / "dictd").glob("jargon.dict.dz"),
                *(path for path in fortunes.glob("*") if not path.suffix and path.is_file()),
            ]
        ),
        "manual": sorted(path for folder in manuals for path in folder.glob("*.gz")),
        "foreign": sorted(
            [
                *(path for folder in foreign for path in folder.glob("*.gz")),
                *(path for folder in translations for path in folder.glob("*.html")),
            ]
        ),
        "readme": sorted(
            [
                *(share / "common-licenses").glob("*"),
                *(share / "doc").glob("*/README*"),
                *(share / "doc").glob("*/*.txt"),
                *(share / "perl").rglob("*.pod"),
                *packages.glob("*/METADATA"),
            ]
        ),
        "docstring": sorted([*library.rglob("*.py"), *packages.rglob("*.py")]),
    }


def collect_paragraphs(extra_files: Sequence[Path] = (), limit: int = 12_000_000) -> list[str]:
    """Read and clean the machine's prose.

    Args:
        extra_files: plain text of the user's own, added in full.
        limit: characters to stop at, shared out among the kinds of source (the user's files come on top).

    Returns:
        Unique paragraphs, NFC-normalised, single spaces.

    Raises:
        ValueError: an extra file isn't readable as UTF-8 text, or there is almost no text at all.
    """
    seen: set[str] = set()
    paragraphs: list[str] = []

    def add(candidates: Iterable[str]) -> int:
        added = 0
        for candidate in candidates:
            paragraph = unicodedata.normalize("NFC", " ".join(candidate.split()))
            if paragraph not in seen and _is_prose(paragraph):
                seen.add(paragraph)
                paragraphs.append(paragraph)
                added += len(paragraph)
        return added

    for path in extra_files:
        text = read_text(path)
        if not text:
            raise ValueError(
                f"{path} can't be read as UTF-8 text: convert it (iconv -t utf-8) or leave it out of `corpus`"
            )
        add(_plain_paragraphs(text))
    sources = default_sources()
    for kind, paths in sources.items():
        budget = round(limit * _SHARES[kind])
        order = np.random.default_rng(len(paths)).permutation(len(paths))
        taken: Counter[str] = Counter()
        for position in order:
            # Some programs come with thousands of pages of the same words (`gcloud-*`): none may fill the corpus.
            manual = paths[position].is_relative_to(share_folder() / "man")
            origin = re.split(r"[-_.]", paths[position].name)[0] if manual else str(paths[position])
            if taken[origin] > limit // 100:
                continue
            before = len(paragraphs)
            text = read_text(paths[position])
            if manual:
                budget -= add(roff_paragraphs(text))
            elif paths[position].suffix == ".html":
                budget -= add(_html_paragraphs(text))
            elif kind == "docstring":
                budget -= sum(add(_plain_paragraphs(docstring)) for docstring in _DOCSTRING.findall(text))
            else:
                budget -= add(_plain_paragraphs(text))
            taken[origin] += sum(map(len, paragraphs[before:]))
            if budget <= 0:
                break
    if sum(map(len, paragraphs)) < 100_000:
        raise ValueError(
            f"only {sum(map(len, paragraphs))} characters of prose were found, at least 100000 are needed: "
            "name text files of your own (`--corpus FILE`)"
        )
    return paragraphs


def load_corpus(cache: Path, extra_files: Sequence[Path] = ()) -> list[str]:
    """Read the paragraphs from a cache file, which is written first if it doesn't exist.

    The cache keeps a run the same when packages are installed while it is on.

    Args:
        cache: a text file, one paragraph a line.
        extra_files: see `collect_paragraphs`.

    Returns:
        The paragraphs.
    """
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(".tmp")
        temporary.write_text("\n".join(collect_paragraphs(extra_files)), encoding="utf-8")
        temporary.rename(cache)
        logger.info("collected prose into %s with %s", cache, sys.executable)
    return cache.read_text(encoding="utf-8").splitlines()


def split_corpus(paragraphs: Sequence[str], held_out: bool, alphabet: frozenset[str]) -> Corpus:
    """Take one side of the split between training and evaluation text.

    Args:
        paragraphs: all the prose.
        held_out: True for the paragraphs and words that training never draws.
        alphabet: paragraphs and words with any other character are left out.

    Returns:
        The chosen side. The split depends on each text alone, not on what else is on the machine.
    """

    def chosen(text: str) -> bool:
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
        on_side = (int.from_bytes(digest, "big") % HELD_OUT_ONE_IN == 0) == held_out
        return on_side and alphabet.issuperset(text)

    words: Sequence[str] = ()
    for word_list in _WORD_LISTS:
        if (share_folder() / word_list).exists():
            words = (share_folder() / word_list).read_text(encoding="utf-8").split()
            break
    else:
        words = sorted({word.strip(".,;:()") for paragraph in paragraphs for word in paragraph.split()})
    return Corpus(tuple(filter(chosen, paragraphs)), tuple(filter(chosen, words)))


class TextSource:
    """Draws endless words from a corpus: running prose, mixed dictionary words, or digits and symbols."""

    def __init__(self, corpus: Corpus, prose: float = 0.6, dictionary: float = 0.2) -> None:
        """Set the mix.

        Args:
            corpus: the text.
            prose: share of running prose.
            dictionary: share of dictionary words; the rest is digits and symbols.
        """
        self.corpus = corpus
        self.prose = prose
        self.dictionary = dictionary

    def words(self, rng: np.random.Generator) -> Iterator[str]:
        """Yield words without end.

        Args:
            rng: decides the kind of text and every word.

        Yields:
            Non-empty words without spaces.
        """
        kind = rng.random()
        if kind < self.prose:
            yield from self._prose(rng)
        maker = self._dictionary_word if kind < self.prose + self.dictionary else self._symbols
        while True:
            yield maker(rng)

    def _prose(self, rng: np.random.Generator) -> Iterator[str]:
        curly = rng.random() < 0.4
        paragraphs = self.corpus.paragraphs
        while True:
            words = paragraphs[rng.integers(len(paragraphs))].split()
            start = 0 if rng.random() < 0.2 else rng.integers(len(words))
            for word in words[start:]:
                yield _curl(word) if curly else word

    def _dictionary_word(self, rng: np.random.Generator) -> str:
        word = self.corpus.words[rng.integers(len(self.corpus.words))]
        style = rng.random()
        if style < 0.15:
            word = word.upper()
        elif style < 0.35:
            word = word.capitalize()
        if rng.random() < 0.2:
            word = "".join(
                rng.choice(list(_ACCENTED[letter])) if letter in _ACCENTED and rng.random() < 0.5 else letter
                for letter in word
            )
        if rng.random() < 0.2:
            word += str(rng.choice(list(".,;:!?")))
        return word

    def _symbols(self, rng: np.random.Generator) -> str:
        style = rng.random()
        if style < 0.35:
            digits = "".join(map(str, rng.integers(0, 10, rng.integers(1, 7))))
            return str(
                rng.choice(["{}", "{}", "{}%", "${}", "({})", "{}.", "{},", "#{}", "-{}", "+{}", "€{}"])
            ).format(digits)
        if style < 0.5:
            return f"{rng.integers(0, 1000)}{rng.choice(list('.,:/-'))}{rng.integers(0, 100):02d}"
        alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        if style < 0.65:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
        elif style < 0.9:
            alphabet += _SYMBOLS * 2
        else:
            alphabet += _RARE_SYMBOLS * 2
        return "".join(rng.choice(list(alphabet), rng.integers(1, 9)))


def _curl(word: str) -> str:
    word = re.sub(r"(?<=\w)'", "’", word)
    word = re.sub(r'^([(\[]?)"', r"\1“", word).replace('"', "”")
    word = re.sub(r"^([(\[]?)'", r"\1‘", word).replace("'", "’")
    return "—" if word in ("--", "-") else word
