"""Sample number n of a kind, drawn and encoded the same way whoever draws it.

The chance of a sample comes from the run's seed, the kind's name and the sample's number alone. So any process can
draw any sample, a run that was stopped goes on where it was, and one sample can be drawn again by itself.
"""

import io
import json
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.synthesis.kinds import make_kind
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Kind, Sample


@dataclass(frozen=True)
class Job:
    """A sample to draw.

    Attributes:
        kind: the kind's name.
        seed: the run's seed, 0 or more.
        number: the sample's number in the run, from 0.
    """

    kind: str
    seed: int
    number: int


@dataclass(frozen=True)
class EncodedSample:
    """A sample as it is written to files.

    Attributes:
        job: which sample it is.
        pictures: PNG files; pictures without colour have one channel.
        conversation: the turns in the published form.
        source: JSON-ready facts about how it was drawn.
        seconds: how long drawing and encoding took.
    """

    job: Job
    pictures: tuple[bytes, ...]
    conversation: list[dict[str, str]]
    source: dict[str, Any]
    seconds: float = 0.0


@dataclass(frozen=True)
class FailedSample:
    """A sample that could not be drawn.

    Attributes:
        job: which sample it is.
        error: what went wrong, in one line.
        details: the traceback, where there is one.
    """

    job: Job
    error: str
    details: str = ""


def sample_rng(job: Job) -> np.random.Generator:
    """Make the generator of one sample.

    Args:
        job: which sample.

    Returns:
        The generator; equal for equal jobs, on every machine.
    """
    return np.random.default_rng((job.seed, zlib.crc32(job.kind.encode("utf-8")), job.number))


def iter_samples(
    kind: str, resources: Resources | None = None, seed: int = 0, start: int = 0, count: int | None = None
) -> Iterator[Sample]:
    """Draw samples in this process, the same ones that `got-ocr synth` writes.

    Args:
        kind: one of `got_ocr.synthesis.KINDS`.
        resources: fonts and text; those of the machine by default.
        seed: the run's seed, 0 or more.
        start: number of the first sample.
        count: how many; None goes on without end.

    Yields:
        Samples number `start`, `start + 1` ...

    Raises:
        ValueError: there is no such kind, a number is negative, or what the kind needs is not installed.
    """
    if min(seed, start, count or 0) < 0:
        raise ValueError(f"seed, start and count must not be negative, got {seed}, {start} and {count}")
    source = make_kind(kind, resources or Resources())
    number = start
    while count is None or number < start + count:
        yield source.draw(sample_rng(Job(kind, seed, number)))
        number += 1


def draw_encoded(source: Kind, job: Job) -> EncodedSample | FailedSample:
    """Draw one sample and encode it; never raises for what the kind did wrong.

    Args:
        source: the kind of `job.kind`.
        job: which sample.

    Returns:
        The sample, or why there is none.
    """
    try:
        sample = source.draw(sample_rng(job))
        check_sample(sample, job.kind)
        facts = json.loads(json.dumps(dict(sample.source), allow_nan=False))
        pictures = tuple(map(encode_picture, sample.images))
    except Exception as error:
        said = " ".join(str(error).split())
        reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return FailedSample(job, reason, traceback.format_exc())
    return EncodedSample(job, pictures, sample.conversation(), facts)


def check_sample(sample: Sample, kind: str) -> None:
    """Refuse a sample that nobody could train on.

    Args:
        sample: what a kind drew.
        kind: the kind's name.

    Raises:
        ValueError: it is of another kind, has no picture or an odd one, or has nothing to say.
    """
    if sample.kind != kind:
        raise ValueError(f"the kind {kind!r} drew a sample that calls itself {sample.kind!r}")
    if not sample.images or not sample.turns:
        raise ValueError(f"a sample needs a picture and a turn, got {len(sample.images)} and {len(sample.turns)}")
    for image in sample.images:
        if image.mode != "RGB" or min(image.size) < 1:
            raise ValueError(f"pictures must be RGB and not empty, got {image.mode} of {image.width} x {image.height}")
    for turn in sample.turns:
        if not turn.instruction.strip() or not turn.answer.strip():
            raise ValueError(f"neither side of a turn may be empty, got {turn.instruction!r} and {turn.answer!r}")
        (turn.instruction + turn.answer).encode("utf-8")  # half a surrogate pair can't be written


def encode_picture(image: Image.Image) -> bytes:
    """Encode a picture without loss.

    Args:
        image: RGB.

    Returns:
        A PNG file; of one channel where the picture has no colour, which takes half the time and space.
    """
    pixels = np.asarray(image)
    is_grey = np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2])
    buffer = io.BytesIO()
    (image.getchannel(0) if is_grey else image).save(buffer, "PNG")
    return buffer.getvalue()
