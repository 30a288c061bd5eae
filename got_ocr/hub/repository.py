"""The whole Hub repository of a checkpoint: what `export_for_hub` writes, card, results of benchmarks, handler."""

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..processing.processor import GotOcrProcessor
from ..reading.model import GotOcrForConditionalGeneration
from . import handler
from .export import CARD_FILE, Upload, export_for_hub, model_card

RESULTS_FOLDER = ".eval_results"
HANDLER_FILE = "handler.py"
PART_FOLDER = ".part"  # Where a repository is written till it is whole.
# What the handler's container lacks. The weights' code itself needs no more than transformers does, and tiktoken.
REQUIREMENTS = "tiktoken>=0.8\npypdfium2>=4.30\n"
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".gif")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)[^)]*\)|<img[^>]+src=[\"']([^\"']+)", re.IGNORECASE)
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class CardFacts:
    """What the Hub is told of a checkpoint.

    Attributes:
        license_id: The weights' licence, as the Hub spells it.
        languages: That it reads, as ISO 639-1 codes.
        base_model: The checkpoint that it was trained from.
        tags: Beside those that every GOT model has.
    """

    license_id: str | None = None
    languages: Sequence[str] = ()
    base_model: str | None = None
    tags: Sequence[str] = ()


def check_repository(name: str) -> None:
    """Refuse a name that is none.

    Args:
        name: `owner/name`.

    Raises:
        ValueError: If it is something else.
    """
    if not _REPOSITORY.fullmatch(name) or ".." in name or "--" in name or len(name) > 96:
        raise ValueError(f"a repository is named owner/name, in letters, digits, '.', '_' and '-', got {name!r}.")


def read_results(file: Path) -> list[Any]:
    """Read results of benchmarks.

    Args:
        file: YAML (or JSON) in the form of the Hub's `.eval_results/*.yaml`: a list of `dataset` (`id`, `task_id`),
            `value`, and what else it allows.

    Returns:
        `huggingface_hub.EvalResultEntry` each.

    Raises:
        ValueError: If it is something else, or huggingface_hub is too old to know them.
    """
    import yaml

    try:
        from huggingface_hub import parse_eval_result_entries
    except ImportError:
        raise ValueError(
            "results of benchmarks need a newer huggingface_hub: pip install -U huggingface_hub."
        ) from None
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        entries = list(parse_eval_result_entries(data))
    except OSError as error:
        raise ValueError(f"{file}: can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{file}: is no list of results ({reason}): each is `dataset: {{id: owner/name, task_id: name}}` and "
            "`value: number`."
        ) from None
    if not entries:
        raise ValueError(f"{file}: holds no results.")
    return entries


def build_repository(
    model: GotOcrForConditionalGeneration,
    processor: GotOcrProcessor,
    folder: Path,
    name: str,
    *,
    facts: CardFacts | None = None,
    results: Sequence[Path] = (),
    source: Path | None = None,
) -> list[str]:
    """Write everything that a repository holds.

    Args:
        model: The model, in the number format that is to be published.
        processor: Its processor.
        folder: Where to; made, or empty.
        name: `owner/name`.
        facts: For the card's metadata; what the checkpoint's own card says stays where they say nothing.
        results: Files of results of benchmarks.
        source: The checkpoint's folder; its card and the pictures on it are taken over.

    Returns:
        The files, by their names in the repository.

    Raises:
        ValueError: If a name or a file of results is not allowed, or the folder is not empty or another's now.
        OSError: If something can't be written; then the folder is as it was.
    """
    check_repository(name)
    found = {file.stem: read_results(file) for file in results}
    if len(found) < len(results):
        raise ValueError("two files of results have one name: rename one.")
    with _made_whole(folder) as part:
        (part / CARD_FILE).write_text(_write_card(name, facts or CardFacts(), source), encoding="utf-8")
        _copy_pictures(part, source)
        export_for_hub(model, processor, part, name=name)
        _write_results(part, found)
        (part / HANDLER_FILE).write_text(Path(handler.__file__).read_text(encoding="utf-8"), encoding="utf-8")
        (part / "requirements.txt").write_text(REQUIREMENTS, encoding="utf-8")
    return sorted(str(file.relative_to(folder).as_posix()) for file in folder.rglob("*") if file.is_file())


