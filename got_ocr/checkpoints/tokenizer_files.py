"""The two forms of the tokenizer: the original's `qwen.tiktoken` and the port's `tokenizer.json`."""

import base64
import json
from pathlib import Path
from typing import Any

from ..processing.tokenizer import (
    END_OF_TEXT,
    SPECIAL_TOKENS,
    SPLIT_PATTERN,
    VOCABULARY_FILE,
    _spell,
    _unspell,
    read_ranks,
)

FAST_FILE = "tokenizer.json"


def write_fast_tokenizer(ranks_file: Path, folder: Path) -> None:
    """Write `tokenizer.json` and its configuration, which transformers' port loads, from a rank file.

    Args:
        ranks_file: A `qwen.tiktoken`.
        folder: Where to write.

    Raises:
        ValueError: If the rank file is damaged.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    tokens = read_ranks(ranks_file)
    vocabulary = {_spell(token): rank for rank, token in enumerate(tokens)}
    merges = [(_spell(left), _spell(right)) for left, right in _merges(tokens)]
    # ignore_merges: a word that is a token is that token, whatever the merges would make of it, as in tiktoken.
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, fuse_unk=False, ignore_merges=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in SPECIAL_TOKENS])
    tokenizer.save(str(folder / FAST_FILE))
    options = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "processor_class": "GotOcr2Processor",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 8000,  # as published with the port
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")


def _merges(tokens: list[bytes]) -> list[tuple[bytes, bytes]]:
    """All pairs of tokens that make a token, in the order of what they make: byte-pair encoding by ranks."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    merges = []
    for token in tokens:
        pairs = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
        known = [pair for pair in pairs if pair[0] in ranks and pair[1] in ranks]
        merges += sorted(known, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges


def write_ranks(fast_file: Path, folder: Path) -> None:
    """Write `qwen.tiktoken` from a `tokenizer.json`.

    Args:
        fast_file: The port's `tokenizer.json`.
        folder: Where to write.

    Raises:
        ValueError: If it is not GOT's: other special tokens, or ids that do not count up from 0.
    """
    saved: dict[str, Any] = json.loads(fast_file.read_text(encoding="utf-8"))
    special = {token["content"]: token["id"] for token in saved.get("added_tokens", [])}
    vocabulary = {text: rank for text, rank in saved["model"]["vocab"].items() if text not in special}
    texts = sorted(vocabulary, key=vocabulary.__getitem__)
    first = len(texts)
    expected = {text: first + index for index, text in enumerate(SPECIAL_TOKENS)}
    wrong = [text for text in SPECIAL_TOKENS if special.get(text) != expected[text]]
    if wrong or [vocabulary[text] for text in texts] != list(range(first)):
        detail = "its ids have gaps"
        if wrong:
            detail = f"{wrong[0]} has the id {special.get(wrong[0])}, not {expected[wrong[0]]}"
        raise ValueError(f"{fast_file} is not the tokenizer of a GOT model: {detail} (there are {first} byte pairs).")
    with (folder / VOCABULARY_FILE).open("wb") as file:
        for rank, text in enumerate(texts):
            file.write(b"%s %d\n" % (base64.b64encode(_unspell(text)), rank))
