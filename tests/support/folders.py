"""Folders as people have them: every public layout of a GOT checkpoint, with its processor files."""

import json
import shutil
from pathlib import Path

from got_ocr.checkpoints.tokenizer_files import write_fast_tokenizer
from tests.support.layouts import write_checkpoint

FOLDERS = ("got", "own", "transformers", "transformers-4.49", "mlx")


def write_folder(layout: str, model, vocabulary: Path, folder: Path, own: Path | None = None) -> Path:
    """Write a checkpoint's folder.

    Args:
        layout: One of FOLDERS; `own` is what this package saves.
        model: The model.
        vocabulary: Its rank file.
        folder: Where to.
        own: A folder that this package saved, for `own`.

    Returns:
        The folder.
    """
    if layout == "own":
        assert own is not None
        return Path(shutil.copytree(own, folder))
    write_checkpoint(model, folder, layout)
    if layout == "got":
        shutil.copy(vocabulary, folder / "qwen.tiktoken")
        options = {
            "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
            "tokenizer_class": "QWenTokenizer",
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(options))
        return folder
    write_fast_tokenizer(vocabulary, folder)
    (folder / "processor_config.json").write_text('{"processor_class": "GotOcr2Processor"}')
    side = model.config.vision_config.image_size
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": side, "width": side}})
    )
    return folder
