"""Which model the command line reads with, and loading it: our classes, never a repository's code."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configuration.installing import how_to_install
from .errors import ModelError, one_line

if TYPE_CHECKING:
    from ..light import LightModel
    from ..processing.mode import Mode

logger = logging.getLogger(__name__)

MODEL_VARIABLE = "GOT_OCR_MODEL"
BUILTIN_NAME = "nano"
FULL_NAME = "full"
ADAPTER_FILE = "adapter_config.json"  # Of a folder that peft saved: the adapter alone, with the name of its model.
FULL_MODEL = "stepfun-ai/GOT-OCR2_0"
GRAPH_ENGINES = ("onnx", "openvino")  # As got_ocr.graphs.folder has them.
ENGINES = ("auto", "torch", "numpy", *GRAPH_ENGINES)
MODEL_HELP = (  # Of the command line's argument.
    "folder or Hub id of a checkpoint, nano (the built-in model), or full (the published one, downloaded where it is "
    f"not yet); default: ${MODEL_VARIABLE}, else nano"
)
DTYPES = ("auto", "float32", "bfloat16", "float16")
# What --quantize offers, as arguments of GotOcrQuantizationConfig.
QUANTIZATIONS: dict[str, dict[str, Any]] = {
    "int8": {"bits": 8},
    "int4": {"bits": 4},
    "int8-dynamic": {"bits": 8, "activations": True},
    "int8-tower": {"bits": 8, "activations": True, "tower": True},
}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelChoice:
    """A checkpoint and why it was chosen.

    Attributes:
        location: A folder, or a Hub id.
        notice: One line for the user.
    """

    location: str
    notice: str


def choose_model(option: str | None, environment: Mapping[str, str] = os.environ) -> ModelChoice:
    """Choose a checkpoint: `option`, else GOT_OCR_MODEL, else the built-in one, whatever lies in the Hub cache.

    Args:
        option: What `--model` says: a folder, a Hub id, `nano` (the built-in one), or `full` (the published one: from
            the Hub cache if it is there, else to be downloaded).
        environment: The environment variables.

    Returns:
        The choice; nothing is loaded and the network is not asked.

    Raises:
        ModelError: If what was named is neither a folder with a checkpoint nor a Hub id.
    """
    for value, origin in ((option, "--model"), (environment.get(MODEL_VARIABLE), MODEL_VARIABLE)):
        if not value:
            continue
        # A checkpoint's folder of that name is meant by it, any other folder is not.
        if value.lower() in _NAMED and not any(Path(value).glob("*config.json")):
            return _NAMED[value.lower()]()
        _check_location(value, origin)
        return ModelChoice(value, f"model: {value} ({origin})")
    return _builtin()


def _builtin() -> ModelChoice:
    from .cache import BUILTIN_CHECKPOINT, find_cached_checkpoint

    if not (BUILTIN_CHECKPOINT / "config.json").is_file():
        raise ModelError(
            f"this installation has no built-in model: give --model FOLDER, or --model {FULL_NAME} to download one.",
        )
    cost = "downloads 1.4 GB" if find_cached_checkpoint() is None else "downloaded already"
    return ModelChoice(
        str(BUILTIN_CHECKPOINT),
        f"model: built-in nano (printed English only); the full model: --model {FULL_NAME} ({cost})",
    )


def _full() -> ModelChoice:
    from .cache import find_cached_checkpoint

    cached = find_cached_checkpoint()
    if cached is None:
        return ModelChoice(FULL_MODEL, f"model: {FULL_MODEL} (from the Hub)")
    return ModelChoice(str(cached), f"model: {_repository_of(cached)} (from the Hub cache)")


_NAMED = {BUILTIN_NAME: _builtin, FULL_NAME: _full}


def _check_location(value: str, origin: str) -> None:
    path = Path(value).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / ADAPTER_FILE).is_file():
            raise ModelError(f"{origin}: the folder {value} holds no config.json.")
    elif path.exists():
        raise ModelError(f"{origin}: {value} is a file: give the checkpoint's folder or a Hub id.")
    elif not _HUB_ID.fullmatch(value) or value.startswith("."):
        raise ModelError(f"{origin}: no folder {value} here, and it is no Hub id like {FULL_MODEL}.")


def _repository_of(snapshot: Path) -> str:
    """`org/name` of a folder `models--org--name/snapshots/...` of the Hub cache."""
    for part in snapshot.parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/", 1)
    return str(snapshot)


def silence_libraries(show_downloads: bool) -> None:
    """Keep transformers' own bars and warnings off the terminal. Call before loading by torch.

    Args:
        show_downloads: Whether the Hub's download bars may show, since those can take minutes.
    """
    from huggingface_hub.utils.tqdm import enable_progress_bars
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if show_downloads:
        enable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def load_model_for(
    choice: ModelChoice,
    mode: "Mode | None",
    device: str = "auto",
    dtype: str = "auto",
    engine: str = "auto",
    show_downloads: bool = True,
    quantize: str | None = None,
) -> tuple[Any, Any]:
    """Load the model that reads pages in a mode: by numpy where that gives the same answers sooner, else by torch.

    Args:
        choice: The checkpoint.
        mode: What is to be read; None: anything. What numpy can't read then is read by torch, loaded when it is first
            asked for, unless `engine` says numpy.
        device: As in :func:`load_model`; with any but `auto` and `cpu` torch reads.
        dtype: As in :func:`load_model`; with any but `auto` and `float32` torch reads.
        engine: `numpy`, `torch`, the runtime that a folder was exported for, or `auto`: that, or numpy where it can.
        show_downloads: Whether the Hub's download bars may show.
        quantize: As in :func:`load_model`; with any torch reads.

    Returns:
        The model, ready to read, and its processor, None for numpy's.

    Raises:
        ModelError: If numpy or a runtime can't read so, though it must, or as :func:`load_model`.
        ImportError: If the runtime is not installed.
    """
    loaded = load_exported(choice, device, dtype if quantize is None else quantize, engine)
    if loaded is not None:
        return loaded
    model = open_by_numpy(choice, mode, device, dtype, engine, quantize)
    if model is not None:
        return model, None
    if engine == "numpy":
        raise ModelError(
            f"numpy can't read {choice.location} so: it reads small float32 checkpoints made for slices, as the "
            "built-in one is, slice by slice on the CPU: leave --engine out."
        )
    silence_libraries(show_downloads)
    return load_model(choice, device, dtype, quantize)


def open_by_numpy(
    choice: ModelChoice,
    mode: "Mode | None",
    device: str = "auto",
    dtype: str = "auto",
    engine: str = "auto",
    quantize: str | None = None,
) -> "LightModel | None":
    """Load the model where numpy reads with it: the one place that decides so. Neither torch nor a GPU is needed.

    Args:
        choice: The checkpoint.
        mode: As in :func:`load_model_for`.
        device: As in :func:`load_model_for`.
        dtype: As in :func:`load_model_for`.
        engine: As in :func:`load_model_for`; any other than `auto` and `numpy` reads by itself.
        quantize: As in :func:`load_model_for`.

    Returns:
        The model; None where something else reads.
    """
    can_slice = mode is None or mode.is_sliced(made_for_slices=True)
    is_plain = device in ("auto", "cpu") and dtype in ("auto", "float32") and quantize is None
    if engine not in ("auto", "numpy") or not can_slice or not is_plain:
        return None
    from ..light import open_light

    load_whole = partial(load_model_for, choice, None, device, dtype, "torch")
    whole = load_whole if mode is None and engine != "numpy" else None
    return open_light(Path(choice.location).expanduser(), whole)


def load_exported(choice: ModelChoice, device: str, dtype: str, engine: str) -> tuple[Any, Any] | None:
    """Load a folder that `got-ocr export` wrote.

    Args:
        choice: The checkpoint.
        device: As in :func:`load_model`.
        dtype: As in :func:`load_model`, or how weights would be quantised: only float32 is exported.
        engine: As in :func:`load_model_for`.

    Returns:
        The model and its processor; None where the checkpoint is no such folder, and need not be.

    Raises:
        ModelError: If it is none though `engine` says so, or was exported for something else.
        ImportError: If its runtime is not installed.
    """
    from ..graphs.folder import PACKAGES, find_runtime

    folder = Path(choice.location).expanduser()
    try:
        runtime = find_runtime(folder)
    except ValueError as error:
        raise ModelError(str(error)) from None
    if runtime is None:
        if engine not in GRAPH_ENGINES:
            return None
        raise ModelError(
            f"{choice.location} holds no graphs for --engine {engine}: got-ocr export {choice.location} --to {engine} "
            "--output DIR writes them, and --model DIR reads with them."
        )
    if engine not in ("auto", runtime):
        raise ModelError(f"{choice.location} was exported for {runtime}: leave out --engine {engine}.")
    if device not in ("auto", "cpu") or dtype not in ("auto", "float32"):
        raise ModelError(
            f"{choice.location} was exported for {runtime}, on the CPU and in float32: leave out --device, --dtype, "
            "--quantize."
        )
    silence_libraries(show_downloads=False)
    from ..graphs.model import load_graphs

    try:
        return load_graphs(folder)
    except ImportError as error:
        raise ImportError(
            f"{choice.location} was exported for {runtime}: {how_to_install(PACKAGES[runtime])} ({one_line(error)})."
        ) from error
    except ValueError as error:
        raise ModelError(str(error)) from error


def load_model(
    choice: ModelChoice, device: str = "auto", dtype: str = "auto", quantize: str | None = None
) -> tuple[Any, Any]:
    """Load the model and its processor.

    Args:
        choice: The checkpoint.
        device: `auto` (CUDA, then MPS, then CPU) or a torch device.
        dtype: `auto` (the checkpoint's on a GPU that knows it; bfloat16 on a CPU for a checkpoint of bfloat16, where
            that is found faster and accurate; else float32) or a torch dtype's name.
        quantize: Of QUANTIZATIONS: weights of 8 or 4 bits, on a CPU; None: weights as they are.

    Returns:
        The model, ready to read, and the processor.

    Raises:
        ModelError: If the device is not there or can't have such weights, or the checkpoint can't be loaded.
    """
    import torch

    from ..configuration.config import GotOcrConfig
    from ..processing.processor import GotOcrProcessor
    from ..reading.model import GotOcrForConditionalGeneration

    location = str(Path(choice.location).expanduser()) if Path(choice.location).expanduser().is_dir() else None
    location = location or choice.location
    torch_device = pick_device(device)
    try:
        base = base_of_adapter(location)
        config = GotOcrConfig.from_pretrained(base)
        torch_dtype = pick_dtype(
            dtype, torch_device.type, getattr(torch, str(config.dtype).removeprefix("torch."), None), config
        )
        options = {} if quantize is None else {"quantization_config": quantization_of(quantize, torch_device.type)}
        model = GotOcrForConditionalGeneration.from_pretrained(location, dtype=torch_dtype, **options)
        if dtype == "auto" and torch_device.type == "cpu" and torch_dtype == torch.bfloat16:
            model = _widen_if_inaccurate(model)
        has_processor = base == location or (Path(location) / "preprocessor_config.json").is_file()
        processor = GotOcrProcessor.from_pretrained(location if has_processor else base)
        return model.to(torch_device).eval(), processor
    except ModelError:
        raise
    except (torch.OutOfMemoryError, MemoryError):
        advice = "try --device cpu" if torch_device.type != "cpu" else "free some, or take a smaller model"
        raise ModelError(f"not enough memory on {torch_device} for {choice.location}: {advice}.") from None
    except Exception as error:  # A foreign or damaged checkpoint can fail anywhere in transformers.
        raise ModelError(f"{choice.location} can't be loaded: {one_line(error)}") from error


def quantization_of(quantize: str, device_type: str) -> Any:
    """Turn `--quantize` into a configuration for `from_pretrained`.

    Args:
        quantize: Of QUANTIZATIONS.
        device_type: `cuda`, `mps`, `cpu` ...

    Returns:
        The configuration.

    Raises:
        ModelError: If the device can't have such weights.
    """
    from ..modeling.quantization import GotOcrQuantizationConfig

    if device_type != "cpu":
        raise ModelError(f"--quantize is for CPUs, got the device {device_type}: leave it out, or add --device cpu.")
    return GotOcrQuantizationConfig(**QUANTIZATIONS[quantize])


def _widen_if_inaccurate(model: Any) -> Any:
    """Compute in float32 if bfloat16 changes too much; the weights are the same, since they were stored so."""
    from ..modeling.precision import is_accurate

    if is_accurate(model):
        return model
    logger.warning("bfloat16 changes too much with these weights: computing in float32.")
    return model.float()


def base_of_adapter(location: str) -> str:
    """Find the model that an adapter belongs to.

    Args:
        location: A checkpoint's folder or Hub id.

    Returns:
        The model that the adapter's folder names; `location` itself where it is no adapter's.

    Raises:
        ModelError: If the folder names none.
    """
    adapter = Path(location) / ADAPTER_FILE
    if (Path(location) / "config.json").is_file() or not adapter.is_file():
        return location
    try:
        base = json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{adapter} can't be read ({one_line(error)}): save the adapter again.") from None
    if not isinstance(base, str) or not base:
        raise ModelError(f"{adapter} does not name its model: write its folder or Hub id to base_model_name_or_path.")
    beside = Path(location) / base
    return str(beside) if not Path(base).is_dir() and beside.is_dir() else base


def pick_device(device: str) -> Any:
    """Turn `--device` into a torch device that is there.

    Args:
        device: `auto`, or a torch device such as `cuda:1`.

    Returns:
        The device.

    Raises:
        ModelError: If there is none of that name here.
    """
    import torch

    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        torch_device = torch.device(device)
        if torch_device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("no CUDA device, or a torch built without CUDA")
        if torch_device.type == "mps" and not has_mps:
            raise RuntimeError("no Apple GPU")
        torch.empty(0, device=torch_device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = one_line(error, limit=120)
        raise ModelError(f"--device {device} can't be used here ({reason}): try auto or cpu.") from None
    return torch_device


def pick_dtype(dtype: str, device_type: str, of_checkpoint: Any, config: Any = None) -> Any:
    """Turn `--dtype` into a torch dtype.

    float16 saves time on a GPU only, and bfloat16 weights overflow in it, so `auto` never goes there. A CPU that
    multiplies bfloat16 itself does so about twice as fast as float32, and loses nothing of weights that were saved so.

    Args:
        dtype: One of `DTYPES`.
        device_type: `cuda`, `mps`, `cpu` ...
        of_checkpoint: The dtype the checkpoint was saved in, or None.
        config: The model's, for the sizes at which a CPU is timed; None: it is not.

    Returns:
        The dtype.
    """
    import torch

    if dtype != "auto":
        return getattr(torch, dtype)
    if device_type == "cuda" and of_checkpoint is not None:
        knows_it = of_checkpoint != torch.bfloat16 or torch.cuda.is_bf16_supported(including_emulation=False)
        return of_checkpoint if knows_it else torch.float32
    if device_type == "cpu" and of_checkpoint == torch.bfloat16 and config is not None:
        from ..modeling.precision import LEAST_GAIN, has_native_bfloat16, measure_gain

        vision = config.vision_config
        if has_native_bfloat16() and measure_gain(vision.hidden_size, vision.mlp_dim) >= LEAST_GAIN:
            return torch.bfloat16
    return torch.float32
