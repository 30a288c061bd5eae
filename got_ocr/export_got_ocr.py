"""What a saved folder needs so that others load it without this package: the code beside the weights, and its map."""

import os
import shutil
from pathlib import Path
from typing import Any

from transformers.configuration_utils import PretrainedConfig

MODEL_CLASS = "modeling_got_ocr.GotOcrForConditionalGeneration"
PIPELINE_CLASS = "pipeline_got_ocr.GotOcrPipeline"
# `auto_map` of config.json: which class of which file each Auto class loads with `trust_remote_code=True`.
AUTO_MAP = {
    "AutoConfig": "configuration_got_ocr.GotOcrConfig",
    "AutoModel": MODEL_CLASS,
    "AutoModelForCausalLM": MODEL_CLASS,
    "AutoModelForImageTextToText": MODEL_CLASS,
}
PIPELINE_TASKS = ("image-to-text", "image-text-to-text")
CODE_FILES = "*_got_ocr.py"


def save_code(config: PretrainedConfig, folder: str | os.PathLike[str]) -> None:
    """Copy the model's code into a folder and name it in a configuration, which is yet to be saved there.

    Args:
        config: Gets `auto_map` and `custom_pipelines`.
        folder: Made if it isn't there.
    """
    here, there = Path(__file__).parent, Path(folder)
    there.mkdir(parents=True, exist_ok=True)
    for file in sorted(here.glob(CODE_FILES)):
        shutil.copyfile(file, there / file.name)
    config.auto_map = dict(AUTO_MAP)
    # Where this code itself was loaded from a repository, the pipeline's file may not have been fetched.
    pipeline_file = f"{PIPELINE_CLASS.partition('.')[0]}.py"
    config.custom_pipelines = _custom_pipelines() if (there / pipeline_file).exists() else {}


def _custom_pipelines() -> dict[str, Any]:
    entry = {"impl": PIPELINE_CLASS, "pt": ["AutoModelForImageTextToText"], "type": "multimodal"}
    return {task: dict(entry) for task in PIPELINE_TASKS}
