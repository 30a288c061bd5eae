"""No code of a GOT repository runs, and nobody is asked whether it may, once this package is imported.

Transformers decides in one function, `resolve_trust_remote_code`, which every Auto class imports by name. Registered
classes are not enough: transformers 4 obeys `trust_remote_code=True` all the same, and a pipeline probes Auto classes
that a model of text and pictures has nothing for (feature extractors, videos), asking the user on the way. So each
Auto class's own name for that function gets a gate, which answers for GOT checkpoints alone; and so does the function
that loads the code, for the ways on which transformers decides by itself.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MODEL_TYPES = ("GOT", "got_ocr2", "pp_chart2table")
AUTO = "transformers.models.auto"
GATED_MODULES = tuple(
    f"{AUTO}.{name}"
    for name in (
        "auto_factory",
        "configuration_auto",
        "feature_extraction_auto",
        "image_processing_auto",
        "processing_auto",
        "tokenization_auto",
        "video_processing_auto",
    )
)
CONFIG_FILE = "config.json"
_DECIDES = "resolve_trust_remote_code"
_LOADS = "get_class_from_dynamic_module"


def gate(module_name: str) -> Callable[[], None]:
    """Make a function that puts the gate into a module of Auto classes.

    Args:
        module_name: One of :data:`GATED_MODULES`, imported when the function is called.

    Returns:
        The function.
    """

    def put() -> None:
        module = sys.modules[module_name]
        decide = getattr(module, _DECIDES, None)
        if decide is None or getattr(decide, "is_gate", False):
            return

        def resolve(trust_remote_code: bool | None, model_name: Any, *args: Any, **kwargs: Any) -> Any:
            if is_got(model_name):
                return False
            return decide(trust_remote_code, model_name, *args, **kwargs)

        load = getattr(module, _LOADS)

        def get_class(class_reference: str, model_name: Any, *args: Any, **kwargs: Any) -> Any:
            if is_got(model_name):
                raise ValueError(f"{model_name}: {class_reference} is not run: got_ocr, which is imported, reads it.")
            return load(class_reference, model_name, *args, **kwargs)

        resolve.is_gate = True  # type: ignore[attr-defined]
        setattr(module, _DECIDES, resolve)
        setattr(module, _LOADS, get_class)

    return put


def distrust(auto_class: Any) -> None:
    """Have an Auto class take no order to trust the code of a GOT repository.

    Args:
        auto_class: The class; its `from_pretrained` is replaced.
    """
    load = auto_class.from_pretrained.__func__

    def from_pretrained(cls: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("trust_remote_code") and is_got(name):
            kwargs["trust_remote_code"] = False
        return load(cls, name, *args, **kwargs)

    from_pretrained.__doc__ = load.__doc__
    auto_class.from_pretrained = classmethod(from_pretrained)


def is_got(name: Any, **hub_options: Any) -> bool:
    """Tell whether a folder or Hub repository holds a GOT model.

    Args:
        name: The folder or Hub id.
        **hub_options: `revision`, `token`, `cache_dir` ..., for a repository that is not in the usual cache.

    Returns:
        Whether its config.json says so.
    """
    return model_type_of(name, **hub_options) in MODEL_TYPES


def model_type_of(name: Any, **hub_options: Any) -> str | None:
    """Read the model type of a folder or Hub repository.

    Args:
        name: The folder or Hub id.
        **hub_options: As :func:`is_got` takes them.

    Returns:
        `model_type` of config.json; None where there is none or it can't be read.
    """
    for file in _config_files(name, hub_options):
        try:
            content = json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and isinstance(content.get("model_type"), str):
            return str(content["model_type"])
    return None


def _config_files(name: Any, hub_options: dict[str, Any]) -> Iterator[str | Path]:
    from transformers.utils import cached_file

    try:
        folder = Path(name)
        if folder.is_dir():
            yield folder / hub_options.get("subfolder", "") / CONFIG_FILE
            return
    except (OSError, TypeError, ValueError):  # no name of a path
        return
    # The callers of the gate don't say which revision they look at: any that is here tells the type.
    yield from _cached_configs(str(name))
    try:
        found = cached_file(
            name,
            CONFIG_FILE,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **hub_options,
        )
    except (OSError, ValueError):  # no name of a repository either
        return
    if found is not None:
        yield found


def _cached_configs(repo_id: str) -> Iterator[Path]:
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"models--{repo_id.replace('/', '--')}" / "snapshots"
    if folder.is_dir():
        yield from sorted(folder.glob(f"*/{CONFIG_FILE}"))
