"""The tokenizer without transformers: the ranks and the special tokens behind them."""

import os
import unicodedata
from collections.abc import Sequence

from ..processing.prompt import PromptPart
from ..processing.ranks import SPECIAL_TOKENS, RankTable, read_ranks


class LightTokenizer:
    """Byte-pair encoding of NFC text, as GotOcrTokenizer's.

    Args:
        path: The rank file.

    Raises:
        ValueError: If it is no rank file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._table = RankTable(read_ranks(path))
        self._special_ids = {text: len(self._table) + index for index, text in enumerate(SPECIAL_TOKENS)}

    def __len__(self) -> int:
        return len(self._table) + len(self._special_ids)

    def encode(self, text: str) -> list[int]:
        """Encode plain text; a special token that is spelled in it stays text. Returns: its ids."""
        return list(self._table.encoding.encode_ordinary(unicodedata.normalize("NFC", text)))

    def encode_parts(self, parts: Sequence[PromptPart]) -> list[int]:
        """Encode a prompt. Returns: its ids."""
        ids: list[int] = []
        for part in parts:
            ids += ([self._special_ids[part.text]] if part.is_special else self.encode(part.text)) * part.times
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids into text, special tokens left out. Returns: it; bytes that are no UTF-8 become U+FFFD."""
        tokens = self._table.tokens
        return b"".join(tokens[index] for index in ids if index < len(tokens)).decode("utf-8", errors="replace")
