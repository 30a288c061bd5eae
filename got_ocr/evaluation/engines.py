"""Who reads: GOT, and the peers that users compare it with, behind one call.

Every engine gets loaded pictures and gives text. What it needs is imported, its models are loaded, when it is made.
Engines other than `got` and transformers' port of it know no boxes or coloured frames: they get the part cut out.
"""

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..processing.mode import Mode
from ..version import __version__
from .samples import Sample

if TYPE_CHECKING:
    from PIL import Image

ENGINES = ("got", "tesseract", "rapidocr", "transformers")
TESSERACT_TIMEOUT_S = 300.0
PROMPTED = ("got", "transformers")  # engines that are asked something
DEFAULT_PROMPT = "Read all text in this picture. Answer with the text alone."


@dataclass(frozen=True)
class Reading:
    """What an engine read.

    Attributes:
        text: The text.
        finish_reason: `stop`, `length`, `repetition`, `error`, or empty where the engine doesn't tell.
        probability: Mean token probability, or None.
        error: Why there is none, or empty.
    """

    text: str
    finish_reason: str = ""
    probability: float | None = None
    error: str = ""


@dataclass(frozen=True)
class EngineOptions:
    """What the engines can be told.

    Attributes:
        model: Folder or Hub id of a checkpoint, for `got` and `transformers`.
        device: `cpu`, `cuda`, `cuda:1`, `mps` or `auto`.
        dtype: `float32`, `bfloat16`, `float16` or `auto`.
        threads: Cores to use, so that times compare; None leaves it to the engine.
        batch_size: Pictures read at once by the models.
        max_new_tokens: Longest answer.
        formatted: Read with format (Mathpix Markdown), for `got` and its port.
        crop: Read in tiles, for `got` and its port.
        languages: Tesseract's, such as `eng` or `eng+chi_sim`.
        page_segmentation: Tesseract's `--psm`: 3 a page, 6 a block, 7 a line, 11 sparse text.
        prompt: What to ask instead of the checkpoint's own words, for `got` and `transformers`; None: those, or
            DEFAULT_PROMPT for a model that has none.
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    batch_size: int = 4
    max_new_tokens: int = 4096
    formatted: bool = False
    crop: bool = False
    languages: str = "eng"
    page_segmentation: int = 3
    prompt: str | None = None


class Engine(Protocol):
    """A reader of pictures."""

    def read(self, samples: Sequence[Sample], pictures: Sequence[list["Image.Image"]]) -> list[Reading]:
        """Read samples, whose pictures are loaded; a list of several is a document of pages."""
        ...


def make_engine(name: str, options: EngineOptions) -> Engine:
    """Load an engine.

    Args:
        name: One of ENGINES.
        options: What it is told.

    Returns:
        The engine.

    Raises:
        ValueError: If there is no such engine, or its program is missing.
        ModuleNotFoundError: If its package is missing; the message names the extra.
    """
    makers: dict[str, Callable[[EngineOptions], Engine]] = {
        "got": GotEngine,
        "tesseract": TesseractEngine,
        "rapidocr": RapidOcrEngine,
        "transformers": TransformersEngine,
    }
    if name not in makers:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}.")
    if options.prompt is not None and name not in PROMPTED:
        raise ValueError(f"the engine {name} is asked nothing: leave the prompt out, or use {' or '.join(PROMPTED)}.")
    engine = makers[name](options)
    if options.threads is not None and "torch" in sys.modules:
        import torch

        torch.set_num_threads(options.threads)
    return engine


def engine_version(name: str) -> str:
    """Tell an engine's version, for the report."""
    if name == "tesseract":
        program = shutil.which("tesseract")
        if program is None:
            return ""
        output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        return (output.stdout or output.stderr).split("\n", 1)[0].removeprefix("tesseract ").strip()
    if name == "got":
        return __version__
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


class GotEngine:
    """This package's model, through `Reader`, as everything that reads."""

    def __init__(self, options: EngineOptions) -> None:
        from ..hub.model_choice import ModelChoice, load_model_for
        from ..processing.options import SourceOptions
        from ..reading.options import ReadingOptions
        from ..reading.reader import Reader

        if options.model is None:
            raise ValueError("the engine got needs a checkpoint: --model FOLDER_OR_HUB_ID")
        mode = Mode(crop=options.crop)
        model, processor = load_model_for(
            ModelChoice(options.model, ""), mode, own_device(options.device), options.dtype
        )
        no_advice = SourceOptions(spelled={})  # A run of evaluation takes no options of sources.
        reading = ReadingOptions(options.max_new_tokens, options.batch_size, source=no_advice, line_boxes=False)
        self._reader = Reader(model, processor, reading) if processor is not None else model.reader(reading)
        self._options = options

    def read(self, samples: Sequence[Sample], pictures: Sequence[list["Image.Image"]]) -> list[Reading]:
        """Read samples: single pictures as batches, documents of several pages one by one."""
        readings: dict[int, Reading] = {}
        single = [place for place, pages in enumerate(pictures) if len(pages) == 1]
        modes = [self._mode_of(samples[place], pictures[place][0]) for place in single]
        answers = self._reader.read([pictures[place][0] for place in single], modes)
        readings.update(zip(single, map(_to_reading, answers), strict=True))
        kind = "format" if self._options.formatted else "ocr"
        together = Mode(kind, multi_page=True, instruction=self._options.prompt)
        for place, pages in enumerate(pictures):
            if len(pages) != 1:
                readings[place] = _to_reading(self._reader.read(pages, together)[0])
        return [readings[place] for place in range(len(samples))]

    def _mode_of(self, sample: Sample, picture: "Image.Image") -> Mode:
        return Mode(
            "format" if self._options.formatted else "ocr",
            box=sample.box_pixels(*picture.size),
            color=sample.color,
            crop=self._options.crop,
            instruction=self._options.prompt,
        )


