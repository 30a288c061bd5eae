"""Conversation files, pictures and tar shards for tests of training."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(seed: int = 0, width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def turns(*texts: str) -> list[dict[str, str]]:
    """Question, answer, question, answer ... with the place holder before the first."""
    roles = ("human", "gpt")
    return [
        {"from": roles[number % 2], "value": text if number else f"<image>\n{text}"}
        for number, text in enumerate(texts)
    ]


def entry(image: Any, *texts: str) -> dict[str, Any]:
    return {"image": image, "conversations": turns(*texts)}


def write_set(folder: Path, count: int, name: str = "train.json", **changes: Any) -> Path:
    """`count` pictures and a conversation file; `changes` replace entries by number: `e3={...}`."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(count):
        picture(number).save(folder / f"{number}.png")
        entries.append(entry(f"{number}.png", "OCR: ", f"text {number} " + "x" * (number * 7 % 40)))
    for key, value in changes.items():
        entries[int(key[1:])] = value
    if name.endswith("l"):
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries)
    else:
        text = json.dumps(entries, ensure_ascii=False, indent=1)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def shard_members(first: int, count: int) -> dict[str, bytes]:
    """Samples as the data engine writes them; every third has two pages."""
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        pages = 2 if number % 3 == 0 else 1
        question = "OCR with format across multi pages: " if pages == 2 else "OCR: "
        for page in range(pages):
            suffix = f"{page}.png" if pages > 1 else "png"
            members[f"{number:06d}.{suffix}"] = png(picture(number * 10 + page))
        content = {"kind": "pages", "conversations": turns(question, f"sample {number}")}
        members[f"{number:06d}.json"] = json.dumps(content).encode()
    return members
