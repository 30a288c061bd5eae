"""Count parameters by part, for the table of README.md: `python modeling/parameter_table.py [CHECKPOINT]`."""

import sys
from pathlib import Path

import torch

from got_ocr import BUILTIN_CHECKPOINT, GotOcrConfig, GotOcrForConditionalGeneration

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "vision tower with compressor": "model.vision_tower_high.",
    "projector": "model.mm_projector_vary.",
    "decoder layers and norm": ("model.layers.", "model.norm."),
    "embeddings (tied)": "model.embed_tokens.",
    "all": "",
}


def main() -> None:
    """Print a Markdown table."""
    folders = sys.argv[1:] or [str(ROOT / "configuration" / "got-ocr2"), str(BUILTIN_CHECKPOINT)]
    counts = []
    for folder in folders:
        with torch.device("meta"):
            model = GotOcrForConditionalGeneration(GotOcrConfig.from_pretrained(folder))
        sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
        counts.append(
            {
                part: sum(size for name, size in sizes.items() if name.startswith(prefix))
                for part, prefix in PARTS.items()
            }
        )
    print(f"| part | {' | '.join(Path(folder).name for folder in folders)} |")
    print("|---|" + "---|" * len(folders))
    for part in PARTS:
        print(f"| {part} | {' | '.join(f'{count[part] / 1e6:.2f} M' for count in counts)} |")


if __name__ == "__main__":
    main()
