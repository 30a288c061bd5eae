"""Write synonyms.txt.xz from a WordNet 3.0 dictionary folder: what METEOR needs of WordNet, in under a megabyte.

    python -m got_ocr.evaluation.wordnet.build_synonyms /usr/share/wordnet got_ocr/evaluation/wordnet/synonyms.txt.xz

The folder is the one with `data.noun`, `index.noun`, `noun.exc` and their verb, adj and adv siblings (Debian's package
wordnet-base has it, as has NLTK's corpus `wordnet`). METEOR compares lower-cased single words, so that is all that is
kept: the words of each synset without those of several parts, and no synset without a lower-case word. The text's
lines are `PART-OF-SPEECH word word ...` for a synset and `PART-OF-SPEECH! form base ...` for an exception of
morphology. WordNet's licence, which allows this, lies beside the file.
"""

import lzma
import re
import sys
from pathlib import Path

PARTS_OF_SPEECH = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
SYNTACTIC_MARKER = re.compile(r"\((?:a|p|ip)\)$")


def read_synsets(path: Path) -> list[tuple[str, ...]]:
    """Read the single-word lemmas of each synset of a `data.POS` file."""
    synsets = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the licence at the head of the file
            continue
        fields = line.split(" ")
        count = int(fields[3], 16)
        lemmas = [SYNTACTIC_MARKER.sub("", lemma) for lemma in fields[4 : 4 + 2 * count : 2]]
        synsets.append(tuple(lemma for lemma in lemmas if "_" not in lemma))
    return synsets


def read_exceptions(path: Path) -> list[list[str]]:
    """Read the lines of a `POS.exc` file that are about single words."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row and not any("_" in word for word in row)]


def build(dictionary: Path) -> str:
    """Build the table's text."""
    lines = []
    for letter, name in PARTS_OF_SPEECH.items():
        synsets = {frozenset(words) for words in read_synsets(dictionary / f"data.{name}")}
        synsets = {words for words in synsets if any(word == word.lower() for word in words)}
        covered = {word for words in synsets if len(words) > 1 for word in words}
        kept = sorted(tuple(sorted(words)) for words in synsets if len(words) > 1 or not words <= covered)
        lines += [" ".join((letter, *words)) for words in kept]
        lines += [" ".join((f"{letter}!", *row)) for row in read_exceptions(dictionary / f"{name}.exc")]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the table."""
    if len(arguments) != 2:
        sys.stderr.write("usage: build_synonyms WORDNET_FOLDER OUTPUT.txt.xz\n")
        return 2
    text = build(Path(arguments[0]))
    packed = lzma.compress(text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
    Path(arguments[1]).write_bytes(packed)
    sys.stdout.write(f"{text.count(chr(10))} lines, {len(packed)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
