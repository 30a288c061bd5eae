"""Convert a checkpoint of any published layout, with its tokenizer, processor and configuration."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers.utils import cached_file

from ..configuration.config import GotOcrConfig
from ..configuration.remote_code import save_code
from ..modeling.checkpoint import (
    EMBEDDING,
    HEAD,
    WEIGHTS_NAME,
    GotOcrCheckpoint,
    check_tensors,
    open_checkpoint,
    to_transformers_name,
)
from ..processing.processor import GotOcrProcessor
from ..processing.tokenizer import VOCABULARY_FILE
from ..reading.model import GotOcrForConditionalGeneration
from .port_config import port_config, port_image_processor
from .tensor_file import TensorPlan, write_tensors
from .tokenizer_files import FAST_FILE, write_fast_tokenizer, write_ranks

TARGET_LAYOUTS = ("got", "transformers")
PORT_IMAGE_TOKENS = 256  # what the port's processor writes for every image, whatever the configuration


def convert(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    layout: str,
    *,
    dtype: torch.dtype | None = None,
    force: bool = False,
    on_bytes: Callable[[int, int], None] = lambda done, total: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> None:
    """Convert a checkpoint. The destination appears when all of it is written, or not at all.

    Args:
        source: Folder or Hub id of any published layout.
        destination: Folder to make.
        layout: `got`, the original's, also for `trust_remote_code=True`; or `transformers`, the port's.
        dtype: Dtype of the weights; None keeps each tensor's, to the bit.
        force: Replace the destination, if it is a checkpoint or empty.
        on_bytes: Called with the bytes of weights written and in all.
        on_notice: Called with a line on what is left out.

    Raises:
        ValueError: If the source is no whole GOT checkpoint, the layout can't hold it, or the destination may not be
            replaced.
        OSError: If a file is missing or can't be written.
    """
    if layout not in TARGET_LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(TARGET_LAYOUTS)}, got {layout!r}.")
    target = Path(destination).absolute()
    _check_destination(Path(source), target, force)
    checkpoint = open_checkpoint(source)
    config = GotOcrConfig.from_dict(GotOcrConfig.get_config_dict(source)[0])
    unexpected = check_tensors(
        checkpoint, *GotOcrForConditionalGeneration._expected_tensors(config), where=str(source)
    )
    if unexpected:
        on_notice(f"left out, since the model has no use for them: {', '.join(unexpected)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        part.chmod(0o755)  # mkdtemp makes it private
        plans = _plan(checkpoint, config, layout, dtype, set(unexpected))
        stored = {plan.dtype for plan in plans if plan.dtype.is_floating_point}
        config.dtype = next(iter(stored)) if len(stored) == 1 else torch.float32
        write = _write_got_files if layout == "got" else _write_port_files
        write(source, part, config, on_notice)
        total, done = sum(plan.num_bytes for plan in plans), 0

        def count(written: int) -> None:
            nonlocal done
            done += written
            on_bytes(done, total)

        write_tensors(part / WEIGHTS_NAME, plans, {"format": "pt"}, count)
        _put_in_place(part, target)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and error.strerror:  # the system names no file for a full disk, or the part's
            error.filename = str(error.filename or target).replace(str(part), str(target))
        raise


def _check_destination(source: Path, target: Path, force: bool) -> None:
    if source.is_dir() and (target == source.resolve() or source.resolve() in target.resolve().parents):
        raise ValueError(f"{target} is or lies in the source folder: choose another destination.")
    if not target.exists():
        return
    if not force:
        raise ValueError(f"{target} exists: choose another destination, or replace it with --force.")
    if not target.is_dir() or (any(target.iterdir()) and not (target / "config.json").is_file()):
        raise ValueError(f"{target} is no checkpoint folder (it has no config.json), so it is not replaced.")


def _put_in_place(part: Path, target: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent)) / "folder"
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _plan(
    checkpoint: GotOcrCheckpoint, config: GotOcrConfig, layout: str, dtype: torch.dtype | None, left_out: set[str]
) -> list[TensorPlan]:
    """What to write. Tied embeddings are stored twice in the original's layout and once in the port's."""
    tensors = {name: tensor for name, tensor in checkpoint.read_state_dict().items() if name not in left_out}
    if config.tie_word_embeddings:
        tensors.pop(HEAD, None)
        if layout == "got":
            tensors[HEAD] = tensors[EMBEDDING]

    def plan(name: str, tensor: Tensor) -> TensorPlan:
        stored = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
        new_name = to_transformers_name(name) if layout == "transformers" else name
        return TensorPlan(new_name, tuple(tensor.shape), stored, lambda: tensor)

    return [plan(name, tensor) for name, tensor in tensors.items()]


def _write_got_files(
    source: str | os.PathLike[str], folder: Path, config: GotOcrConfig, on_notice: Callable[[str], None]
) -> None:
    config.architectures = ["GotOcrForConditionalGeneration"]
    save_code(config, folder)
    ranks, fast = _find(source, VOCABULARY_FILE), _find(source, FAST_FILE)
    if ranks is not None:
        shutil.copyfile(ranks, folder / VOCABULARY_FILE)
    elif fast is not None:
        write_ranks(fast, folder)
    else:
        raise FileNotFoundError(f"{source} has neither {VOCABULARY_FILE} nor {FAST_FILE}: the tokenizer is missing.")
    processor = GotOcrProcessor.from_pretrained(folder)  # finds the tokenizer there
    template = GotOcrProcessor.from_pretrained(source)
    processor.image_processor, processor.image_token_len = template.image_processor, config.image_token_len
    config.save_pretrained(folder)
    processor.save_pretrained(folder)
    _write_json(folder / "generation_config.json", _generation_options(config))


def _write_port_files(
    source: str | os.PathLike[str], folder: Path, config: GotOcrConfig, on_notice: Callable[[str], None]
) -> None:
    _write_json(folder / "config.json", port_config(config, str(config.dtype).removeprefix("torch.")))
    if config.slicing:
        on_notice("left out, since the port knows nothing like it: the configuration's slicing")
    if config.image_token_len != PORT_IMAGE_TOKENS:
        on_notice(
            f"an image is {config.image_token_len} tokens here: the port's processor must be called with "
            f"num_image_tokens={config.image_token_len}"
        )
    ranks, fast = _find(source, VOCABULARY_FILE), _find(source, FAST_FILE)
    if ranks is not None:
        write_fast_tokenizer(ranks, folder)
    elif fast is not None:
        for name in (FAST_FILE, "tokenizer_config.json", "special_tokens_map.json"):
            file = _find(source, name)
            if file is not None:
                shutil.copyfile(file, folder / name)
    else:
        raise FileNotFoundError(f"{source} has neither {VOCABULARY_FILE} nor {FAST_FILE}: the tokenizer is missing.")
    processor = GotOcrProcessor.from_pretrained(source)
    _write_json(folder / "preprocessor_config.json", port_image_processor(processor.image_processor))
    _write_json(folder / "processor_config.json", {"processor_class": "GotOcr2Processor"})
    _write_json(folder / "generation_config.json", _generation_options(config))


def _generation_options(config: GotOcrConfig) -> dict[str, object]:
    return {
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.stop_token_ids,
        "pad_token_id": config.pad_token_id,
        "max_new_tokens": 4096,  # as published
        "do_sample": False,
    }


def _find(source: str | os.PathLike[str], name: str) -> Path | None:
    file = cached_file(source, name, _raise_exceptions_for_missing_entries=False)
    return None if file is None else Path(file)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
