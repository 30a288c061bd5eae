"""Write the goldens of the text and pixel side: prompts, prompt ids, crop grids, checksums of pixels.

    python processing/goldens/write_goldens.py VOCABULARY

VOCABULARY is the genuine `qwen.tiktoken` (`dashscope/resources/qwen.tiktoken` in the PyPI package dashscope). Tests
compare what the code makes with what stands here, so write anew only on purpose, and read the difference.
"""

import argparse
import hashlib
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.processing.image_processor import GotOcrImageProcessor, crop_grid
from got_ocr.processing.mode import Mode
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.prompt import chat_prompt, instruction, prompt_parts
from got_ocr.processing.tokenizer import GotOcrTokenizer

PER_MILLE = (1000, 1000)  # Of a picture of this size, boxes in pixels and in the prompt are the same.
FOLDER = Path(__file__).resolve().parent
NANO_VOCABULARY = FOLDER.parents[1] / "got_ocr" / "assets" / "nano" / "qwen.tiktoken"
MODES: list[tuple[dict[str, Any], int]] = [
    ({}, 1),
    ({"ocr_type": "format"}, 1),
    ({"box": [12, 34, 567, 1000]}, 1),
    ({"box": [12, 34, 567, 1000], "ocr_type": "format"}, 1),
    ({"box": [500, 7]}, 1),
    ({"color": "red"}, 1),
    ({"color": "green"}, 1),
    ({"color": "blue", "ocr_type": "format"}, 1),
    ({"crop": True}, 3),
    ({"crop": True, "ocr_type": "format"}, 7),
    ({"multi_page": True, "ocr_type": "format"}, 2),
]
SIDES_PX = (1, 7, 100, 333, 512, 724, 725, 1000, 1024, 1025, 1448, 1449, 1600, 2048, 2480, 3072, 3508, 6144, 10000)
# Name, (width, height), mode of a picture that `make_picture` draws, and the side of the input.
PICTURES = [
    ("page", (850, 1100), "RGB", 1024),
    ("line", (900, 60), "RGB", 1024),
    ("same size", (1024, 1024), "RGB", 1024),
    ("one pixel", (1, 1), "RGB", 1024),
    ("grey", (300, 200), "L", 192),
]


def make_picture(width: int, height: int, mode: str) -> Image.Image:
    """Draw a picture by integer arithmetic alone, the same everywhere."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    channels = [(x * 7 + y * 13 + x * y // 5 + (x // 9 + y // 11) % 2 * 90 + shift) % 256 for shift in (0, 60, 170)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).convert(mode)


def checksum(pixel_values: np.ndarray) -> str:
    """SHA-256 of float32 values, little end first."""
    return hashlib.sha256(np.ascontiguousarray(pixel_values, dtype="<f4").tobytes()).hexdigest()


def pixel_checksums() -> list[dict[str, Any]]:
    """The pictures' pixel values, whole and in tiles."""
    entries = []
    for name, size, mode, side in PICTURES:
        image, processor = make_picture(*size, mode), GotOcrImageProcessor(size=side)
        tiles = processor.crop_to_tiles(image)
        entries.append(
            {
                "name": name,
                "size": list(size),
                "mode": mode,
                "side": side,
                "sha256": checksum(processor(image, return_tensors="np")["pixel_values"]),
                "tiles": len(tiles),
                "tiles_sha256": checksum(processor(tiles, return_tensors="np")["pixel_values"]),
            }
        )
    return entries


def prompt_ids(vocabulary: Path, image_token_len: int) -> list[dict[str, Any]]:
    """The ids of every mode's prompt as runs of [id, times]."""
    processor = GotOcrProcessor(GotOcrImageProcessor(), GotOcrTokenizer(vocabulary), image_token_len=image_token_len)
    entries = []
    for options, num_images in MODES:
        ids = processor.encode_parts(
            prompt_parts(instruction(Mode(**options), PER_MILLE), num_images, image_token_len)
        )
        runs = [[token, len(list(run))] for token, run in groupby(ids)]
        entries.append({"options": options, "num_images": num_images, "length": len(ids), "runs": runs})
    return entries


def prompts() -> list[dict[str, Any]]:
    """Every mode's prompt, with short images."""
    return [
        {
            "options": options,
            "num_images": num_images,
            "image_token_len": 2,
            "prompt": chat_prompt(instruction(Mode(**options), PER_MILLE), num_images, image_token_len=2),
        }
        for options, num_images in MODES
    ]


def crop_grids() -> list[list[int]]:
    """Rows of [width, height, max_tiles, columns, rows]."""
    return [
        [width, height, max_tiles, *crop_grid(width, height, max_tiles)]
        for max_tiles in (1, 6, 12)
        for width in SIDES_PX
        for height in SIDES_PX
    ]


def write(name: str, rows: list[Any]) -> None:
    """Write one golden, an entry a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    (FOLDER / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Write all goldens."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vocabulary", type=Path, help="the genuine qwen.tiktoken")
    vocabulary: Path = parser.parse_args().vocabulary
    write("prompts.json", prompts())
    write("prompt_ids_genuine.json", prompt_ids(vocabulary, image_token_len=256))
    write("prompt_ids_nano.json", prompt_ids(NANO_VOCABULARY, image_token_len=36))
    write("crop_grids.json", crop_grids())
    write("pixel_checksums.json", pixel_checksums())


if __name__ == "__main__":
    main()
