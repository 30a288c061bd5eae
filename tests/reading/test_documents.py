"""PDFs, folders and TIFFs in one call: what comes back, what its options are, and what an error advises."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import pipeline

SHORT = {"max_new_tokens": 5}


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (70, 90, 3), dtype=np.uint8))


def pdf_of(pages: list[Image.Image], path: Path) -> Path:
    pages[0].save(path, "PDF", save_all=True, append_images=pages[1:], resolution=72)
    return path


def tiff_of(pages: list[Image.Image], path: Path) -> Path:
    first, *others = (page.copy() for page in pages)  # Pillow stumbles over pictures that were saved before
    first.save(path, "TIFF", save_all=True, append_images=others)
    return path


@pytest.fixture(scope="module")
def read(tiny_checkpoint: Any) -> Any:
    return pipeline("image-text-to-text", model=str(tiny_checkpoint))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["pdf", "folder", "tiff", "list", "tuple", "generator", "bytes"])
def test_what_can_hold_several_pages_gives_a_list(
    tiny_model: Any, tiny_processor: Any, tmp_path: Path, kind: str, count: int
) -> None:
    pages = [picture(seed) for seed in range(count)]
    for number, page in enumerate(pages):
        (tmp_path / "folder").mkdir(exist_ok=True)
        page.save(tmp_path / "folder" / f"{number}.png")
    source: Any = {
        "pdf": lambda: pdf_of(pages, tmp_path / "a.pdf"),
        "folder": lambda: tmp_path / "folder",
        "tiff": lambda: tiff_of(pages, tmp_path / "a.tif"),
        "list": lambda: pages,
        "tuple": lambda: tuple(pages),
        "generator": lambda: (page for page in pages),
        "bytes": lambda: tiff_of(pages, tmp_path / "a.tif").read_bytes(),
    }[kind]()
    answers = tiny_model.chat(tiny_processor, source, **SHORT)
    assert isinstance(answers, list) and len(answers) == count
    if kind != "pdf":  # drawn anew
        assert answers == [tiny_model.chat(tiny_processor, page, **SHORT) for page in pages]


def test_what_holds_one_picture_gives_a_text(tiny_model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture().save(path)
    array = np.asarray(picture())
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), picture(), array):
        assert isinstance(tiny_model.chat(tiny_processor, source, **SHORT), str), type(source)
    assert isinstance(tiny_model.chat(tiny_processor, [picture()] * 2, multi_page=True, **SHORT), str)


def test_a_bad_page_costs_itself_alone(tiny_model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    for number in range(3):
        picture(number).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"nothing")
    answers = tiny_model.chat(tiny_processor, tmp_path, on_error="return", return_dict=True, **SHORT)
    assert [answer["error"] is None for answer in answers] == [True, False, True]
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (answer,) = tiny_model.chat(tiny_processor, tmp_path / "broken.pdf", on_error="return", return_dict=True)
    assert answer["finish_reason"] == "error"
    (missing,) = tiny_model.chat(tiny_processor, tmp_path / "missing.pdf", on_error="return", return_dict=True)
    assert "missing.pdf" in missing["error"]


def test_every_call_takes_the_options_of_pages(
    tiny_model: Any, tiny_processor: Any, read: Any, tmp_path: Path
) -> None:
    path = pdf_of([picture(seed) for seed in range(3)], tmp_path / "a.pdf")
    chosen = {"pages": "2-3", "dpi": 100, **SHORT}
    answers = tiny_model.chat(tiny_processor, path, **chosen)
    assert len(answers) == 2
    assert len(tiny_model.chat_crop(tiny_processor, path, **chosen)) == 2
    assert len("".join(tiny_model.chat_stream(tiny_processor, path, **chosen)).split("\f")) == 2
    assert [result[0]["generated_text"] for result in read(str(path), **chosen)] == answers
    (together,) = read(str(path), multi_page=True, **chosen)
    assert together["generated_text"] == tiny_model.chat(tiny_processor, path, multi_page=True, **chosen)
    with pytest.raises(ValueError, match="dpi must be a number above 0"):
        tiny_model.chat(tiny_processor, path, dpi=0)
    with pytest.raises(ValueError, match=r"max_pixels"):
        tiny_model.chat(tiny_processor, picture(), max_pixels=10)
    with pytest.raises(ValueError, match=r"max_pixels"):
        read(picture(), max_pixels=10)
    with pytest.raises(ValueError, match=r"max_pixels"):
        tiny_model.read(tiny_processor, np.asarray(picture()), max_pixels=10)


def test_a_password_opens(tiny_model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(pdf_of([picture()], tmp_path / "open.pdf"))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    with pytest.raises(ValueError, match="password"):
        tiny_model.chat(tiny_processor, tmp_path / "locked.pdf", **SHORT)
    assert len(tiny_model.chat(tiny_processor, tmp_path / "locked.pdf", password="secret", **SHORT)) == 1
