"""What a saved folder needs so that others load it without this package: flat code beside the weights, and its map.

Transformers' loader of remote code takes flat files only. Installed, this package's rooms are flattened by
`got_ocr.hub.flatten`, which announces itself here; code that was itself loaded from a folder copies its own files.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from transformers.configuration_utils import PretrainedConfig

# The flat files that transformers loads classes from, by the class.
ENTRY_CLASSES = {
    "GotOcrConfig": "configuration_got_ocr",
    "GotOcrForConditionalGeneration": "modeling_got_ocr",
    "GotOcrImageProcessor": "image_processing_got_ocr",
    "GotOcrPipeline": "pipeline_got_ocr",
    "GotOcrProcessor": "processing_got_ocr",
    "GotOcrTokenizer": "tokenization_got_ocr",
}
FLAT_SUFFIX = "_got_ocr.py"
PIPELINE_TASKS = ("image-to-text", "image-text-to-text")
MODEL_AUTO_CLASSES = ("AutoModel", "AutoModelForCausalLM", "AutoModelForImageTextToText", "AutoModelForMultimodalLM")
# Where transformers' own server and exporters look up by names, past every registered class, what a model reads.
_AUTO_MODULE = "transformers.models.auto.modeling_auto"
_NAMED_IN = ("MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES", "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES")


def announce_model() -> None:
    """Name the model among those that read pictures, if transformers' list of them has been imported."""
    module = sys.modules.get(_AUTO_MODULE)
    for name in _NAMED_IN:
        if isinstance(names := getattr(module, name, None), dict):
            names["GOT"] = "GotOcrForConditionalGeneration"


def entry(class_name: str) -> str:
    """Name a class as `auto_map` does.

    Args:
        class_name: one of :data:`ENTRY_CLASSES`.

    Returns:
        `file.class`.
    """
    return f"{ENTRY_CLASSES[class_name]}.{class_name}"


def copy_own_files(folder: Path) -> None:
    """Copy the flat files that this one stands among.

    Args:
        folder: where to.
    """
    for file in sorted(Path(__file__).parent.glob(f"*{FLAT_SUFFIX}")):
        shutil.copyfile(file, folder / file.name)


_writers: list[Callable[[Path], None]] = [copy_own_files]


def use_code_writer(writer: Callable[[Path], None]) -> None:
    """Have another function write the flat files from now on.

    Args:
        writer: gets the folder, which exists.
    """
    _writers[:] = [writer]


def write_code(folder: str | os.PathLike[str]) -> Path:
    """Write the flat files into a folder.

    Args:
        folder: made if it isn't there.

    Returns:
        The folder.
    """
    there = Path(folder)
    there.mkdir(parents=True, exist_ok=True)
    _writers[0](there)
    return there


def save_code(config: PretrainedConfig, folder: str | os.PathLike[str]) -> None:
    """Write the model's code into a folder and name it in a configuration, which is yet to be saved there.

    Args:
        config: Gets `auto_map` and `custom_pipelines`.
        folder: Made if it isn't there.
    """
    there = write_code(folder)
    model = entry("GotOcrForConditionalGeneration")
    config.auto_map = {"AutoConfig": entry("GotOcrConfig"), **dict.fromkeys(MODEL_AUTO_CLASSES, model)}
    # Where this code itself was loaded from a repository, the pipeline's file may not have been fetched.
    has_pipeline = (there / f"{ENTRY_CLASSES['GotOcrPipeline']}.py").exists()
    pipeline = {"impl": entry("GotOcrPipeline"), "pt": ["AutoModelForImageTextToText"], "type": "multimodal"}
    config.custom_pipelines = {task: dict(pipeline) for task in PIPELINE_TASKS} if has_pipeline else {}


class CodeSavingMixin:
    """Save the model's code with an object; stands before transformers' class among a class's bases.

    Transformers' own way (`register_for_auto_class`) would copy the installed module under its own name.

    Attributes:
        auto_class: the Auto class that is to load the object.
        written_first: ends of the names of files that are written before transformers saves, and pushed all the same.
    """

    auto_class: ClassVar[str]
    written_first: ClassVar[tuple[str, ...]] = (FLAT_SUFFIX,)

    @classmethod
    def register_for_auto_class(cls, auto_class: str | None = None) -> None:
        """Do as transformers does for classes of others; ours say by themselves which Auto class loads them.

        Args:
            auto_class: As transformers.
        """
        if cls.__name__ not in ENTRY_CLASSES:
            super().register_for_auto_class(auto_class or cls.auto_class)  # type: ignore[misc]

    def auto_map_entry(self) -> dict[str, Any]:
        """Name this class for its Auto class, as `auto_map` does."""
        return {self.auto_class: entry(type(self).__name__)}

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """Save as transformers does, with the code that loads it; `push_to_hub=True` pushes the code too.

        Args:
            save_directory: Folder; made if it isn't there.
            *args: As transformers.
            **kwargs: As transformers.

        Returns:
            As transformers.
        """
        if type(self).__name__ in ENTRY_CLASSES:  # a class of somebody else's on top of ours has no file here
            write_code(save_directory)
            self.name_code()
        return super().save_pretrained(save_directory, *args, **kwargs)  # type: ignore[misc]

    def name_code(self) -> None:
        """Put this class into the `auto_map` that is saved with it."""
        self.auto_map = {**(getattr(self, "auto_map", None) or {}), **self.auto_map_entry()}

    def _get_files_timestamps(self, working_dir: str | os.PathLike[str]) -> dict[str, float]:
        """Tell transformers which files not to push: those that were there, but for what was written just now."""
        times: dict[str, float] = super()._get_files_timestamps(working_dir)  # type: ignore[misc]
        return {name: time for name, time in times.items() if not name.endswith(self.written_first)}
