"""Every number that two rooms must agree on: the model's configuration and how pages are cut for a checkpoint.

In: config.json of any public layout. Out: `GotOcrConfig`, `GotOcrVisionConfig`, and what a saved folder says of its
code. Imports no other room, and no torch.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .config import GotOcrConfig, GotOcrVisionConfig
    from .remote_code import CodeSavingMixin, save_code, use_code_writer
    from .slicing import SlicingOptions

__all__ = [
    "CodeSavingMixin",
    "GotOcrConfig",
    "GotOcrVisionConfig",
    "SlicingOptions",
    "save_code",
    "use_code_writer",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "CodeSavingMixin": "remote_code",
        "GotOcrConfig": "config",
        "GotOcrVisionConfig": "config",
        "SlicingOptions": "slicing",
        "save_code": "remote_code",
        "use_code_writer": "remote_code",
    },
)
