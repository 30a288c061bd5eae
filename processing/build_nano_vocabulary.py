"""Write the rank file of the built-in checkpoint `nano`: one token a character.

The file has the format of `qwen.tiktoken` (a base64 token and its rank on each line) and is used with the same split
pattern and the same special tokens, which follow the ranks. It holds

- the 256 single bytes, rank = byte, so that any text encodes;
- for each accented Western-European letter and typographic mark the merges that make it one token.

There are no merges of several letters: a reader of a few million parameters learns to name what it sees, one
character a step, and has no use for word pieces.

    python processing/build_nano_vocabulary.py [--output got_ocr/assets/nano/qwen.tiktoken]
"""

import argparse
import base64
from pathlib import Path

LATIN_1 = "".join(chr(code) for code in range(0xA1, 0x100) if code != 0xAD)  # 0xAD is the invisible soft hyphen
LATIN_EXTENDED = "ŒœŠšŽžŸƒ"
TYPOGRAPHY = "‐‑‒–—―‘’‚‛“”„†‡•…‰′″‹›⁄€™−≈≠≤≥→←↑↓■□●○✓ﬁﬂ"
DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "got_ocr" / "assets" / "nano" / "qwen.tiktoken"


def build_ranks() -> dict[bytes, int]:
    """Build the rank of every token.

    Returns:
        Token bytes to rank, contiguous from 0. A character of n bytes needs each of its prefixes of 2 to n bytes as a
        token, since byte-pair encoding merges two neighbours at a time.
    """
    ranks = {bytes([value]): value for value in range(256)}
    for character in LATIN_1 + LATIN_EXTENDED + TYPOGRAPHY:
        encoded = character.encode("utf-8")
        for length in range(2, len(encoded) + 1):
            ranks.setdefault(encoded[:length], len(ranks))
    return ranks


def main() -> None:
    """Write the rank file."""
    parser = argparse.ArgumentParser(description="Write the character vocabulary of the nano checkpoint.")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    output: Path = parser.parse_args().output
    lines = [f"{base64.b64encode(token).decode('ascii')} {rank}\n" for token, rank in build_ranks().items()]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(lines), encoding="ascii")
    print(f"{output}: {len(lines)} ranks")


if __name__ == "__main__":
    main()
