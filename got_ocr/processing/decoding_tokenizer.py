"""The vocabulary as an object of the library `tokenizers` that decodes only, for transformers' own server.

`transformers serve` streams through `tokenizer._tokenizer`, which tokenizers of that library have. Ours is tiktoken's;
its tokens in GPT-2's spelling are a byte-level vocabulary of that library, so the text comes out the same.
"""

from collections.abc import Mapping

import tokenizers


def make_decoding_tokenizer(
    vocabulary: Mapping[str, int], added: Mapping[int, tokenizers.AddedToken]
) -> tokenizers.Tokenizer:
    """Make a tokenizer that turns tokens into text.

    Args:
        vocabulary: Ids of tokens in GPT-2's spelling of bytes.
        added: The special tokens and those added later, by their ids.

    Returns:
        The tokenizer. It knows no merges, so it must not be asked to cut a text.
    """
    spelled = {token.content: index for index, token in added.items()}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={**vocabulary, **spelled}, merges=[]))
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([token for token in added.values() if token.special])
    made.add_tokens([token for token in added.values() if not token.special])
    return made
