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


@pytest.mark.parametrize("kind", ["pdf", "tiff", "folder", "bytes", "path"])
def test_documents_among_pictures_in_a_pipeline_are_taken_apart(
    read: Any, tiny_model: Any, tiny_processor: Any, tmp_path: Path, kind: str
) -> None:
    pages = [picture(seed) for seed in range(3)]
    (tmp_path / "folder").mkdir()
    for number, page in enumerate(pages):
        page.save(tmp_path / "folder" / f"{number}.png")
    source: Any = {
        "pdf": lambda: str(pdf_of(pages, tmp_path / "a.pdf")),
        "path": lambda: pdf_of(pages, tmp_path / "a.pdf"),
        "tiff": lambda: str(tiff_of(pages, tmp_path / "a.tif")),
        "folder": lambda: str(tmp_path / "folder"),
        "bytes": lambda: pdf_of(pages, tmp_path / "a.pdf").read_bytes(),
    }[kind]()
    for batch_size in (1, 2):
        mixed = [pages[0], source, str(tmp_path / "folder" / "1.png")]
        results = read(mixed, batch_size=batch_size, **SHORT)
        assert [result[0]["generated_text"] for result in results] == tiny_model.chat(tiny_processor, mixed, **SHORT)
        assert len(results) == 5
    assert read([source], **SHORT) == read(source, **SHORT)
    assert read([source], pages="2-3", **SHORT) == read(source, **SHORT)[1:] if kind != "folder" else True
    asked = read([pages[0], source], ["OCR: ", "OCR with format: "], **SHORT)
    assert asked == [*read([pages[0]], "OCR: ", **SHORT), *read(source, "OCR with format: ", **SHORT)]
    together = read([pages[0], source], multi_page=True, **SHORT)
    assert together[0]["generated_text"] == tiny_model.chat(
        tiny_processor, [pages[0], source], multi_page=True, **SHORT
    )
    assert [one[0] for one in read(iter([pages[0], source]), **SHORT)] == [one[0] for one in results[:4]]


def test_a_document_in_a_list_that_can_not_be_had_gets_one_line(read: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ValueError, match=r"broken\.pdf: is a damaged PDF, or none"):
        read([picture(), str(tmp_path / "broken.pdf")], **SHORT)
    with pytest.raises(ValueError, match="text must be one instruction, or one for each of the 2 pictures"):
        read([picture(), str(tmp_path / "broken.pdf")], ["OCR: "], **SHORT)
