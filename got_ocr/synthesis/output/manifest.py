"""What a run's folder was made with: options that must be the same to go on, and the machine's, which are noted."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import features

from got_ocr.synthesis.output.files import write_json
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.corpus import load_corpus
from got_ocr.synthesis.text.fonts import installed_faces
from got_ocr.version import __version__

MANIFEST = "manifest.json"
FORMATS = ("json", "webdataset")
# Packages that draw, set or shape what is drawn; those that are installed are noted.
_PACKAGES = (
    "numpy",
    "pillow",
    "opencv-python-headless",
    "scipy",
    "matplotlib",
    "pypdfium2",
    "rdkit",
    "resvg-py",
    "verovio",
    "vl-convert-python",
)
_LIBRARIES = ("freetype2", "harfbuzz", "jpg", "zlib", "zlib_ng")
# A font's tables stand at its beginning with a checksum of each, so this much of it tells whether it is the same.
_FONT_BYTES = 16_384


@dataclass(frozen=True)
class Plan:
    """What a folder is to hold.

    Attributes:
        kinds: names of kinds.
        seed: 0 or more.
        count: samples of each kind.
        only: draw this number alone; None for 0 to count - 1.
        output_format: `json` or `webdataset`.
        shard_size: samples in a shard (`webdataset`).
    """

    kinds: tuple[str, ...]
    seed: int
    count: int
    only: int | None = None
    output_format: str = "json"
    shard_size: int = 1000

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError(f"name each kind once, got {'+'.join(self.kinds) or 'none'}")
        if self.count < 1 and self.only is None:
            raise ValueError(f"the count of samples must be at least 1, got {self.count}")
        for name, number in (("seed", self.seed), ("number of the only sample", self.only or 0)):
            if number < 0:
                raise ValueError(f"the {name} must not be negative, got {number}")
        if max(self.count - 1, self.only or 0) >= 10**9:
            raise ValueError("samples are numbered with 9 digits, to 999999999: use other seeds for more")
        if self.output_format not in FORMATS:
            raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {self.output_format!r}")
        if self.shard_size < 1:
            raise ValueError(f"a shard must hold at least 1 sample, got {self.shard_size}")

    @property
    def numbers(self) -> Sequence[int]:
        """The samples of each kind."""
        return range(self.count) if self.only is None else [self.only]


def describe_options(plan: Plan, resources: Resources) -> dict[str, Any]:
    """Write down all that decides what is drawn, in so far as the user chose it.

    Args:
        plan: kinds, numbers and format.
        resources: fonts and text.

    Returns:
        JSON-ready; files stand by name and digest.
    """
    options: dict[str, Any] = {
        "kinds": list(plan.kinds),
        "seed": plan.seed,
        "count": plan.count if plan.only is None else None,
        "only": plan.only,
        "format": plan.output_format,
        "shard_size": plan.shard_size if plan.output_format == "webdataset" else None,
        "language": resources.language,
        "typesetter": resources.typesetter,
        "degradations": list(resources.degradations),
        "held_out": resources.held_out,
        "corpus": [_digest_file(path) for path in resources.corpus_files] or _digest_default_corpus(resources),
        "fonts": [entry for path in resources.font_files for entry in _digest_fonts(path)],
        "font_families": list(resources.font_families),
    }
    return options


def describe_environment(resources: Resources) -> dict[str, Any]:
    """Write down what else the pictures depend on: versions of libraries and the machine's fonts.

    Args:
        resources: whether the fonts are the user's own.

    Returns:
        JSON-ready.
    """
    versions: dict[str, Any] = {"got-ocr": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    versions |= {name: features.version(name) for name in _LIBRARIES if features.version(name)}
    program = _typesetter_version(resources.typesetter)
    if program:
        versions[resources.typesetter] = program
    if not resources.font_files:
        versions["fonts"] = _digest_installed_fonts()
    return versions


@cache
def _typesetter_version(typesetter: str) -> str | None:
    if typesetter == "browser":
        from got_ocr.rendering.browser import find_browser

        program = find_browser()
    else:
        program = shutil.which("pdflatex") or shutil.which("xelatex") or shutil.which("lualatex")
    if program is None:
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.splitlines()[0].strip() if said.strip() else None


@cache
def _digest_installed_fonts() -> str | None:
    try:
        paths = sorted({face.path for face in installed_faces()})
    except ValueError:  # no fontconfig: the kinds that need fonts say so
        return None
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{Path(path).name} {_digest_font(Path(path))}\n".encode())
    return f"{len(paths)} files, {total.hexdigest()[:16]}"


def _digest_font(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_FONT_BYTES)
    return hashlib.sha256(start + str(path.stat().st_size).encode()).hexdigest()[:16]


def _digest_fonts(place: Path) -> list[str]:
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return [f"{path.name} {_digest_font(path)}" for path in files]


def _digest_file(path: Path) -> str:
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def _digest_default_corpus(resources: Resources) -> list[str]:
    """Digest the machine's prose; collects it first if need be, so that no two workers do."""
    if resources.corpus_cache is None:
        return []
    try:
        load_corpus(resources.corpus_cache)
    except ValueError:  # too little prose on this machine: the kinds that need some say so
        return []
    return [_digest_file(resources.corpus_cache)]