def _box_or_none(sample: Sample, picture: "Image.Image") -> list[float] | None:
    box = sample.box_pixels(*picture.size)
    return None if box is None else list(box)


def _to_reading(answer: Any) -> Reading:
    return Reading(answer.text, answer.finish_reason, answer.mean_probability, answer.error or "")


def own_device(device: str) -> str:
    """Choose this process's GPU where a launcher started one process a GPU (LOCAL_RANK), else leave the choice."""
    local_rank = os.environ.get("LOCAL_RANK")
    if device not in ("auto", "cuda") or local_rank is None:
        return device
    import torch

    if not torch.cuda.is_available():
        return device
    return f"cuda:{int(local_rank) % torch.cuda.device_count()}"


def cut_out(sample: Sample, picture: "Image.Image") -> "Image.Image":
    """Cut out what the sample's box or coloured frame encloses, for engines that know no such thing."""
    if sample.box is None and not sample.color:
        return picture
    from ..slices.region import cut_region

    return cut_region(picture, _box_or_none(sample, picture), sample.color)


class _PageByPageEngine:
    """Shared by the engines that read one picture after the other."""

    def read(self, samples: Sequence[Sample], pictures: Sequence[list["Image.Image"]]) -> list[Reading]:
        """Read samples; a document's pages are joined by a line break."""
        return [
            Reading("\n".join(self.read_picture(cut_out(sample, page)) for page in pages))
            for sample, pages in zip(samples, pictures, strict=True)
        ]

    def read_picture(self, picture: "Image.Image") -> str:
        raise NotImplementedError


