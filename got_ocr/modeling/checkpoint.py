"""Checkpoints: the tensor names of every published layout, and loading them all with `from_pretrained`.

Four layouts are in the wild. They hold the same tensors under different names:

- `got`: the original, `stepfun-ai/GOT-OCR2_0`, with a stored copy of the tied `lm_head.weight`; our models' own names;
- `transformers`: what the port in transformers 5 writes, `model.language_model.*`, `model.vision_tower.*` ...;
- `transformers-4.49`: the published `stepfun-ai/GOT-OCR-2.0-hf`, `language_model.model.*`, `vision_tower.*` ...;
- `mlx`: `mlx-community/GOT-OCR2_0-bf16`, with the weights of convolutions as (out, kernel height, kernel width, in).

A layout is recognised by its tensor names alone. Tensors are memory-mapped: a load holds about one copy of them.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers.configuration_utils import PretrainedConfig
from transformers.generation import GenerationConfig
from transformers.utils import cached_file, has_file

from ..configuration.remote_code import CodeSavingMixin, save_code
from .quantizer import own_config, quantize_state_dict, refuse_other_method

logger = logging.getLogger(__name__)

WEIGHTS_NAME = "model.safetensors"
WEIGHTS_INDEX_NAME = "model.safetensors.index.json"
TOWER = "model.vision_tower_high."
HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
PADDLE_PATTERNS = ("*.pdparams", "*.pdiparams")
PADDLE_FILES = ("model_state.pdparams", "inference.pdiparams")  # As PaddlePaddle names them in repositories.
OTHER_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json", "adapter_config.json")
NAMES_SHOWN = 6  # of tensors in a message

# From any published name to the original's, applied in this order. The names of the layouts do not clash, so one table
# reads them all; mlx's are those of its neck and its projector (a bare `weight` and `bias`).
_TO_GOT = [
    (r"^language_model\.lm_head\.", "lm_head."),
    (r"^(?:model\.)?language_model\.(?:model\.)?", "model."),
    (r"^(?:model\.)?multi_modal_projector\.multimodal_projector\.", "model.mm_projector_vary."),
    (r"^(?:model\.)?multi_modal_projector\.conv_upsampler1\.", f"{TOWER}net_2."),
    (r"^(?:model\.)?multi_modal_projector\.conv_upsampler2\.", f"{TOWER}net_3."),
    (r"^(?:model\.)?multi_modal_projector\.(weight|bias)$", r"model.mm_projector_vary.\1"),
    (r"^(?:model\.)?vision_tower\.", TOWER),
    (rf"^({re.escape(TOWER)})layers\.", r"\1blocks."),
    (rf"^({re.escape(TOWER)}blocks\.\d+\.)layer_norm([12])\.", r"\1norm\2."),
    (rf"^({re.escape(TOWER)}patch_embed\.)projection\.", r"\1proj."),
    (rf"^({re.escape(TOWER)})(?:neck\.)?conv1\.", r"\1neck.0."),
    (rf"^({re.escape(TOWER)})(?:neck\.)?(?:layer_)?norm1\.", r"\1neck.1."),
    (rf"^({re.escape(TOWER)})(?:neck\.)?conv2\.", r"\1neck.2."),
    (rf"^({re.escape(TOWER)})(?:neck\.)?(?:layer_)?norm2\.", r"\1neck.3."),
]
# From the original's names to those of the port in transformers 5.
_TO_TRANSFORMERS = [
    (rf"^{re.escape(TOWER)}net_2\.", "model.multi_modal_projector.conv_upsampler1."),
    (rf"^{re.escape(TOWER)}net_3\.", "model.multi_modal_projector.conv_upsampler2."),
    (r"^model\.mm_projector_vary\.", "model.multi_modal_projector.multimodal_projector."),
    (rf"^{re.escape(TOWER)}neck\.0\.", "model.vision_tower.neck.conv1."),
    (rf"^{re.escape(TOWER)}neck\.1\.", "model.vision_tower.neck.layer_norm1."),
    (rf"^{re.escape(TOWER)}neck\.2\.", "model.vision_tower.neck.conv2."),
    (rf"^{re.escape(TOWER)}neck\.3\.", "model.vision_tower.neck.layer_norm2."),
    (rf"^{re.escape(TOWER)}patch_embed\.proj\.", "model.vision_tower.patch_embed.projection."),
    (rf"^{re.escape(TOWER)}blocks\.(\d+)\.norm([12])\.", r"model.vision_tower.layers.\1.layer_norm\2."),
    (rf"^{re.escape(TOWER)}blocks\.", "model.vision_tower.layers."),
    (rf"^{re.escape(TOWER)}", "model.vision_tower."),
    (r"^model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
]
_CONVOLUTION = re.compile(rf"^{re.escape(TOWER)}(patch_embed\.proj|neck\.[02]|net_[23])\.weight$")

# Arguments of `from_pretrained` that say where files are, passed to whatever looks for a file.
_HUB_ARGUMENTS = (
    "cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token",
)  # fmt: skip
# Arguments of `from_pretrained` that are also attributes of a configuration, but must reach the loader as they are.
_LOADER_ARGUMENTS = ("dtype", "torch_dtype", "attn_implementation", "experts_implementation", "quantization_config")
# With one of these the weights don't come from the files that we would look at.
_OTHER_SOURCES = ("state_dict", "gguf_file")


def detect_layout(names: Iterable[str]) -> str | None:
    """Recognise a layout by its tensor names.

    Args:
        names: Tensor names.

    Returns:
        `got`, `transformers`, `transformers-4.49` or `mlx`; None if the names are not those of a GOT model.
    """
    names = list(names)
    if any(name.startswith((TOWER, "vision_tower_high.")) for name in names):
        return "got"
    has = {
        prefix: any(name.startswith(prefix) for name in names)
        for prefix in ("model.multi_modal_projector.", "multi_modal_projector.multimodal_projector.")
    }
    if has["model.multi_modal_projector."] and "model.multi_modal_projector.multimodal_projector.weight" in names:
        return "transformers"
    if has["multi_modal_projector.multimodal_projector."]:
        return "transformers-4.49"
    if "multi_modal_projector.weight" in names and any(name.startswith("vision_tower.") for name in names):
        return "mlx"
    return None


def to_got_name(name: str) -> str:
    """The original's name of a tensor. Names that belong to no layout are returned as they are."""
    return _rename(name, _TO_GOT)


