"""The tokenizer: tiktoken over a rank file `qwen.tiktoken`, with GOT's special tokens after the ranks.

It loads the original checkpoint's folder as it is, and any rank file of the same format: the special tokens stand in a
fixed order after however many ranks there are. Differences from the published tokenizer:

- the processor never makes a special token of a text (`split_special_tokens=True`); called by itself the tokenizer
  reads a prompt with the special tokens that are spelled in it, as the published one does;
- tokens are strings in GPT-2's spelling of bytes, as in transformers' own byte-level tokenizers, not bytes;
- nothing is cleaned up in decoding, whatever the checkpoint's `clean_up_tokenization_spaces` says.
"""

import base64
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import transformers
from transformers import AddedToken, PreTrainedTokenizer

from ..configuration.remote_code import CodeSavingMixin, entry
from .decoding_tokenizer import make_decoding_tokenizer
from .ranks import END_OF_TEXT, SPECIAL_TOKENS, SPLIT_PATTERN, VOCABULARY_FILE, RankTable, read_ranks

__all__ = [
    "END_OF_TEXT",
    "SPECIAL_TOKENS",
    "SPLIT_PATTERN",
    "VOCABULARY_FILE",
    "GotOcrTokenizer",
    "StreamDecoder",
    "read_ranks",
]

REPLACEMENT_CHARACTER = "\ufffd"


# Transformers 4 loses `split_special_tokens` on the way from a call to `tokenize`: there it travels by another name.
_SPLIT = "got_ocr_split_special_tokens"
_LOSES_SPLIT = transformers.__version__.startswith("4.")


def _keep_split(kwargs: dict[str, Any]) -> dict[str, Any]:
    if not _LOSES_SPLIT or "split_special_tokens" not in kwargs:
        return kwargs
    return {**kwargs, _SPLIT: kwargs["split_special_tokens"]}


