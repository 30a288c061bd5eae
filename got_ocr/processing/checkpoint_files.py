"""Files of a checkpoint that are read before there is a model: what its processor is made of."""

import json
import os
from typing import Any

from transformers import PreTrainedTokenizerFast
from transformers.utils.hub import cached_file

from .tokenizer import VOCABULARY_FILE, GotOcrTokenizer

FAST_TOKENIZER_FILE = "tokenizer.json"
# What from_pretrained hands on to every file that it looks for.
HUB_OPTIONS = ("cache_dir", "force_download", "proxies", "token", "revision", "local_files_only", "subfolder")


def load_tokenizer(name: str | os.PathLike[str], **hub_options: Any) -> Any:
    """Load the tokenizer of any public GOT layout. No code from there is run.

    Args:
        name: Folder or Hub id.
        **hub_options: `revision`, `token`, `cache_dir` ...

    Returns:
        :class:`GotOcrTokenizer` where there is a `qwen.tiktoken`, else transformers' fast tokenizer.

    Raises:
        OSError: If there is neither.
    """
    check_name(name)
    if find_file(name, VOCABULARY_FILE, hub_options) is not None:
        return GotOcrTokenizer.from_pretrained(name, **hub_options)
    if find_file(name, FAST_TOKENIZER_FILE, hub_options) is not None:
        return PreTrainedTokenizerFast.from_pretrained(name, **hub_options)
    where = "folder" if os.path.isdir(name) else "Hub repository in the cache or within reach"
    raise OSError(
        f"{name}: found neither {VOCABULARY_FILE} nor {FAST_TOKENIZER_FILE}: it is no {where} that holds a GOT model."
    )


def has_ranks(name: str | os.PathLike[str], **hub_options: Any) -> bool:
    """Tell whether a folder or repository has the rank file of our tokenizer.

    Args:
        name: Folder or Hub id.
        **hub_options: `revision`, `token`, `cache_dir` ...

    Returns:
        Whether.
    """
    return find_file(name, VOCABULARY_FILE, hub_options) is not None


def check_name(name: str | os.PathLike[str]) -> None:
    """Refuse a path that is no folder, before it is taken for a Hub id.

    Args:
        name: Folder or Hub id.

    Raises:
        FileNotFoundError: If it is a path and there is no such folder.
    """
    text = os.fspath(name)
    looks_like_path = os.path.isabs(text) or text.startswith((".", "~")) or text.count("/") > 1 or "\\" in text
    if looks_like_path and not os.path.isdir(text):
        raise FileNotFoundError(f"{name}: there is no such folder, and a Hub repository is named owner/name.")


def find_file(name: str | os.PathLike[str], file: str, hub_options: dict[str, Any]) -> str | None:
    """Find a file of a checkpoint.

    Args:
        name: Folder or Hub id.
        file: Its name.
        hub_options: `revision`, `token`, `cache_dir` ...

    Returns:
        Its path, or None where it can't be had: not there, or not in the cache of a machine without network.
    """
    path: str | None = cached_file(
        name,
        file,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        **hub_options,
    )
    return path


def read_json(name: str | os.PathLike[str], file: str, hub_options: dict[str, Any]) -> dict[str, Any] | None:
    """Read a JSON file of a checkpoint.

    Args:
        name: Folder or Hub id.
        file: Its name.
        hub_options: `revision`, `token`, `cache_dir` ...

    Returns:
        What it holds; None where it can't be had.

    Raises:
        OSError: If it is no JSON.
    """
    path = find_file(name, file, hub_options)
    if path is None:
        return None
    with open(path, encoding="utf-8") as stream:
        try:
            content: dict[str, Any] = json.load(stream)
            return content
        except ValueError as error:
            raise OSError(f"{path} is not valid JSON: {error}.") from None
