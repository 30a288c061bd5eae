"""Dense character supervision: training-only losses that tell the model where each character is.

Without them a tiny GOT does not begin to read in an hour (got_ocr/assets/nano/README.md); with them it reads letters
after minutes. The renderer knows every character's box, and

- `neck` asks the neck's cells, `tokens` the projected image tokens, which character covers each slot of 4 x 16 px;
- `guide` draws one decoder head's attention towards the image token of the current character, another one's towards
  that of the next;
- `slot` asks the decoder which slot of that token comes next.

The heads live here and are thrown away at the end.

B: pictures; R, S: slot rows and slot columns; K: classes.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_ocr.nano.network import TowerOutput

SLOT_WIDTH_PX = 4
SLOT_HEIGHT_PX = 16
TOKEN_PX = 32  # patch 8, compressed twice by 2
SLOTS_ACROSS_TOKEN = TOKEN_PX // SLOT_WIDTH_PX
SLOTS_IN_TOKEN = SLOTS_ACROSS_TOKEN * (TOKEN_PX // SLOT_HEIGHT_PX)
PATCH_PX = 8
IGNORED = -100


def slot_labels(boxes: np.ndarray, classes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Name the character that covers each slot's middle.

    Args:
        boxes: (N, 4) float, (x1, y1, x2, y2) in px.
        classes: (N,) int class of each character, 0 for white space.
        height: picture height.
        width: picture width.

    Returns:
        (height / 16, width / 4) int64; 0 is blank. Every visible character owns at least the slot of its middle.
    """
    rows, columns = height // SLOT_HEIGHT_PX, width // SLOT_WIDTH_PX
    labels = np.zeros((rows, columns), dtype=np.int64)
    scaled = boxes / np.array([SLOT_WIDTH_PX, SLOT_HEIGHT_PX, SLOT_WIDTH_PX, SLOT_HEIGHT_PX], dtype=np.float32)
    first = np.ceil(scaled[:, :2] - 0.5).astype(int)
    stop = np.ceil(scaled[:, 2:] - 0.5).astype(int)
    middle = np.floor((scaled[:, :2] + scaled[:, 2:]) / 2).astype(int)
    for (x1, y1), (x2, y2), (x, y), character in zip(first, stop, middle, classes, strict=True):
        if character:
            labels[max(0, min(y1, y)) : max(y2, y + 1), max(0, min(x1, x)) : max(x2, x + 1)] = character
    return labels


def token_positions(boxes: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the image token and the slot within it that hold each character's middle.

    Args:
        boxes: (N, 4) float in px.
        height: picture height.
        width: picture width.

    Returns:
        (N,) int64 token numbers, row by row, and (N,) int64 slots, 0 to 15, row by row within the token.
    """
    x = np.clip((boxes[:, 0] + boxes[:, 2]) / 2, 0, width - 1).astype(np.int64)
    y = np.clip((boxes[:, 1] + boxes[:, 3]) / 2, 0, height - 1).astype(np.int64)
    token = y // TOKEN_PX * (width // TOKEN_PX) + x // TOKEN_PX
    slot = y % TOKEN_PX // SLOT_HEIGHT_PX * SLOTS_ACROSS_TOKEN + x % TOKEN_PX // SLOT_WIDTH_PX
    return token, slot


@dataclass(frozen=True)
class SlotScore:
    """A reader's loss and how many of the visible characters' slots it named rightly (0 to 1)."""

    loss: Tensor
    accuracy: Tensor


class DenseHeads(nn.Module):
    """The readers of the dense losses."""

    def __init__(self, neck_channels: int, hidden_size: int, classes: int, inner: int = 96) -> None:
        """Make the heads.

        Args:
            neck_channels: channels of the tower's neck.
            hidden_size: decoder width.
            classes: characters, blank included.
            inner: width of what is read off for each slot.
        """
        super().__init__()
        # Two cells, one above the other, are as high as a slot and hold two slots side by side.
        self.cell_slots = nn.Linear(2 * neck_channels, PATCH_PX // SLOT_WIDTH_PX * inner)
        self.cell_classes = nn.Linear(inner, classes)
        self.token_slots = nn.Linear(hidden_size, SLOTS_IN_TOKEN * inner)
        self.token_classes = nn.Linear(inner, classes)
        self.next_slot = nn.Linear(hidden_size, SLOTS_IN_TOKEN)
        self.inner = inner

    def read_cells(self, output: TowerOutput, chosen: Tensor, labels: Tensor) -> SlotScore:
        """Name slots from the neck's cells.

        Args:
            output: of the tower.
            chosen: (M,) int64, slots to score, numbered over (B, R, S).
            labels: (M,) int64 classes.

        Returns:
            The score.
        """
        B, C, H, W = output.cells.shape
        pairs = output.cells.view(B, C, H // 2, 2, W).permute(0, 2, 4, 3, 1).reshape(B, H // 2, W, 2 * C)
        slots = self.cell_slots(pairs).view(-1, self.inner)  # (B, R, W, 2, inner) = (B, R, S, inner)
        return _score(self.cell_classes(slots[chosen]), labels)

    def read_tokens(self, output: TowerOutput, chosen: Tensor, labels: Tensor, columns: int) -> SlotScore:
        """Name slots from the projected image tokens.

        Args:
            output: of the tower.
            chosen: (M,) int64, slots to score, numbered over (B, R, S).
            labels: (M,) int64 classes.
            columns: image tokens in a row.

        Returns:
            The score.
        """
        B, T, _ = output.tokens.shape
        rows = T // columns
        slots = self.token_slots(F.layer_norm(output.tokens, output.tokens.shape[-1:]))
        slots = slots.view(B, rows, columns, TOKEN_PX // SLOT_HEIGHT_PX, SLOTS_ACROSS_TOKEN, self.inner)
        slots = slots.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.inner)
        return _score(self.token_classes(slots[chosen]), labels)


def _score(logits: Tensor, labels: Tensor) -> SlotScore:
    visible = labels > 0
    right = (logits.detach().argmax(-1) == labels)[visible]
    return SlotScore(F.cross_entropy(logits, labels), right.float().mean())


def balanced_slots(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Choose the slots to score: all that hold a character and as many blank ones.

    Args:
        labels: (B, R, S) int64.
        generator: draws the blank ones.

    Returns:
        (M,) int64 numbers over (B, R, S).
    """
    flat = labels.flatten()
    visible, blank = flat.nonzero()[:, 0], (flat == 0).nonzero()[:, 0]
    count = min(len(blank), max(len(visible), 16))
    return torch.cat([visible, blank[torch.randperm(len(blank), generator=generator)[:count]]])


def guide_loss(attention: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of a head's attention.

    Args:
        attention: (B, T, S) log-probabilities over the keys.
        targets: (B, T) int64, the key to look at, IGNORED where it may look anywhere.

    Returns:
        The mean over the positions that have a target.
    """
    return F.nll_loss(attention.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