class TesseractEngine(_PageByPageEngine):
    """Tesseract, the program."""

    def __init__(self, options: EngineOptions) -> None:
        program = shutil.which("tesseract")
        if program is None:
            raise ValueError("the engine tesseract needs the program: apt-get install tesseract-ocr (or brew)")
        self._environment = dict(os.environ)
        if options.threads is not None:
            self._environment["OMP_THREAD_LIMIT"] = str(options.threads)
        self._command = [
            program, "stdin", "stdout", "-l", options.languages, "--psm", str(options.page_segmentation)
        ]  # fmt: skip

    def read_picture(self, picture: "Image.Image") -> str:
        """Read one picture."""
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        done = subprocess.run(
            self._command,
            input=buffer.getvalue(),
            capture_output=True,
            timeout=TESSERACT_TIMEOUT_S,
            env=self._environment,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ValueError(f"tesseract failed ({done.returncode}): {reason[0] if reason else 'no reason given'}")
        return done.stdout.decode("utf-8", "replace").strip()


class RapidOcrEngine(_PageByPageEngine):
    """RapidOCR (PP-OCR on ONNX Runtime); its models come within its package, nothing is downloaded."""

    def __init__(self, options: EngineOptions) -> None:
        import logging

        try:
            from rapidocr import RapidOCR
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("the engine rapidocr needs: pip install rapidocr onnxruntime") from error
        threads = -1 if options.threads is None else options.threads
        self._engine = RapidOCR(
            params={"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": threads}
        )
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read_picture(self, picture: "Image.Image") -> str:
        """Read one picture."""
        import numpy as np

        found: Any = self._engine(np.asarray(picture)[:, :, ::-1])  # BGR, as OpenCV has it
        if found.txts is None:
            return ""
        return join_boxes([[tuple(point) for point in box] for box in found.boxes.tolist()], list(found.txts))


def join_boxes(boxes: Sequence[Sequence[tuple[float, float]]], texts: Sequence[str]) -> str:
    """Join the texts of boxes: those side by side by a space, lines by a line break, from top to bottom.

    Args:
        boxes: The corners (x, y) of each.
        texts: Their texts.

    Returns:
        The joined text.
    """
    spans = sorted(
        (
            (min(y for _, y in box), max(y for _, y in box), min(x for x, _ in box), text)
            for box, text in zip(boxes, texts, strict=True)
        ),
        key=lambda span: (span[0] + span[1]) / 2,
    )
    lines: list[list[tuple[float, float, float, str]]] = []
    for span in spans:
        middle = (span[0] + span[1]) / 2
        if lines and middle < lines[-1][-1][1] and (lines[-1][-1][0] + lines[-1][-1][1]) / 2 > span[0]:
            lines[-1].append(span)
        else:
            lines.append([span])
    return "\n".join(" ".join(span[3] for span in sorted(line, key=lambda span: span[2])) for line in lines)


class TransformersEngine:
    """Any image-text-to-text model of transformers, GOT's port (`got_ocr2`) in its own modes."""

    def __init__(self, options: EngineOptions) -> None:
        import transformers

        from ..hub.model_choice import pick_device, pick_dtype

        if options.model is None:
            raise ValueError("the engine transformers needs a checkpoint: --model FOLDER_OR_HUB_ID")
        # The bare file: after `import got_ocr` the Auto classes would give our own classes for GOT's port.
        config, _ = transformers.PretrainedConfig.get_config_dict(options.model)
        self._is_port = config.get("model_type") == "got_ocr2"
        self._is_encoder_decoder = config.get("model_type") == "vision-encoder-decoder"
        if self._is_encoder_decoder and options.prompt is not None:
            raise ValueError(f"{options.model} is asked nothing, it reads pictures alone: leave the prompt out.")
        model_class: Any = transformers.AutoModelForImageTextToText
        processor_class: Any = transformers.AutoProcessor
        if self._is_port:
            model_class = transformers.GotOcr2ForConditionalGeneration
            processor_class = transformers.GotOcr2Processor
        elif self._is_encoder_decoder:
            model_class = transformers.VisionEncoderDecoderModel
        import torch

        device = pick_device(own_device(options.device))
        stored = getattr(torch, str(config.get("dtype") or config.get("torch_dtype")), None)
        dtype = pick_dtype(options.dtype, device.type, stored)
        self._model = model_class.from_pretrained(options.model, dtype=dtype).to(device).eval()
        self._processor = processor_class.from_pretrained(options.model)
        self._options = options

    def read(self, samples: Sequence[Sample], pictures: Sequence[list["Image.Image"]]) -> list[Reading]:
        """Read samples one by one: batching isn't the same for all models, and wrong padding would go unseen."""
        return [self._read_one(sample, pages) for sample, pages in zip(samples, pictures, strict=True)]

    def _read_one(self, sample: Sample, pages: list["Image.Image"]) -> Reading:
        import torch

        if self._is_port:
            inputs = self._port_inputs(sample, pages)
        elif self._is_encoder_decoder:
            inputs = self._processor(images=cut_out(sample, pages[0]), return_tensors="pt")
        else:
            images = [cut_out(sample, page) for page in pages]
            content = [{"type": "image", "image": image} for image in images]
            message = {
                "role": "user",
                "content": [*content, {"type": "text", "text": self._options.prompt or DEFAULT_PROMPT}],
            }
            inputs = self._processor.apply_chat_template(
                [message], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            )
        inputs = inputs.to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            tokens = self._model.generate(
                **inputs, do_sample=False, max_new_tokens=self._options.max_new_tokens, **self._generation(len(pages))
            )[0]
        start = 0 if self._is_encoder_decoder else inputs["input_ids"].shape[1]
        tokens = tokens[start:]
        length = "length" if len(tokens) >= self._options.max_new_tokens else "stop"
        return Reading(self._processor.decode(tokens, skip_special_tokens=True).strip(), length)

    def _generation(self, num_pages: int) -> dict[str, Any]:
        if not self._is_port:
            return {}
        options: dict[str, Any] = {"tokenizer": self._processor.tokenizer, "stop_strings": "<|im_end|>"}
        if num_pages == 1 and not self._options.crop:
            options["no_repeat_ngram_size"] = 20
        return options

    def _port_inputs(self, sample: Sample, pages: list["Image.Image"]) -> Any:
        box = _box_or_none(sample, pages[0])
        vision = self._model.config.vision_config
        options: dict[str, Any] = {
            "format": self._options.formatted,
            "return_tensors": "pt",
            # 256; the compressor halves the patches' sides twice.
            "num_image_tokens": (vision.image_size // vision.patch_size // 4) ** 2,
        }
        if box is not None:
            options["box"] = [int(value) for value in box]
        if sample.color:
            options["color"] = sample.color
        if len(pages) > 1:
            inputs = self._processor(pages, multi_page=True, **options)
        elif self._options.crop:
            inputs = self._processor(pages[0], crop_to_patches=True, max_patches=6, **options)
        else:
            inputs = self._processor(pages[0], **options)
        return inputs if self._options.prompt is None else self._ask_port(inputs, options["num_image_tokens"])

    def _ask_port(self, inputs: Any, num_image_tokens: int) -> Any:
        """Put one's own words in the place of the port's; how its processor takes them differs between versions."""
        from ..processing.prompt import chat_prompt

        prompt = self._options.prompt or ""
        if any(token in prompt for token in self._processor.tokenizer.all_special_tokens):
            raise ValueError(f"the prompt {prompt!r} spells a special token, which the port would take for one.")
        text = chat_prompt(prompt, len(inputs["pixel_values"]), num_image_tokens)
        asked = self._processor.tokenizer(text, return_tensors="pt")
        for name in ("input_ids", "attention_mask"):
            inputs[name] = asked[name]
        return inputs
