"""What a request may ask of generation beyond vLLM's own parameters, in `extra_args` (`vllm_xargs` of the API).

`no_repeat_ngram_size`: size of the n-grams that may occur only once; 0: any may occur again. Not given: as
`model.chat` does, 20 for one picture, 0 for several (tiles, pages) and for checkpoints that read slices.
`stop_loops`: whether an answer ends where it repeats itself; not given: yes.
`suppressed_tokens`: ids that are never generated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...reading.reader import SINGLE_IMAGE_NGRAM_SIZE

NGRAM_SIZE = "no_repeat_ngram_size"
STOP_LOOPS = "stop_loops"
SUPPRESSED_TOKENS = "suppressed_tokens"


@dataclass(frozen=True)
class GotOcrSampling:
    """What a request asks.

    Attributes:
        ngram_size: As above; None: by the number of pictures.
        stop_loops: As above.
        suppressed_tokens: As above.
    """

    ngram_size: int | None = None
    stop_loops: bool = True
    suppressed_tokens: tuple[int, ...] = ()

    @classmethod
    def of(cls, extra_args: Mapping[str, Any] | None) -> "GotOcrSampling":
        """Read what a request says.

        Args:
            extra_args: Of its sampling parameters; names of others are left alone.

        Returns:
            It.

        Raises:
            ValueError: If a value is not allowed.
        """
        given = extra_args or {}
        ngram_size, stop_loops = given.get(NGRAM_SIZE), given.get(STOP_LOOPS, True)
        if ngram_size is not None and (type(ngram_size) is not int or ngram_size < 0):
            raise ValueError(f"{NGRAM_SIZE} must be a whole number, 0 for none, got {ngram_size!r}.")
        if stop_loops not in (0, 1, True, False):
            raise ValueError(f"{STOP_LOOPS} must be true or false, or 1 or 0, got {stop_loops!r}.")
        tokens = given.get(SUPPRESSED_TOKENS, ())
        if not isinstance(tokens, (list, tuple)) or not all(type(token) is int and token >= 0 for token in tokens):
            raise ValueError(f"{SUPPRESSED_TOKENS} must be a list of token ids, got {tokens!r}.")
        return cls(ngram_size, bool(stop_loops), tuple(tokens))

    def to_extra_args(self) -> dict[str, Any]:
        """Write it as a request says it."""
        args: dict[str, Any] = {STOP_LOOPS: self.stop_loops}
        if self.ngram_size is not None:
            args[NGRAM_SIZE] = self.ngram_size
        if self.suppressed_tokens:
            args[SUPPRESSED_TOKENS] = list(self.suppressed_tokens)
        return args

    def choose_ngram_size(self, num_image_tokens: int, image_token_len: int, made_for_slices: bool) -> int:
        """Choose the size of n-grams.

        Args:
            num_image_tokens: Place holders in the prompt.
            image_token_len: Of one image.
            made_for_slices: Whether the checkpoint is.

        Returns:
            The size; 0 for none.
        """
        if self.ngram_size is not None:
            return self.ngram_size
        # Kept for checkpoint compatibility: published without n-gram blocking in the modes of several images.
        is_single = num_image_tokens <= image_token_len
        return SINGLE_IMAGE_NGRAM_SIZE if is_single and not made_for_slices else 0
