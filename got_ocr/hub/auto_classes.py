"""What `import got_ocr` tells transformers, so that its Auto classes and pipelines use our code for GOT checkpoints.

- `model_type` `GOT` (the original, and what we save): all classes ours, also for the tokenizer that the original calls
  `QWenTokenizer`. `AutoImageProcessor` needs a `preprocessor_config.json`, which the original's folder lacks:
  transformers looks for the file before it looks for a class. `AutoProcessor` needs none.
- `got_ocr2` (transformers' port): configuration and models ours; tokenizer, processor and image processor are those
  that the folder's own files name, which are transformers'.

No code of a repository is executed, whatever its `auto_map` says. On transformers 5 that holds even with
`trust_remote_code=True`; on transformers 4 that argument is an order which no registration can overrule, so leave it
out there. The port's processor makes the same tensors as ours and may be given to our models; ours for the same folder
is `GotOcrProcessor.from_pretrained(folder)`. Transformers' own classes (`GotOcr2ForConditionalGeneration` ...) stay
what they are under their own names.
"""

import json
from pathlib import Path
from typing import Any

from .import_hook import when_imported

_AUTO = "transformers.models.auto"


def register_when_imported() -> None:
    """Register everything as soon as transformers' modules are imported; imports nothing by itself."""
    when_imported(
        {
            "got_ocr.configuration.remote_code": _register_code_writer,
            f"{_AUTO}.configuration_auto": _register_config,
            f"{_AUTO}.modeling_auto": _register_models,
            f"{_AUTO}.tokenization_auto": _register_tokenizer,
            f"{_AUTO}.image_processing_auto": _register_image_processor,
            f"{_AUTO}.processing_auto": _register_processor,
            "transformers.pipelines": _register_pipelines,
        }
    )


def _register_code_writer() -> None:
    from ..configuration.remote_code import use_code_writer
    from .flatten import write_flat_files

    use_code_writer(write_flat_files)


def _register_config() -> None:
    from transformers.models.auto.configuration_auto import AutoConfig

    from ..configuration.config import GotOcrConfig

    def reader(of_model_type: str) -> type[GotOcrConfig]:
        """A class that AutoConfig can hold for a model type, and that makes plain GotOcrConfig objects."""

        class Reader(GotOcrConfig):
            model_type = of_model_type

            def __new__(cls, **kwargs: Any) -> Any:
                return GotOcrConfig(**kwargs)

            @classmethod
            def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
                # Our pipeline is installed, so the repository's copy of it is not wanted.
                config_dict = {name: value for name, value in config_dict.items() if name != "custom_pipelines"}
                return GotOcrConfig.from_dict(config_dict, **kwargs)

        Reader.__name__ = Reader.__qualname__ = GotOcrConfig.__name__  # transformers looks model types up by it
        # From here transformers 4 takes the checkpoint's name for the docstrings of its own port.
        Reader.__doc__ = "As [stepfun-ai/GOT-OCR-2.0-hf](https://huggingface.co/stepfun-ai/GOT-OCR-2.0-hf)."
        return Reader

    AutoConfig.register("GOT", reader("GOT"), exist_ok=True)
    AutoConfig.register("got_ocr2", reader("got_ocr2"), exist_ok=True)


def _register_models() -> None:
    from transformers.models.auto import modeling_auto

    from ..configuration.config import GotOcrConfig
    from ..reading.model import GotOcrForConditionalGeneration

    for name in (
        "AutoModel",
        "AutoModelForCausalLM",
        "AutoModelForImageTextToText",
        "AutoModelForMultimodalLM",  # transformers 5
        "AutoModelForVision2Seq",  # transformers 4
    ):
        if hasattr(modeling_auto, name):
            getattr(modeling_auto, name).register(GotOcrConfig, GotOcrForConditionalGeneration, exist_ok=True)


def _register_tokenizer() -> None:
    from transformers.configuration_utils import PretrainedConfig
    from transformers.models.auto.tokenization_auto import AutoTokenizer

    from ..processing.tokenizer import GotOcrTokenizer

    class QWenTokenizer(GotOcrTokenizer):
        """What the original's tokenizer_config.json calls its tokenizer. Loads our own in its place."""

        @classmethod
        def from_pretrained(cls, path: Any, *args: Any, **kwargs: Any) -> Any:
            model_type = _model_type(path, **kwargs)
            if model_type not in ("GOT", "got_ocr2"):
                # The first Qwen models have remote code with a class of this name.
                raise ValueError(
                    f"{path} asks for its own QWenTokenizer (model type {model_type!r}); got_ocr, which is imported "
                    "here, reads that name as GOT's. Load this tokenizer before `import got_ocr` or without it."
                )
            return GotOcrTokenizer.from_pretrained(path, *args, **kwargs)

    # Tokenizers are registered for the names in tokenizer_config.json, not for GotOcrConfig: AutoTokenizer of
    # transformers 5 prefers a repository's code to a class registered for the configuration, but not to one whose name
    # it knows. The registry's keys are configurations all the same.
    class _GotOcrTokenizerName(PretrainedConfig):
        pass

    class _QWenTokenizerName(PretrainedConfig):
        pass

    AutoTokenizer.register(_GotOcrTokenizerName, slow_tokenizer_class=GotOcrTokenizer, exist_ok=True)
    AutoTokenizer.register(_QWenTokenizerName, slow_tokenizer_class=QWenTokenizer, exist_ok=True)


def _model_type(path: Any, **kwargs: Any) -> str | None:
    from transformers.utils import cached_file

    names = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")
    hub = {name: kwargs[name] for name in names if kwargs.get(name) is not None}
    file = cached_file(path, "config.json", _raise_exceptions_for_missing_entries=False, **hub)
    return None if file is None else json.loads(Path(file).read_text(encoding="utf-8")).get("model_type")


def _register_image_processor() -> None:
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    from ..configuration.config import GotOcrConfig
    from ..processing.image_processor import GotOcrImageProcessor

    AutoImageProcessor.register(GotOcrConfig, slow_image_processor_class=GotOcrImageProcessor, exist_ok=True)


def _register_processor() -> None:
    from transformers.models.auto.processing_auto import AutoProcessor

    from ..configuration.config import GotOcrConfig
    from ..processing.processor import GotOcrProcessor

    AutoProcessor.register(GotOcrConfig, GotOcrProcessor, exist_ok=True)


def _register_pipelines() -> None:
    """Make the stock tasks choose our pipeline for our models, and theirs for every other."""
    from transformers.pipelines import PIPELINE_REGISTRY

    from .pipelines import choosing_pipeline

    tasks = PIPELINE_REGISTRY.supported_tasks
    for task in ("image-to-text", "image-text-to-text"):
        # Transformers 5 removed image-to-text; its newest versions take the other name for it.
        entry = tasks.get(task, tasks["image-text-to-text"])
        tasks[task] = {**entry, "impl": choosing_pipeline(entry["impl"])}
