"""Pixels, grids, tokens and prompts against transformers' port, apart from the port's named defects.

The defects (got.md section 10): a stray space before `OCR` when no box is given, the caller's box overwritten, boxes
of two numbers refused, a document's pages counted from the batch.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from got_ocr.processing.image_processor import GotOcrImageProcessor, crop_grid
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.tokenizer import GotOcrTokenizer
from tests.support.vocabularies import genuine_vocabulary, write_port_folder

try:  # Transformers 5 has two back ends; the one on Pillow needs no torchvision.
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
        GotOcr2ImageProcessorPil as PortImageProcessor,
    )
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas
except ImportError:
    from transformers.models.got_ocr2.image_processing_got_ocr2 import GotOcr2ImageProcessor as PortImageProcessor
    from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas

SIDE_PX = 64
NUM_RANKS = 4000  # The first ranks are a vocabulary of their own, and quick to convert.
SIZES = [(64, 64), (50, 90), (200, 64), (640, 100), (33, 300), (91, 91), (90, 91), (128, 129)]


@pytest.fixture(scope="module")
def processors(tmp_path_factory: pytest.TempPathFactory) -> tuple[GotOcrProcessor, object]:
    """Ours, with tiktoken, and the port's, with its fast tokenizer; equal vocabularies."""
    from transformers.models.got_ocr2.processing_got_ocr2 import GotOcr2Processor

    folder = tmp_path_factory.mktemp("port")
    ranks = genuine_vocabulary().read_bytes().splitlines(keepends=True)[:NUM_RANKS]
    (folder / "qwen.tiktoken").write_bytes(b"".join(ranks))
    tokenizer = GotOcrTokenizer(folder / "qwen.tiktoken")
    write_port_folder(folder / "port", tokenizer, NUM_RANKS, SIDE_PX)
    fast = GotOcrProcessor.from_pretrained(folder / "port").tokenizer
    port_images = PortImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX})
    return GotOcrProcessor(GotOcrImageProcessor(size=SIDE_PX), tokenizer), GotOcr2Processor(port_images, fast)


def picture(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_grids_are_the_ports() -> None:
    sides = (1, 100, 512, 700, 1000, 1024, 1448, 1449, 2000, 3508, 9000)
    for max_tiles in (1, 6, 12):
        for width in sides:
            for height in sides:
                expected = get_optimal_tiled_canvas((height, width), (1024, 1024), 1, max_tiles)
                assert crop_grid(width, height, max_tiles) == tuple(expected), (width, height, max_tiles)


@pytest.mark.parametrize("size", SIZES)
def test_pixels_are_the_ports(size: tuple[int, int]) -> None:
    ours = GotOcrImageProcessor(size=SIDE_PX)
    port = PortImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX})
    image = picture(*size)
    whole = port(image, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(ours(image, return_tensors="np")["pixel_values"], whole, rtol=0, atol=1e-6)
    # The port may make 12 tiles by default; both are told 6.
    tiles = port(image, crop_to_patches=True, max_patches=6, return_tensors="np")["pixel_values"]
    expected = ours(ours.crop_to_tiles(image, 6), return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(expected, tiles, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ocr_type", ["ocr", "format"])
def test_box_prompts_are_the_ports(processors: tuple, ocr_type: str) -> None:
    ours, port = processors
    image = picture(200, 100)
    expected = port(image, box=[20, 10, 100, 50], format=ocr_type == "format", return_tensors="np")
    inputs = ours(image, box=[20, 10, 100, 50], ocr_type=ocr_type, return_tensors="np")
    np.testing.assert_array_equal(inputs["input_ids"], expected["input_ids"])
    np.testing.assert_array_equal(inputs["attention_mask"], expected["attention_mask"])
    np.testing.assert_allclose(inputs["pixel_values"], expected["pixel_values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "port_options"),
    [
        ({}, {}),
        ({"ocr_type": "format"}, {"format": True}),
        ({"color": "red"}, {"color": "red"}),
        ({"crop": True}, {"crop_to_patches": True, "max_patches": 6}),
        ({"crop": True, "ocr_type": "format"}, {"crop_to_patches": True, "max_patches": 6, "format": True}),
        ({"multi_page": True}, {"multi_page": True, "format": True}),
    ],
)
def test_other_prompts_are_the_ports_without_its_stray_space(
    processors: tuple, options: dict, port_options: dict
) -> None:
    ours, port = processors
    images = [picture(200, 100)]
    inputs, expected = ours(images, **options), port(images, return_tensors="pt", **port_options)
    text, port_text = (processor.decode(x["input_ids"][0]) for processor, x in ((ours, inputs), (port, expected)))
    assert port_text.count(" OCR") == 1
    assert text == port_text.replace("\n OCR", "\nOCR").replace("]  OCR", "] OCR")
    np.testing.assert_allclose(inputs["pixel_values"], expected["pixel_values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "It's 2024:\r\n\r\n  E = mc² naïve\t 中文字符 😀",
        "e\u0301 \\frac{a}{b} don't DON'T   \n \n x",
        "<|im_end|><imgpad>",
        "",
        " ",
    ],
)
def test_tokens_are_the_fast_tokenizers(processors: tuple, text: str) -> None:
    tokenizer, fast = (processor.tokenizer for processor in processors)
    expected = fast.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert tokenizer.encode(text, split_special_tokens=True) == expected
    assert tokenizer.tokenize(text, split_special_tokens=True) == fast.convert_ids_to_tokens(expected)
    assert tokenizer.decode(expected) == fast.decode(expected)


def test_the_ports_own_checkpoint_folder_gives_our_inputs(processors: tuple, tmp_path: Path) -> None:
    ours, port = processors
    port.save_pretrained(tmp_path)
    twin = GotOcrProcessor.from_pretrained(tmp_path)
    assert (twin.image_processor.size, twin.image_processor.max_tiles, twin.image_token_len) == (SIDE_PX, 6, 256)
    inputs, expected = twin(picture(200, 100), crop=True), ours(picture(200, 100), crop=True)
    for name in expected:
        np.testing.assert_array_equal(inputs[name], expected[name])
