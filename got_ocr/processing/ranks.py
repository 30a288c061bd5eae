"""The vocabulary: a rank file `qwen.tiktoken`, and GOT's special tokens behind it. Nothing here needs transformers."""

import base64
import binascii
import os
from typing import Any

import tiktoken

VOCABULARY_FILE = "qwen.tiktoken"
# Qwen's split pattern, as published with the vocabulary.
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END_OF_TEXT = "<|endoftext|>"
# In the order of their ids, from the number of ranks on: 151643 .. 151859 with the genuine vocabulary.
SPECIAL_TOKENS = (
    END_OF_TEXT,
    "<|im_start|>",
    "<|im_end|>",
    *(f"<|extra_{index}|>" for index in range(205)),
    *("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"),
)


def read_ranks(path: str | os.PathLike[str]) -> list[bytes]:
    """Read a rank file.

    Args:
        path: The file: on each line a token in base64 and its rank.

    Returns:
        The tokens in the order of their ranks.

    Raises:
        ValueError: If it is no rank file, or its ranks are not 0, 1, 2 ... , or a single byte is missing.
        OSError: If it can't be read.
    """
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    tokens: list[bytes] = []
    for number, line in enumerate(lines):
        fields = line.split()
        if not fields:
            continue
        try:
            token, rank = base64.b64decode(fields[0], validate=True), int(fields[1])
        except (binascii.Error, ValueError, IndexError):
            raise ValueError(
                f"{path}, line {number + 1}: a line must be a token in base64 and its rank, got {line[:60]!r}. "
                "Is this a Git LFS pointer or a damaged download?"
            ) from None
        if rank != len(tokens):
            raise ValueError(f"{path}, line {number + 1}: ranks must count up from 0, got {rank}, not {len(tokens)}.")
        tokens.append(token)
    known = set(tokens)
    missing = sum(bytes([value]) not in known for value in range(256))
    if missing or len(known) != len(tokens):
        raise ValueError(
            f"{path}: a vocabulary must hold each of the 256 bytes and no token twice; {missing} bytes are missing, "
            f"{len(tokens) - len(known)} tokens stand there twice."
        )
    return tokens


class RankTable:
    """The ranks and tiktoken's encoding of them: never changed, so copies of a tokenizer share it.

    Args:
        tokens: The tokens in the order of their ranks.
    """

    def __init__(self, tokens: list[bytes]) -> None:
        self.tokens = tokens
        self.encoding_ranks = {token: rank for rank, token in enumerate(tokens)}
        self.encoding = tiktoken.Encoding(
            "got_ocr", pat_str=SPLIT_PATTERN, mergeable_ranks=self.encoding_ranks, special_tokens={}
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def __deepcopy__(self, memo: dict[int, Any]) -> "RankTable":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (RankTable, (self.tokens,))
