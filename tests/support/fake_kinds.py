"""Tiny kinds for tests of the data engine: quick, and faulty in every way that a kind can be."""

import os
import signal
import time

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.synthesis.kinds import KINDS
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn

MODULE = "tests.support.fake_kinds"


class Words:
    """A line of text on grey or coloured paper."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def draw(self, rng: np.random.Generator) -> Sample:
        number = int(rng.integers(1_000_000))
        paper = (250, 250, 250) if rng.random() < 0.5 else tuple(map(int, rng.integers(200, 255, 3)))
        image = Image.new("RGB", (int(rng.integers(60, 200)), 40), paper)
        ImageDraw.Draw(image).text((5, 5), f"word {number}", fill="black")
        time.sleep(float(os.environ.get("FAKE_SLEEP_S", "0")))
        return Sample("words", (image,), (Turn("OCR: ", f"word {number}\nZeile ü 中文"),), {"number": number})


class Pages:
    """Two to five pages."""

    def __init__(self, resources: Resources) -> None:
        pass

    def draw(self, rng: np.random.Generator) -> Sample:
        count = int(rng.integers(2, 6))
        images = tuple(Image.new("RGB", (50, 70), tuple(map(int, rng.integers(0, 256, 3)))) for _ in range(count))
        time.sleep(float(os.environ.get("FAKE_SLEEP_S", "0")))
        question = "OCR with format across multi pages: "
        return Sample("several", images, (Turn(question, f"{count} pages"),), {"count": count})


class Faulty:
    """Fails by a draw of the dice: raises, dies, hangs, or draws what nobody can train on."""

    def __init__(self, resources: Resources) -> None:
        pass

    def draw(self, rng: np.random.Generator) -> Sample:
        fate = fate_of(rng)
        image = Image.new("RGB", (9, 9), "white")
        if fate == "raises":
            raise ValueError("no luck\nat all")
        if fate == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "hangs":
            time.sleep(1000)
        if fate == "is empty":
            return Sample("faulty", (image,), (Turn("OCR: ", " "),))
        if fate == "is grey":
            return Sample("faulty", (image.convert("L"),), (Turn("OCR: ", "x"),))
        if fate == "has odd facts":
            return Sample("faulty", (image,), (Turn("OCR: ", "x"),), {"size": np.int64(3)})
        return Sample("faulty", (image,), (Turn("OCR: ", fate),))


FATES = ("is fine", "is fine", "is fine", "raises", "dies", "is empty", "is grey", "has odd facts")


def fate_of(rng: np.random.Generator) -> str:
    return FATES[int(rng.integers(len(FATES)))]


class Unlucky:
    """Raises for one in three, unless it has been mended."""

    def __init__(self, resources: Resources) -> None:
        pass

    def draw(self, rng: np.random.Generator) -> Sample:
        number = int(rng.integers(300))
        if number < 100 and not os.environ.get("FAKE_MENDED"):
            raise ValueError("no luck")
        return Sample("unlucky", (Image.new("RGB", (9, 9)),), (Turn("OCR: ", str(number)),))


class Hanging:
    """Never comes to an end, for one in four."""

    def __init__(self, resources: Resources) -> None:
        pass

    def draw(self, rng: np.random.Generator) -> Sample:
        if rng.random() < 0.25:
            time.sleep(1000)
        return Sample("hanging", (Image.new("RGB", (9, 9)),), (Turn("OCR: ", "done"),))


class Hopeless:
    """Always fails."""

    def __init__(self, resources: Resources) -> None:
        pass

    def draw(self, rng: np.random.Generator) -> Sample:
        raise OSError("there is no ink")


class Missing:
    """Needs a package that is not installed."""

    def __init__(self, resources: Resources) -> None:
        raise ImportError("missing needs the package inkwell: pip install inkwell")


FAKES = {
    "words": f"{MODULE}:Words",
    "several": f"{MODULE}:Pages",
    "faulty": f"{MODULE}:Faulty",
    "unlucky": f"{MODULE}:Unlucky",
    "hanging": f"{MODULE}:Hanging",
    "hopeless": f"{MODULE}:Hopeless",
    "missing": f"{MODULE}:Missing",
}


def main() -> int:
    """Run `got-ocr` with these kinds: `python -m tests.support.fake_kinds synth words ...`."""
    from got_ocr.cli import main as command

    KINDS.update(FAKES)
    if "FAKE_FILE_LIMIT" in os.environ:  # a full disk that needs no disk
        import resource

        limit = int(os.environ["FAKE_FILE_LIMIT"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return command()


if __name__ == "__main__":
    raise SystemExit(main())
