"""Samples to a batch, padded on the right; bad samples are left out and handed on to be recorded.

Shape legend:
    B  sequences
    L  tokens of the longest, rounded up
    I  images of all sequences
    S  side of an image, in pixels
"""

from collections.abc import Sequence
from typing import Any

import torch

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.bad_samples import BAD_SAMPLES_KEY, NUM_SAMPLES_KEY, BadSample, Origin
from got_ocr.training.encoding import IGNORED_LABEL, Encoded, encode_turns


class GotOcrCollator:
    """Make a batch for `GotOcrForConditionalGeneration.forward`.

    A batch of bad samples only (or of none, at the end of an epoch, on a process that gets no more) becomes one row
    with a blank picture and no label: it adds nothing to the loss, but every process of a distributed run still takes
    the step, and every parameter has a gradient, of zero.

    Args:
        processor: Of the model that is trained.
        pad_to_multiple_of: Round the length up, for the tensor cores of GPUs.
        pixel_dtype: Of `pixel_values`; the tower casts them to its own in any case, half precision halves the copy to
            the device.
    """

    def __init__(
        self,
        processor: GotOcrProcessor,
        pad_to_multiple_of: int | None = None,
        pixel_dtype: torch.dtype = torch.float32,
    ) -> None:
        if pad_to_multiple_of is not None and pad_to_multiple_of < 1:
            raise ValueError(f"pad_to_multiple_of must be 1 or more, or none, got {pad_to_multiple_of}.")
        self.processor = processor
        self.pad_token_id = processor.pad_token_id
        self.pad_to_multiple_of = pad_to_multiple_of or 1
        self.pixel_dtype = pixel_dtype

    def __call__(self, samples: Sequence[Encoded | BadSample]) -> dict[str, Any]:
        """Make a batch.

        Args:
            samples: As a dataset gives them.

        Returns:
            `input_ids`, `attention_mask` and `labels`, (B, L) int64; `pixel_values`, (I, 3, S, S): the images of all
            sequences in one run; and for :meth:`BadSampleLog.take`, which removes them: `bad_samples`, a list, and
            `num_samples`, how many good ones there are.
        """
        good = [sample for sample in samples if isinstance(sample, Encoded)]
        bad = [sample for sample in samples if isinstance(sample, BadSample)]
        batch = self.tensors(good or [self._blank()])
        return {**batch, BAD_SAMPLES_KEY: bad, NUM_SAMPLES_KEY: len(good)}

    def tensors(self, samples: Sequence[Encoded]) -> dict[str, Any]:
        """Pad and join samples.

        Args:
            samples: At least one.

        Returns:
            What the model takes; see :meth:`__call__`.
        """
        length = self.round_up(max(len(sample) for sample in samples))
        input_ids = torch.full((len(samples), length), self.pad_token_id)
        attention_mask = torch.zeros((len(samples), length), dtype=torch.int64)
        labels = torch.full((len(samples), length), IGNORED_LABEL)
        for row, sample in enumerate(samples):
            input_ids[row, : len(sample)] = sample.input_ids
            attention_mask[row, : len(sample)] = 1
            labels[row, : len(sample)] = sample.labels
        pixel_values = torch.cat([sample.pixel_values for sample in samples]).to(self.pixel_dtype)
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "labels": labels,
            "pixel_values": pixel_values,
        }

    def round_up(self, length: int) -> int:
        """Round a number of tokens up to `pad_to_multiple_of`."""
        return -(-length // self.pad_to_multiple_of) * self.pad_to_multiple_of

    def _blank(self) -> Encoded:
        ids, _ = encode_turns((("", ""),), 1, self.processor)
        side = self.processor.image_processor.size
        labels = torch.full((len(ids),), IGNORED_LABEL)
        return Encoded(torch.tensor(ids), labels, torch.zeros(1, 3, side, side), Origin("", 0))