def to_transformers_name(name: str) -> str:
    """The name that transformers' port gives a tensor of the original."""
    return _rename(name, _TO_TRANSFORMERS)


def to_got_tensors(stored: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Bring the tensors of any layout to the original's names and PyTorch's order, as they come.

    Args:
        stored: Names and tensors as a checkpoint's files have them.

    Yields:
        The same; the convolutions last, since only all names together tell mlx's layout.
    """
    names: list[str] = []
    convolutions: list[tuple[str, Tensor]] = []
    for stored_name, tensor in stored:
        names.append(stored_name)
        name = to_got_name(stored_name)
        if _CONVOLUTION.match(name):
            convolutions.append((name, tensor))
        else:
            yield name, tensor
    is_mlx = detect_layout(names) == "mlx"
    for name, tensor in convolutions:
        yield name, tensor.permute(0, 3, 1, 2).contiguous() if is_mlx else tensor


def _rename(name: str, table: list[tuple[str, str]]) -> str:
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name


@dataclass(frozen=True)
class GotOcrCheckpoint:
    """Weight files on disk and what is in them, known without reading a tensor.

    Attributes:
        files: The safetensors files.
        layout: See :func:`detect_layout`.
        shapes: Shape of each tensor, by the original's name and in PyTorch's order.
    """

    files: tuple[Path, ...]
    layout: str
    shapes: dict[str, tuple[int, ...]]

    def read_state_dict(self) -> dict[str, Tensor]:
        """Map the tensors into memory.

        Returns:
            Tensors by the original's names, in the dtype they are stored in. Pages are read from disk as they are
            used; only mlx's convolutions are copied, to turn them into PyTorch's order.
        """
        return dict(to_got_tensors(self._read_tensors()))

    def _read_tensors(self) -> Iterator[tuple[str, Tensor]]:
        for file in self.files:
            with safe_open(file, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 (a file, not a dictionary)
                    yield name, tensors.get_tensor(name)


def open_checkpoint(path_or_id: str | os.PathLike[str], variant: str | None = None, **hub: Any) -> GotOcrCheckpoint:
    """Find a checkpoint's weight files and recognise their layout.

    Args:
        path_or_id: A folder or a Hub id.
        variant: As in `from_pretrained`: `model.<variant>.safetensors`.
        **hub: `revision`, `token`, `cache_dir`, `local_files_only` ..., as in `from_pretrained`.

    Returns:
        The checkpoint.

    Raises:
        FileNotFoundError: If there are no safetensors files.
        ValueError: If a file is damaged, or the tensors are not a GOT model's.
    """
    files = _find_weight_files(path_or_id, variant, **hub)
    stored: dict[str, tuple[int, ...]] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                stored |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(
                f"{file} is truncated or damaged ({os.path.getsize(file)} bytes; {error}): copy or download it again."
            ) from error
    layout = detect_layout(stored)
    if layout is None:
        raise ValueError(
            f"{path_or_id} is not a GOT checkpoint: among its {len(stored)} tensors ({_some(sorted(stored))}) there "
            f"is no vision tower of GOT such as '{TOWER}pos_embed' or 'model.vision_tower.pos_embed'."
        )
    shapes = {}
    for stored_name, shape in stored.items():
        name = to_got_name(stored_name)
        if layout == "mlx" and _CONVOLUTION.match(name):
            shape = (shape[0], shape[3], shape[1], shape[2])
        shapes[name] = shape
    return GotOcrCheckpoint(tuple(files), layout, shapes)


def _find_weight_files(path_or_id: str | os.PathLike[str], variant: str | None, **hub: Any) -> list[Path]:
    def find(name: str) -> str | None:
        found: str | None = cached_file(path_or_id, name, _raise_exceptions_for_missing_entries=False, **hub)
        return found

    weights_name, index_name = WEIGHTS_NAME, WEIGHTS_INDEX_NAME
    if variant is not None:
        weights_name, index_name = f"model.{variant}.safetensors", f"model.safetensors.index.{variant}.json"
    file = find(weights_name)
    if file is not None:
        return [Path(file)]
    index = find(index_name)
    if index is None:
        raise FileNotFoundError(f"{path_or_id} has neither {weights_name} nor {index_name}.")
    try:
        names = sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{index} is damaged ({error!r}): copy or download it again.") from error
    shards = {name: find(name) for name in names}
    missing = [name for name, shard in shards.items() if shard is None]
    if missing:
        raise FileNotFoundError(f"{path_or_id} lacks {_some(missing)}, which {index_name} names.")
    return [Path(shard) for shard in shards.values() if shard is not None]


def check_depth(checkpoint: GotOcrCheckpoint, config: PretrainedConfig, where: str) -> None:
    """Refuse a configuration of far more layers than there are tensors, before a model is built to compare them.

    Args:
        checkpoint: What there is, by the heads of its files.
        config: What is to be built.
        where: The checkpoint's folder or id, for messages.

    Raises:
        ValueError: If there are more layers than tensors.
    """
    vision = getattr(config, "vision_config", None)
    depths = {
        "num_hidden_layers": getattr(config, "num_hidden_layers", 0),
        "vision_config.num_hidden_layers": getattr(vision, "num_hidden_layers", 0),
    }
    for field, depth in depths.items():
        if isinstance(depth, int) and depth > len(checkpoint.shapes):
            raise ValueError(
                f"{where}: config.json says {field} {depth}, but the weights have {len(checkpoint.shapes)} tensors in "
                "all: config.json is damaged, or belongs to another model."
            )


def check_tensors(
    checkpoint: GotOcrCheckpoint, expected: dict[str, tuple[int, ...]], optional: Iterable[str], where: str
) -> list[str]:
    """Compare a checkpoint with what a model needs.

    Args:
        checkpoint: What there is.
        expected: Shape of each tensor that the model has, by the original's names.
        optional: Names that the model can do without (tied tensors).
        where: The checkpoint's folder or id, for messages.

    Returns:
        Names of tensors that the model has no use for.

    Raises:
        ValueError: If tensors are missing or have other shapes, with their names and both shapes.
    """
    missing = sorted(expected.keys() - checkpoint.shapes.keys() - set(optional))
    if missing:
        raise ValueError(
            f"{where} ({checkpoint.layout} layout) lacks {len(missing)} of the model's {len(expected)} tensors: "
            f"{_some(missing)}. The files are incomplete, or config.json belongs to another model."
        )
    misshapen = [
        f"{name} is {checkpoint.shapes[name]}, the configuration says {shape}"
        for name, shape in sorted(expected.items())
        if checkpoint.shapes.get(name, shape) != shape
    ]
    if misshapen:
        raise ValueError(
            f"{where} ({checkpoint.layout} layout): {len(misshapen)} tensors have another shape than config.json "
            f"says: {_some(misshapen)}."
        )
    return sorted(checkpoint.shapes.keys() - expected.keys() - set(optional))


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


class GotOcrCheckpointMixin(CodeSavingMixin):
    """Load every published layout, save with the code; stands before `PreTrainedModel` among a class's bases."""

    auto_class = "AutoModel"

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Save weights, configurations and the model's code, so that the folder loads without this package.

        The processor is saved beside it by `processor.save_pretrained`, or all at once with a model card by
        `got_ocr.export_for_hub`.

        Args:
            save_directory: Folder; made if it isn't there.
            *args: As `PreTrainedModel.save_pretrained`.
            **kwargs: As `PreTrainedModel.save_pretrained`; `push_to_hub=True` pushes the code too.
        """
        if kwargs.get("is_main_process", True):
            save_code(self.config, save_directory)  # type: ignore[attr-defined]
        super(CodeSavingMixin, self).save_pretrained(save_directory, *args, **kwargs)  # type: ignore[misc]

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        *model_args: Any,
        config: PretrainedConfig | str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Load a model as `PreTrainedModel.from_pretrained` does, from any published layout.

        What :meth:`save_pretrained` wrote is loaded by transformers itself. From the other layouts, and to leave the
        stored copy of tied embeddings where it is, tensors are mapped into memory under the original's names and
        handed to transformers as a state dictionary; every argument keeps its meaning.

        Args:
            pretrained_model_name_or_path: A folder or a Hub id.
            *model_args: Passed to the class.
            config: A configuration, or where to read it, if not beside the weights.
            **kwargs: Every argument of `PreTrainedModel.from_pretrained`; what is a field of the configuration
                overrides it.

        Returns:
            The model, in evaluation mode; with `output_loading_info=True` a pair of it and transformers' report.

        Raises:
            ValueError: If the weights are not a GOT model's, are damaged, or lack tensors of the model: there are
                never random weights.
            OSError: If there are no weights.
        """
        load = super().from_pretrained  # type: ignore[misc]
        path = pretrained_model_name_or_path
        use_safetensors = kwargs.get("use_safetensors")
        if path is None or use_safetensors is False or any(kwargs.get(name) is not None for name in _OTHER_SOURCES):
            return load(path, *model_args, config=config, **kwargs)
        hub = {name: kwargs[name] for name in _HUB_ARGUMENTS if kwargs.get(name) is not None}
        try:
            checkpoint = open_checkpoint(path, kwargs.get("variant"), **hub)
        except FileNotFoundError:
            _refuse_paddle_weights(path, hub)
            # Weights of another kind (pytorch_model.bin, an adapter), or none: transformers' business.
            return _without_random_weights(load, path, *model_args, config=config, **kwargs)

        read_config, kwargs = cls._read_config(path if config is None else config, hub, kwargs)
        found, asked = getattr(read_config, "quantization_config", None), kwargs.get("quantization_config")
        refuse_other_method(found, asked)
        is_quantized = found is not None
        if not is_quantized and not kwargs.get("ignore_mismatched_sizes"):
            check_depth(checkpoint, read_config, where=str(path))
            unexpected = check_tensors(checkpoint, *cls._expected_tensors(read_config), where=str(path))
            if unexpected:
                logger.warning("%s: %d tensors are of no use: %s.", path, len(unexpected), _some(unexpected))
        has_copy = read_config.tie_word_embeddings and HEAD in checkpoint.shapes
        ours = own_config(asked)
        if own_config(found):
            kwargs.pop("quantization_config", None)
            return _without_random_weights(load, path, *model_args, config=read_config, **kwargs)
        if not ours and checkpoint.layout == "got" and (not has_copy or is_quantized or asked):
            return load(path, *model_args, config=read_config, **kwargs)

        state_dict = checkpoint.read_state_dict()
        if ours:
            state_dict = quantize_state_dict(state_dict, ours, read_config.tie_word_embeddings)
            read_config.quantization_config = ours.to_dict()
            del kwargs["quantization_config"]
        elif has_copy:
            del state_dict[HEAD]
        for name in (*_HUB_ARGUMENTS, "variant"):
            kwargs.pop(name, None)
        result = load(None, *model_args, config=read_config, state_dict=state_dict, **kwargs)
        model = result[0] if isinstance(result, tuple) else result
        model.name_or_path = model.config.name_or_path = str(path)
        if model.can_generate() and kwargs.get("generation_config") is None:
            try:
                model.generation_config = GenerationConfig.from_pretrained(path, **hub)
            except OSError:
                logger.info("%s has no generation_config.json; generation options come from config.json.", path)
        return result

    @classmethod
    def _read_config(
        cls, path_or_config: Any, hub: dict[str, Any], kwargs: dict[str, Any]
    ) -> tuple[PretrainedConfig, dict[str, Any]]:
        """The configuration, with fields among `kwargs` set, and the other arguments."""
        if isinstance(path_or_config, PretrainedConfig):
            return path_or_config, kwargs
        loader = {name: value for name, value in kwargs.items() if name in (*_LOADER_ARGUMENTS, *_HUB_ARGUMENTS)}
        fields = {name: value for name, value in kwargs.items() if name not in loader}
        config_class = cls.config_class  # type: ignore[attr-defined]
        # Not config_class.from_pretrained, which warns of the port's model type.
        config_dict, _ = config_class.get_config_dict(path_or_config, **hub)
        config, unused = config_class.from_dict(
            {**config_dict, "_name_or_path": str(path_or_config)}, return_unused_kwargs=True, **fields
        )
        return config, {**loader, **{name: value for name, value in unused.items() if name in fields}}

    @classmethod
    def _expected_tensors(cls, config: PretrainedConfig) -> tuple[dict[str, tuple[int, ...]], set[str]]:
        """Shapes of the model's tensors, by the original's names, and the names it can do without."""
        with torch.device("meta"):
            model: Any = cls(type(config).from_dict(config.to_dict()))  # type: ignore[call-arg]
        prefix = "" if hasattr(model, model.base_model_prefix) else f"{model.base_model_prefix}."
        expected = {prefix + name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        optional = {HEAD} if config.tie_word_embeddings or prefix else set()
        return expected, optional


def _refuse_paddle_weights(path: str | os.PathLike[str], hub: dict[str, Any]) -> None:
    """Say what to load instead of a folder or repository that holds PaddlePaddle's weights alone."""
    folder = Path(path)
    if folder.is_dir():
        found = sorted(file.name for pattern in PADDLE_PATTERNS for file in folder.glob(pattern))
        others = any(any(folder.glob(name)) for name in ("*.bin", "*.safetensors", "adapter_config.json"))
    else:
        found = [name for name in PADDLE_FILES if _is_on_hub(path, name, hub)]
        others = bool(found) and any(_is_on_hub(path, name, hub) for name in OTHER_WEIGHTS)
    if found and not others:
        raise FileNotFoundError(
            f"{path} holds weights of PaddlePaddle ({_some(found)}), which are not read here: load the same model as "
            "safetensors, such as PaddlePaddle/PP-Chart2Table_safetensors."
        )


def _is_on_hub(path: str | os.PathLike[str], name: str, hub: dict[str, Any]) -> bool:
    """Whether a repository has a file, as far as can be told without fetching it."""
    known = ("revision", "proxies", "token", "local_files_only", "cache_dir")
    try:
        return bool(has_file(path, name, **{option: hub[option] for option in known if option in hub}))
    except (OSError, ValueError):  # Out of reach, or no name of a repository: transformers' own error says so.
        return False


def _without_random_weights(load: Any, path: Any, *model_args: Any, **kwargs: Any) -> Any:
    """Call transformers' `from_pretrained` and refuse a model with weights that were not in the files."""
    wants_info = kwargs.pop("output_loading_info", False)
    model, info = load(path, *model_args, output_loading_info=True, **kwargs)
    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(f"{path} lacks {len(missing)} of the model's tensors: {_some(missing)}.")
    return (model, info) if wants_info else model