class GotOcrTokenizer(CodeSavingMixin, PreTrainedTokenizer):
    """Byte-pair encoding of NFC text with the ranks of a `qwen.tiktoken` file.

    Args:
        vocab_file: The rank file: on each line a token in base64 and its rank.
        pad_token: Fills up shorter sequences.
        bos_token: Named for completeness: no text begins with it.
        eos_token: Ends a document; an answer ends with ``<|im_end|>``.
        split_special_tokens: Whether a special token spelled in a text is plain text. Turn it on for text that you
            did not write yourself.
        **kwargs: Options of :class:`transformers.PreTrainedTokenizer`.

    Raises:
        ValueError: If the rank file is not one, or `kwargs` give special tokens other ids than the file does.
    """

    auto_class = "AutoTokenizer"
    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": VOCABULARY_FILE}
    model_input_names: ClassVar[list[str]] = ["input_ids", "attention_mask"]
    padding_side = "left"

    def __init__(
        self,
        vocab_file: str | os.PathLike[str],
        pad_token: str | AddedToken = END_OF_TEXT,
        bos_token: str | AddedToken = END_OF_TEXT,
        eos_token: str | AddedToken = END_OF_TEXT,
        split_special_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        if vocab_file is None:
            raise ValueError(f"The folder holds no {VOCABULARY_FILE}, the tokenizer's vocabulary: copy it there.")
        self._table = RankTable(read_ranks(vocab_file))
        self._vocab: dict[str, int] | None = None
        self._decoding: Any = None
        num_ranks = len(self._table)
        self.special_ids = {text: num_ranks + index for index, text in enumerate(SPECIAL_TOKENS)}
        self._added_tokens_decoder = {
            index: AddedToken(text, normalized=False, special=True) for text, index in self.special_ids.items()
        }
        self._check_saved_tokens(kwargs.get("added_tokens_decoder") or {})
        # A saved configuration may point to the published remote code, which must not follow to where we are saved.
        kwargs.pop("auto_map", None)
        # Transformers 5 saves a list under the name that transformers 4 keeps for a dictionary; both read this one.
        if isinstance(kwargs.get("extra_special_tokens"), (list, tuple)):
            kwargs["additional_special_tokens"] = kwargs.pop("extra_special_tokens")
        kwargs["clean_up_tokenization_spaces"] = False
        super().__init__(
            pad_token=pad_token,
            bos_token=bos_token,
            eos_token=eos_token,
            split_special_tokens=split_special_tokens,
            **kwargs,
        )

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load from a folder or Hub id; see :meth:`transformers.PreTrainedTokenizer.from_pretrained`.

        Args:
            *args: As there.
            **kwargs: As there.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If the rank file is not one.
        """
        try:
            return super().from_pretrained(*args, **kwargs)
        except ImportError as error:
            # Transformers 4 without protobuf stumbles over its own error handling and hides what is wrong.
            if isinstance(error.__context__, ValueError):
                raise error.__context__ from None
            raise

    def _check_saved_tokens(self, saved: dict[int, AddedToken]) -> None:
        for index, token in saved.items():
            ours = self._added_tokens_decoder.get(index)
            if index < len(self._table) or (ours is not None and ours.content != str(token)):
                expected = f"it is {ours.content}" if ours is not None else "it is a byte pair"
                raise ValueError(
                    f"tokenizer_config.json says that token {index} is {token}, but with the {len(self._table)} ranks "
                    f"of {VOCABULARY_FILE} {expected}: the two files belong to different checkpoints."
                )

    @property
    def num_ranks(self) -> int:
        """Tokens of the rank file; the special tokens' ids begin here."""
        return len(self._table)

    @property
    def vocab_size(self) -> int:
        """Tokens of the rank file and GOT's special tokens, without any that were added later."""
        return len(self._table) + len(SPECIAL_TOKENS)

    @property
    def all_special_tokens(self) -> list[str]:
        """GOT's special tokens and those added later."""
        added = [token.content for token in self._added_tokens_decoder.values() if token.special]
        return list(dict.fromkeys([*super().all_special_tokens, *added]))

    @property
    def all_special_ids(self) -> list[int]:
        """Their ids."""
        return [index for index, token in self._added_tokens_decoder.items() if token.special]

    @property
    def _tokenizer(self) -> Any:
        """This vocabulary for the server of transformers, which streams by this name. Made once it is asked for."""
        if self._decoding is None or self._decoding.get_vocab_size() != len(self):
            added = self._added_tokens_decoder
            ordinary = {token: index for token, index in self.get_vocab().items() if index not in added}
            self._decoding = make_decoding_tokenizer(ordinary, added)
        return self._decoding

    def get_vocab(self) -> dict[str, int]:
        """List the vocabulary.

        Returns:
            Every token's id, those added later included.
        """
        if self._vocab is None:
            self._vocab = {_spell(token): rank for rank, token in enumerate(self._table.tokens)}
        added = {token.content: index for index, token in self._added_tokens_decoder.items()}
        return {**self._vocab, **added}

    def tokenize(self, text: str, **kwargs: Any) -> list[str]:
        """Cut a text into tokens; see :meth:`transformers.PreTrainedTokenizer.tokenize`.

        Args:
            text: The text.
            **kwargs: As there, e.g. `split_special_tokens`.

        Returns:
            The tokens.
        """
        split = kwargs.pop(_SPLIT, None)
        if split is not None:
            kwargs["split_special_tokens"] = split
        tokens: list[str] = super().tokenize(text, **kwargs)
        return tokens

    def _encode_plus(self, *args: Any, **kwargs: Any) -> Any:
        return super()._encode_plus(*args, **_keep_split(kwargs))

    def _batch_encode_plus(self, *args: Any, **kwargs: Any) -> Any:
        return super()._batch_encode_plus(*args, **_keep_split(kwargs))

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        tokens: list[str] = []
        for part in self._cut_at_added_tokens(text):
            if part in self._later_tokens():
                tokens.append(part)
                continue
            ids = self._table.encoding.encode_ordinary(unicodedata.normalize("NFC", part))
            tokens += [_spell(self._table.tokens[index]) for index in ids]
        return tokens

    def _later_tokens(self) -> list[str]:
        """Tokens that `add_tokens` brought and that are not special: they count in every text."""
        return [
            token.content
            for index, token in self._added_tokens_decoder.items()
            if index >= self.vocab_size and not token.special
        ]

    def _cut_at_added_tokens(self, text: str) -> list[str]:
        later = sorted(self._later_tokens(), key=len, reverse=True)
        if not later:
            return [text]
        pattern = "|".join(re.escape(token) for token in later)
        return [part for part in re.split(f"({pattern})", text) if part]

    def _convert_token_to_id(self, token: str) -> int | None:
        index = self._table.encoding_ranks.get(_unspell(token))
        return self.unk_token_id if index is None else index

    def _convert_id_to_token(self, index: int) -> str:
        if not 0 <= index < len(self._table):
            raise ValueError(f"Token ids lie in 0..{len(self) - 1}, got {index}.")
        return _spell(self._table.tokens[index])

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to text.

        Args:
            tokens: Tokens as :meth:`tokenize` gives them; special tokens stay as they are spelled.

        Returns:
            The text; bytes that are no UTF-8 become U+FFFD.
        """
        added = self._added_tokens_encoder
        content = b"".join(token.encode("utf-8") if token in added else _unspell(token) for token in tokens)
        return content.decode("utf-8", errors="replace")

    def _decode(
        self,
        token_ids: int | Iterable[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else token_ids
        content = b"".join(self._bytes_of(int(index), skip_special_tokens) for index in ids)
        text = content.decode("utf-8", errors="replace")
        return self.clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    def _bytes_of(self, index: int, skip_special_tokens: bool) -> bytes:
        added = self._added_tokens_decoder.get(index)
        if added is not None:
            return b"" if skip_special_tokens and added.special else added.content.encode("utf-8")
        if not 0 <= index < len(self._table):
            raise ValueError(f"Token ids lie in 0..{len(self) - 1}, got {index}.")
        return self._table.tokens[index]

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """Save as transformers does, with the code that loads it.

        Args:
            save_directory: Folder; made if it isn't there.
            *args: As :meth:`transformers.PreTrainedTokenizer.save_pretrained`.
            **kwargs: As there.

        Returns:
            The files' paths.
        """
        try:
            return super().save_pretrained(save_directory, *args, **kwargs)
        finally:
            self.init_kwargs.pop("auto_map", None)

    def auto_map_entry(self) -> dict[str, Any]:
        """Name this class for AutoTokenizer, which asks for a slow class and a fast one."""
        return {self.auto_class: (entry(type(self).__name__), None)}

    def name_code(self) -> None:
        """Put this class into the `auto_map` of tokenizer_config.json."""
        self.init_kwargs["auto_map"] = {**self.init_kwargs.get("auto_map", {}), **self.auto_map_entry()}

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Write the rank file.

        Args:
            save_directory: Folder, which must exist.
            filename_prefix: Stands before the file's name, with a hyphen.

        Returns:
            The file's path.
        """
        name = f"{filename_prefix}-{VOCABULARY_FILE}" if filename_prefix else VOCABULARY_FILE
        path = os.path.join(save_directory, name)
        with open(path, "wb") as file:
            file.writelines(
                b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(self._table.tokens)
            )
        return (path,)


class StreamDecoder:
    """Turn tokens into text as they come, holding back a character until all of its bytes are there.

    Args:
        tokenizer: This tokenizer, or any byte-level one of transformers.
        skip_special_tokens: Whether special tokens are left out.
    """

    def __init__(self, tokenizer: Any, skip_special_tokens: bool = True) -> None:
        self.tokenizer = tokenizer
        self.skip_special_tokens = skip_special_tokens
        self._pending: list[int] = []

    def push(self, *token_ids: int) -> str:
        """Add tokens.

        Args:
            *token_ids: The next tokens.

        Returns:
            The text that is complete now, maybe none.
        """
        self._pending += token_ids
        text = self._decode()
        # A character that is cut at the end decodes to U+FFFD; so does a true U+FFFD, which then comes a token later.
        if text.endswith(REPLACEMENT_CHARACTER):
            return ""
        self._pending.clear()
        return text

    def end(self) -> str:
        """Finish.

        Returns:
            What was held back.
        """
        text = self._decode()
        self._pending.clear()
        return text

    def _decode(self) -> str:
        return str(self.tokenizer.decode(self._pending, skip_special_tokens=self.skip_special_tokens))


def _character_of_byte() -> dict[int, str]:
    """GPT-2's printable character of every byte."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [value for value in range(256) if value not in printable]
    return {
        **{value: chr(value) for value in printable},
        **{value: chr(256 + index) for index, value in enumerate(others)},
    }


_CHARACTER_OF_BYTE = _character_of_byte()
_BYTE_OF_CHARACTER = {ord(character): value for value, character in _CHARACTER_OF_BYTE.items()}


def _spell(token: bytes) -> str:
    return token.decode("latin-1").translate(_CHARACTER_OF_BYTE)


def _unspell(token: str) -> bytes:
    """Bytes of a token; a string that is no spelling of bytes is taken as text."""
    try:
        return bytes(_BYTE_OF_CHARACTER[ord(character)] for character in token)
    except KeyError:
        return token.encode("utf-8", errors="replace")
