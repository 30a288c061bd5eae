"""Several short samples in one row, each seeing itself only.

Positions begin anew with each sample. Where positions begin anew and there is neither an attention mask nor a cache,
transformers lets a token attend to its own sample only: by a block-diagonal mask for eager and sdpa, by sequence
lengths for flash attention, which then computes nothing for padding. So a packed batch has no `attention_mask`, and
says `use_cache=False`; what pads a row is a sample of its own, without labels.

Shape legend:
    B  rows
    L  tokens of a row
"""

from collections.abc import Sequence
from typing import Any

import torch

from got_ocr.processing_got_ocr import GotOcrProcessor
from got_ocr.training.collator import GotOcrCollator
from got_ocr.training.encoding import IGNORED_LABEL, Encoded


class PackingCollator(GotOcrCollator):
    """Make a batch of fewer and fuller rows.

    It pays where samples are short and unlike in length, and most with flash attention: a row's attention costs the
    square of its length in the other back ends, which compute what the mask then leaves out.

    Args:
        processor: Of the model that is trained.
        row_tokens: Most tokens of a row; a longer sample has a row of its own.
        pad_to_multiple_of: Round the length up, for the tensor cores of GPUs.
        pixel_dtype: Of `pixel_values`.

    Raises:
        ValueError: If a number is not allowed.
    """

    def __init__(
        self,
        processor: GotOcrProcessor,
        row_tokens: int,
        pad_to_multiple_of: int | None = None,
        pixel_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(processor, pad_to_multiple_of, pixel_dtype)
        if row_tokens < 1:
            raise ValueError(f"row_tokens must be 1 or more, got {row_tokens}.")
        self.row_tokens = row_tokens

    def tensors(self, samples: Sequence[Encoded]) -> dict[str, Any]:
        """Pack samples.

        Args:
            samples: At least one.

        Returns:
            `input_ids`, `labels` and `position_ids`, (B, L) int64; `pixel_values`, (I, 3, S, S), in the order of the
            rows; `use_cache`, False.
        """
        rows = [[samples[index] for index in row] for row in pack([len(one) for one in samples], self.row_tokens)]
        length = self.round_up(max(sum(len(one) for one in row) for row in rows))
        input_ids = torch.full((len(rows), length), self.pad_token_id)
        labels = torch.full((len(rows), length), IGNORED_LABEL)
        position_ids = torch.zeros((len(rows), length), dtype=torch.int64)
        for number, row in enumerate(rows):
            start = 0
            for sample in row:
                end = start + len(sample)
                input_ids[number, start:end] = sample.input_ids
                labels[number, start:end] = sample.labels
                position_ids[number, start:end] = torch.arange(len(sample))
                start = end
            position_ids[number, start:] = torch.arange(length - start)
        pixels = torch.cat([sample.pixel_values for row in rows for sample in row]).to(self.pixel_dtype)
        return {
            "input_ids": input_ids,
            "labels": labels,
            "position_ids": position_ids,
            "pixel_values": pixels,
            "use_cache": False,
        }


def pack(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Put samples into few rows: longest first, each into the fullest row that it fits in.

    Args:
        lengths: Tokens of each sample.
        row_tokens: Most tokens of a row; a longer sample has a row of its own.

    Returns:
        Numbers of the samples of each row, in order within rows and of the rows' first samples.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        fitting = [row for row in range(len(rows)) if room[row] >= lengths[index]]
        if fitting:
            best = min(fitting, key=lambda row: room[row])
            rows[best].append(index)
            room[best] -= lengths[index]
        else:
            rows.append([index])
            room.append(row_tokens - lengths[index])
    return sorted(sorted(row) for row in rows)