def open_folder(folder: Path, options: Mapping[str, Any], environment: Mapping[str, Any]) -> str | None:
    """Begin a run in a folder, or go on with the one that is there.

    Args:
        folder: made if it doesn't exist.
        options: see `describe_options`.
        environment: see `describe_environment`.

    Returns:
        A warning where libraries or fonts have changed since the run was begun; else None.

    Raises:
        ValueError: the folder holds another run, or files that no run wrote; nothing was changed.
        OSError: it can't be made or written.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give a folder that is new, empty, or holds the same run")
    path = folder / MANIFEST
    if not path.exists():
        if folder.is_dir() and any(entry.name != MANIFEST + ".partial" for entry in folder.iterdir()):
            raise ValueError(f"{folder} holds files and no {MANIFEST}: give a folder that is new or empty")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"options": options, "environments": [environment]})
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        before, environments = manifest["options"], manifest["environments"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): give another folder") from error
    _check_same_run(folder, before, options)
    has_changed = environments[-1] != environment
    if has_changed:
        environments = [*environments, environment]
    if has_changed or before != options:
        write_json(path, {"options": options, "environments": environments})
    return _describe_change(folder, environments) if has_changed else None


def _check_same_run(folder: Path, before: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    for name in {**before, **options}:
        old, new = before.get(name), options.get(name)
        may_grow = name == "count" and isinstance(old, int) and isinstance(new, int) and old <= new
        if old == new or may_grow:
            continue
        if name == "count" and isinstance(old, int) and isinstance(new, int):
            raise ValueError(f"{folder} is of {old} samples a kind, more than {new}: give a count of {old} or more")
        raise ValueError(
            f"{folder} holds another run: {name} was {json.dumps(old, ensure_ascii=False)}, now "
            f"{json.dumps(new, ensure_ascii=False)}; give the same again, or another folder"
        )


def _describe_change(folder: Path, environments: Sequence[Mapping[str, Any]]) -> str:
    old, new = environments[-2], environments[-1]
    changes = [
        f"{name} {old.get(name)} -> {new.get(name)}" for name in {**old, **new} if old.get(name) != new.get(name)
    ]
    return f"{folder} was begun with other versions ({', '.join(changes)}): new samples may look different"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into the folder, where the system has such locks.

    Args:
        folder: an existing folder.

    Raises:
        ValueError: another process writes there.
    """
    if os.name == "nt":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another process is writing into {folder}: wait for it, or end it") from None
        yield
    finally:
        os.close(handle)