@contextlib.contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Fill a folder of an inner one, whose files come out when all are there: there is no repository that is half."""
    is_new = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / PART_FOLDER
    try:
        part.mkdir()
    except FileExistsError:
        raise ValueError(
            f"{folder} is being written by another process, or one was stopped there: wait for it, or remove {part}."
        ) from None
    try:
        if any(entry != part for entry in folder.iterdir()):
            raise ValueError(f"{folder} is not empty: give a folder that is empty or is not there.")
        yield part
        for entry in sorted(part.iterdir()):
            entry.replace(folder / entry.name)
    except OSError as error:
        if error.strerror:  # The system names no file for a full disk, or the part's.
            error.filename = str(error.filename or folder).replace(str(part), str(folder))
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()  # Where nothing came out.


def _write_card(name: str, facts: CardFacts, source: Path | None) -> str:
    """Write the card: the checkpoint's own text, or how to use the model, below complete metadata."""
    from huggingface_hub import ModelCard

    own = source / CARD_FILE if source is not None else None
    text = own.read_text(encoding="utf-8") if own is not None and own.is_file() else model_card(name)
    card = ModelCard(text, ignore_metadata_errors=True)
    told = {
        "license": facts.license_id,
        "language": list(facts.languages) or None,
        "base_model": facts.base_model,
    }
    for field, value in told.items():
        if value is not None:
            setattr(card.data, field, value)
    for field, value in {"license": "apache-2.0", "library_name": "transformers"}.items():
        if getattr(card.data, field, None) is None:
            setattr(card.data, field, value)
    data: Any = card.data
    data.pipeline_tag = "image-text-to-text"
    before = getattr(data, "tags", None) or []
    data.tags = list(dict.fromkeys([*before, "got", "ocr", "custom_code", *facts.tags]))
    return str(card)


def _copy_pictures(folder: Path, source: Path | None) -> None:
    """Take over the pictures that the card shows from beside it."""
    if source is None:
        return
    for match in _PICTURE.finditer((folder / CARD_FILE).read_text(encoding="utf-8")):
        name = match[1] or match[2]
        file = (source / name).resolve()
        is_beside = file.is_relative_to(source.resolve()) and file.suffix.lower() in PICTURE_SUFFIXES
        if is_beside and file.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _write_results(folder: Path, results: dict[str, list[Any]]) -> None:
    if not results:
        return
    import yaml
    from huggingface_hub import eval_result_entries_to_yaml

    (folder / RESULTS_FOLDER).mkdir()
    for name, entries in results.items():
        text = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)
        (folder / RESULTS_FOLDER / f"{name}.yaml").write_text(text, encoding="utf-8")


def push_results(file: Path, benchmark: str, name: str) -> str:
    """Propose a benchmark's results to a model's repository, as a pull request: its owners decide.

    Args:
        file: The results, as :func:`read_results` takes them.
        benchmark: What the file is called there.
        name: `owner/name`, of a model.

    Returns:
        The pull request's URL.

    Raises:
        ValueError: If the file or the name is none.
    """
    check_repository(name)
    read_results(file)
    from huggingface_hub import HfApi

    commit: Any = HfApi().upload_file(
        path_or_fileobj=file,
        path_in_repo=f"{RESULTS_FOLDER}/{benchmark}.yaml",
        repo_id=name,
        commit_message=f"Add results on {benchmark}",
        create_pr=True,
    )
    return str(getattr(commit, "pr_url", None) or commit)


def upload_repository(folder: Path, name: str, upload: Upload | None = None, *, replace_card: bool = False) -> str:
    """Upload what :func:`build_repository` wrote, as one commit.

    Args:
        folder: The folder.
        name: `owner/name`; made if it isn't there.
        upload: How.
        replace_card: Whether to replace a card that is there; else it stays, since people may have edited it there.

    Returns:
        The commit's URL.
    """
    from huggingface_hub import HfApi

    how = upload or Upload()
    api = HfApi(token=how.token)
    name = api.create_repo(name, private=how.private, exist_ok=True).repo_id
    if how.revision is not None:
        api.create_branch(name, branch=how.revision, exist_ok=True)
    stays = not replace_card and api.file_exists(name, CARD_FILE, revision=how.revision)
    commit: Any = api.upload_folder(
        repo_id=name,
        folder_path=folder,
        ignore_patterns=[CARD_FILE] if stays else [],
        revision=how.revision,
        commit_message=how.commit_message,
    )
    return str(commit)
