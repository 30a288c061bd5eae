"""Everything that a Hub repository of a GOT model holds: weights, code, processor, generation options, model card."""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..configuration.installing import how_to_install
from ..processing.processor import GotOcrProcessor
from ..reading.model import GotOcrForConditionalGeneration

PUBLISHED_MAX_NEW_TOKENS = 4096
CARD_FILE = "README.md"
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True)
class Upload:
    """How to push.

    Attributes:
        private: Whether a new repository is private.
        token: The Hub's token, if not the one of the login.
        revision: Branch to push to.
        commit_message: The commit's message.
    """

    private: bool | None = None
    token: str | bool | None = None
    revision: str | None = None
    commit_message: str = "Upload GOT-OCR model"


def export_for_hub(
    model: GotOcrForConditionalGeneration,
    processor: GotOcrProcessor,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    card: str | None = None,
    license_id: str = "apache-2.0",
    state_dict: dict[str, Any] | None = None,
) -> Path:
    """Write a folder that loads with `trust_remote_code=True` where this package is not installed.

    Args:
        model: The model.
        processor: Its processor.
        folder: Made if it isn't there.
        name: The repository's name in the model card, such as `me/my-got`; the folder's by default.
        card: Text of the model card below its first lines; None writes how to use the model. A card that is there
            already stays.
        license_id: The weights' licence, as the Hub spells it.
        state_dict: Weights to write instead of the model's own, as a trainer gathers them from several processes.

    Returns:
        The folder.

    Raises:
        OSError: If a file can't be written.
    """
    folder = Path(folder)
    config, options = model.config, model.generation_config
    saved = options.to_dict()
    options.update(
        max_new_tokens=PUBLISHED_MAX_NEW_TOKENS,
        eos_token_id=config.stop_token_ids,
        pad_token_id=config.pad_token_id,
        bos_token_id=config.bos_token_id,
    )
    try:
        model.save_pretrained(folder, state_dict=state_dict)
    except SafetensorError as error:
        number = _SYSTEM_ERROR.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(folder)) from error  # A full disk, mostly.
    finally:
        options.update(**saved)
    processor.save_pretrained(folder)
    if not (folder / CARD_FILE).exists():
        text = model_card(name or folder.name, body=card, license_id=license_id)
        (folder / CARD_FILE).write_text(text, encoding="utf-8")
    return folder


def push_to_hub(
    model: GotOcrForConditionalGeneration,
    processor: GotOcrProcessor,
    repo_id: str,
    *,
    card: str | None = None,
    license_id: str = "apache-2.0",
    **upload: Any,
) -> str:
    """Push what :func:`export_for_hub` writes.

    Args:
        model: The model.
        processor: Its processor.
        repo_id: `owner/name`; made if it isn't there. A model card that is there stays.
        card: As in :func:`export_for_hub`.
        license_id: As in :func:`export_for_hub`.
        **upload: Fields of :class:`Upload`: `private`, `token`, `revision`, `commit_message`.

    Returns:
        The commit's URL.

    Raises:
        TypeError: If there is no field of a name.
    """
    from huggingface_hub import HfApi

    how = Upload(**upload)
    api = HfApi(token=how.token)
    repo_id = api.create_repo(repo_id, private=how.private, exist_ok=True).repo_id
    with tempfile.TemporaryDirectory() as folder:
        export_for_hub(model, processor, folder, name=repo_id, card=card, license_id=license_id)
        left_out = [CARD_FILE] if card is None and api.file_exists(repo_id, CARD_FILE, revision=how.revision) else []
        commit: Any = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            ignore_patterns=left_out,
            revision=how.revision,
            commit_message=how.commit_message,
        )
    return str(commit)


def model_card(name: str, *, body: str | None = None, license_id: str = "apache-2.0") -> str:
    """Write a model card.

    Args:
        name: The repository's name.
        body: Text below the first lines; None writes how to use the model.
        license_id: The weights' licence.

    Returns:
        Markdown with the Hub's metadata.
    """
    usage = f"""# {name}

A GOT-OCR 2.0 model ([arXiv 2409.01704](https://arxiv.org/abs/2409.01704)): a picture of a page in, its text out.

```python
from transformers import AutoModel, AutoProcessor

processor = AutoProcessor.from_pretrained("{name}", trust_remote_code=True)
model = AutoModel.from_pretrained("{name}", trust_remote_code=True)
print(model.chat(processor, "page.png", ocr_type="ocr"))
print(model.chat(processor, "page.png", ocr_type="format"))  # Markdown with LaTeX
```

or

```python
from transformers import pipeline

read = pipeline("image-text-to-text", model="{name}", trust_remote_code=True)
print(read("page.png")[0]["generated_text"])
```

With got-ocr installed ({how_to_install()}) and `import got_ocr` no remote code is needed, and
`got-ocr page.png --model {name}` reads from the command line.
"""
    return f"""---
license: {license_id}
library_name: transformers
pipeline_tag: image-text-to-text
tags:
- got
- ocr
- custom_code
widget:
- src: https://huggingface.co/datasets/huggingface/documentation-images/resolve/main/ocr-example.png
  example_title: Read a page
---

{usage if body is None else body}"""
