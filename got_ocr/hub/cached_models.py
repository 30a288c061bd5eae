"""GOT checkpoints that lie in the Hugging Face cache of this machine, of whatever repository; no network."""

from dataclasses import dataclass
from pathlib import Path

from .cache import BUILTIN_CHECKPOINT, find_cached_checkpoint
from .trust import MODEL_TYPES, model_type_of

_WEIGHT_PATTERNS = ("*.safetensors", "*.bin", "*.npz")


@dataclass(frozen=True)
class KnownModel:
    """A checkpoint that can be read with.

    Attributes:
        name: What `--model` takes.
        location: Its folder; None for one that is not downloaded.
        num_bytes: Of its weights; None for one that is not downloaded.
        is_complete: Whether its weights are there.
    """

    name: str
    location: Path | None
    num_bytes: int | None
    is_complete: bool

    @classmethod
    def of_folder(cls, name: str, folder: Path) -> "KnownModel":
        """Look into a checkpoint's folder."""
        sizes = [path.stat().st_size for pattern in _WEIGHT_PATTERNS for path in folder.glob(pattern)]
        return cls(name, folder, sum(sizes), bool(sizes))


def list_models() -> list[KnownModel]:
    """List the built-in model, the full one, and every other GOT checkpoint in the Hub cache.

    Returns:
        `nano` and `full` first, then the cache's by name, of each its newest snapshot.
    """
    cached_full = find_cached_checkpoint()
    models = [KnownModel.of_folder("nano", BUILTIN_CHECKPOINT)]
    models.append(KnownModel.of_folder("full", cached_full) if cached_full else KnownModel("full", None, None, False))
    return models + [KnownModel.of_folder(name, folder) for name, folder in _cached_snapshots()]


def _cached_snapshots() -> list[tuple[str, Path]]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    found = []
    for repository in repositories:
        if repository.repo_type != "model" or not repository.revisions:
            continue
        newest = max(repository.revisions, key=lambda revision: revision.last_modified).snapshot_path
        if model_type_of(str(newest)) in MODEL_TYPES:
            found.append((repository.repo_id, newest))
    return sorted(found)
