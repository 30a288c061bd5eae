"""What `import got_ocr` tells transformers, so that its Auto classes and pipelines use our code for GOT checkpoints.

- `model_type` `GOT` (the original, and what we save): all classes ours, also for the tokenizer that the original calls
  `QWenTokenizer`. `AutoImageProcessor` needs a `preprocessor_config.json`, which the original's folder lacks:
  transformers looks for the file before it looks for a class. `AutoProcessor` needs none.
- `got_ocr2` (transformers' port) and `pp_chart2table` (the same, asked for a chart's table): configuration and models
  ours; tokenizer, processor and image processor are those that the folder's own files name, which are transformers'.

No code of a repository is executed or asked about, whatever its `auto_map` and `trust_remote_code` say (see
`got_ocr.hub.trust`). The port's processor makes the same tensors as ours and may be given to our models; ours for the
same folder is `GotOcrProcessor.from_pretrained(folder)`. Transformers' own classes (`GotOcr2ForConditionalGeneration`
...) stay what they are under their own names.
"""

import sys
from typing import Any

from .import_hook import when_imported
from .trust import AUTO as _AUTO
from .trust import GATED_MODULES, MODEL_TYPES, distrust, gate, is_got, model_type_of

# Arguments of AutoTokenizer that choose a class.
_AUTO_ARGUMENTS = ("config", "tokenizer_type", "trust_remote_code", "use_fast", "_from_pipeline")


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
    when_imported({name: gate(name) for name in GATED_MODULES})


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
                return GotOcrConfig.from_dict(_without_pipelines(config_dict), **kwargs)

        Reader.__name__ = Reader.__qualname__ = GotOcrConfig.__name__  # transformers looks model types up by it
        # From here transformers 4 takes the checkpoint's name for the docstrings of its own port.
        Reader.__doc__ = "As [stepfun-ai/GOT-OCR-2.0-hf](https://huggingface.co/stepfun-ai/GOT-OCR-2.0-hf)."
        return Reader

    for model_type in MODEL_TYPES:
        AutoConfig.register(model_type, reader(model_type), exist_ok=True)


def _without_pipelines(config_dict: dict[str, Any]) -> dict[str, Any]:
    """Leave out what names a repository's pipelines, in the port's nested decoder too."""
    kept = {name: value for name, value in config_dict.items() if name != "custom_pipelines"}
    if isinstance(kept.get("text_config"), dict):
        kept["text_config"] = _without_pipelines(kept["text_config"])
    return kept


def _register_models() -> None:
    from transformers.models.auto import modeling_auto

    from ..configuration.config import GotOcrConfig
    from ..configuration.remote_code import announce_model
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
    announce_model()


def _register_tokenizer() -> None:
    from transformers.configuration_utils import PretrainedConfig
    from transformers.models.auto.tokenization_auto import AutoTokenizer

    from ..processing.tokenizer import GotOcrTokenizer

    class QWenTokenizer(GotOcrTokenizer):
        """What the original's tokenizer_config.json calls its tokenizer. Loads our own in its place."""

        @classmethod
        def from_pretrained(cls, path: Any, *args: Any, **kwargs: Any) -> Any:
            model_type = model_type_of(path)
            if model_type not in MODEL_TYPES:
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
    _choose_own_tokenizer(AutoTokenizer)


def _choose_own_tokenizer(auto_tokenizer: Any) -> None:
    """Give our tokenizer for every GOT folder with a rank file, whatever class its tokenizer_config.json names."""
    from ..processing.checkpoint_files import HUB_OPTIONS, has_ranks
    from ..processing.tokenizer import GotOcrTokenizer

    choose = auto_tokenizer.from_pretrained.__func__

    def from_pretrained(cls: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        hub = {name: kwargs[name] for name in HUB_OPTIONS if kwargs.get(name) is not None}
        if is_got(path, **hub) and has_ranks(path, **hub):
            wanted = {name: value for name, value in kwargs.items() if name not in _AUTO_ARGUMENTS}
            return GotOcrTokenizer.from_pretrained(path, *args, **wanted)
        return choose(cls, path, *args, **kwargs)

    from_pretrained.__doc__ = choose.__doc__
    auto_tokenizer.from_pretrained = classmethod(from_pretrained)


def _register_image_processor() -> None:
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    from ..configuration.config import GotOcrConfig
    from ..processing.image_processor import GotOcrImageProcessor

    AutoImageProcessor.register(GotOcrConfig, slow_image_processor_class=GotOcrImageProcessor, exist_ok=True)


def _register_processor() -> None:
    from transformers.models.auto.processing_auto import AutoProcessor
    from transformers.processing_utils import ProcessorMixin

    from ..configuration.config import GotOcrConfig
    from ..processing.processor import GotOcrProcessor

    AutoProcessor.register(GotOcrConfig, GotOcrProcessor, exist_ok=True)
    distrust(AutoProcessor)
    load = AutoProcessor.from_pretrained.__func__

    def from_pretrained(cls: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        made = load(cls, name, *args, **kwargs)
        # Where a folder names a processor of a newer transformers, there is only its tokenizer.
        return made if isinstance(made, ProcessorMixin) or not is_got(name) else GotOcrProcessor.from_pretrained(name)

    from_pretrained.__doc__ = load.__doc__
    AutoProcessor.from_pretrained = classmethod(from_pretrained)


def _register_pipelines() -> None:
    """Make the stock tasks choose our pipeline for our models, and theirs for every other."""
    from transformers.pipelines import PIPELINE_REGISTRY

    from .pipelines import choosing_pipeline

    _answer_quietly(sys.modules["transformers.pipelines"])
    tasks = PIPELINE_REGISTRY.supported_tasks
    for task in ("image-to-text", "image-text-to-text"):
        # Transformers 5 removed image-to-text; its newest versions take the other name for it.
        entry = tasks.get(task, tasks["image-text-to-text"])
        tasks[task] = {**entry, "impl": choosing_pipeline(entry["impl"])}


def _answer_quietly(pipelines: Any) -> None:
    """Let `image-to-text` be a task again: the newest transformers warn of it in a way that logging can't format."""
    resolve = getattr(pipelines, "_resolve_deprecated_task", None)
    if resolve is not None:
        pipelines._resolve_deprecated_task = lambda task: task if task == "image-to-text" else resolve(task)
