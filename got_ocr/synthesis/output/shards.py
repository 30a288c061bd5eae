"""Samples as WebDataset shards: tar files to stream from, byte for byte the same whoever writes them and when.

A kind `formulas` in a folder becomes

    formulas-000000.tar        samples 0 to shard size - 1, and so on
    formulas.index.json        the shards with samples and bytes, as WebDataset's `wids` reads it

and sample 1234 the members `formulas-000001234.png` (`.0.png`, `.1.png` ... where it has several pictures) and
`formulas-000001234.json` with `kind`, `number`, `conversations` and `source`. The source is JSON text inside the JSON,
so that every sample has the same columns.

A shard grows as `.tar.partial` and gets its name when it is complete. A sample in it is complete once its `.json` is,
which comes last: that is where a stopped run goes on.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from got_ocr.synthesis.engine import EncodedSample
from got_ocr.synthesis.output.files import PARTIAL, AppendedFile, naming, write_json

_MEMBER = re.compile(r"-(\d{9})\.json$")


class ShardWriter:
    """Writes one kind as tar shards.

    Args:
        folder: the run's folder.
        kind: the kind's name.
        shard_size: samples in a shard.
    """

    def __init__(self, folder: Path, kind: str, shard_size: int) -> None:
        self._folder = folder
        self._kind = kind
        self._shard_size = shard_size
        self._index_path = folder / f"{kind}.index.json"
        self._index = self._read_index()
        self._wanted: dict[int, list[int]] = {}
        self._number_of_open: int | None = None
        self._file: AppendedFile | None = None
        self._samples_in_open = 0

    def _path(self, shard: int) -> Path:
        return self._folder / f"{self._kind}-{shard:06d}.tar"

    def _read_index(self) -> dict[int, dict[str, Any]]:
        """Read which shards are complete; a shard that was not noted, or is not the one noted, is looked into."""
        noted: dict[str, dict[str, Any]] = {}
        if self._index_path.exists():
            index = json.loads(self._index_path.read_text(encoding="utf-8"))
            noted = {entry["url"]: entry for entry in index["shardlist"]}
        found = {}
        for path in sorted(self._folder.glob(f"{self._kind}-??????.tar")):
            entry = noted.get(path.name)
            if entry is None or entry["filesize"] != path.stat().st_size:
                entry = _describe(path, len(_complete_samples(path)[0]))
            found[int(path.name[-10:-4])] = entry
        return found

    def pending(self, numbers: Sequence[int]) -> list[int]:
        """Tell which samples are not written yet.

        A shard that lacks samples, because some failed or fewer were asked for, is drawn anew as a whole.

        Args:
            numbers: the samples that the run is to have, rising.

        Returns:
            Those that are missing.
        """
        self._wanted = {}
        for number in numbers:
            self._wanted.setdefault(number // self._shard_size, []).append(number)
        missing: list[int] = []
        for shard, wanted in self._wanted.items():
            entry = self._index.get(shard)
            if entry is None or entry["nsamples"] != len(wanted):
                present, _ = self._partial(shard)
                missing += wanted[len(present) :]
                # The last sample was written, but its shard not completed: finished when the next shard begins.
                if len(present) == len(wanted):
                    self._open(shard)
                    self._complete()
        return missing

    def _partial(self, shard: int) -> tuple[list[int], int]:
        """Find what a stopped run left of a shard: the samples that can be kept and where they end, in bytes."""
        path = self._path(shard).with_name(self._path(shard).name + PARTIAL)
        if not path.exists():
            return [], 0
        present, end = _complete_samples(path)
        # With a gap, where a sample failed, it is begun anew: the sample may come this time.
        return (present, end) if present == self._wanted[shard][: len(present)] else ([], 0)

    def write(self, sample: EncodedSample) -> None:
        """Append a sample to its shard; completes the shard before it.

        Args:
            sample: a pending one.

        Raises:
            OSError: a file can't be written; the error names it.
        """
        number = sample.job.number
        shard = number // self._shard_size
        if shard != self._number_of_open:
            self._complete()
            self._open(shard)
        key = f"{self._kind}-{number:09d}"
        parts = [""] if len(sample.pictures) == 1 else [f".{part}" for part in range(len(sample.pictures))]
        members = [_member(f"{key}{part}.png", data) for part, data in zip(parts, sample.pictures, strict=True)]
        facts = {
            "kind": self._kind,
            "number": number,
            "conversations": sample.conversation,
            "source": json.dumps(sample.source, ensure_ascii=False),
        }
        members.append(_member(f"{key}.json", json.dumps(facts, ensure_ascii=False).encode("utf-8")))
        assert self._file is not None
        self._file.append(b"".join(members))
        self._samples_in_open += 1

    def _open(self, shard: int) -> None:
        present, end = self._partial(shard)
        path = self._path(shard)
        self._file = AppendedFile(path.with_name(path.name + PARTIAL), end)
        self._number_of_open = shard
        self._samples_in_open = len(present)

    def _complete(self) -> None:
        """End the open shard, give it its name and note it."""
        if self._file is None or self._number_of_open is None:
            return
        shard, path = self._number_of_open, self._path(self._number_of_open)
        ending = 2 * tarfile.BLOCKSIZE
        ending += -(self._file.size + ending) % tarfile.RECORDSIZE
        self._file.append(bytes(ending))
        self._file.close(synchronise=True)
        self._file = self._number_of_open = None
        os.replace(path.with_name(path.name + PARTIAL), path)
        self._index[shard] = _describe(path, self._samples_in_open)
        self._write_index()

    def _write_index(self) -> None:
        entries = [self._index[shard] for shard in sorted(self._index)]
        index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": self._kind, "shardlist": entries}
        write_json(self._index_path, index)

    def finish(self) -> Path:
        """Complete the last shard and the index.

        Returns:
            The index.
        """
        self._complete()
        self._write_index()
        return self._index_path

    def close(self) -> None:
        """Close the open shard as it is."""
        if self._file is not None:
            self._file.close()
            self._file = self._number_of_open = None


def _member(name: str, data: bytes) -> bytes:
    """Write a tar member without owner or time."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _complete_samples(path: Path) -> tuple[list[int], int]:
    """Look into a shard.

    Args:
        path: a tar file, perhaps cut off anywhere.

    Returns:
        The numbers of the samples that are whole, and where the last of them ends, in bytes.
    """
    numbers: list[int] = []
    end, position, size = 0, 0, path.stat().st_size
    with path.open("rb") as file:
        while position + tarfile.BLOCKSIZE <= size:
            file.seek(position)
            try:
                info = tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "strict")
            except tarfile.HeaderError:  # the blocks of zeros at the end, or rubbish
                break
            position += tarfile.BLOCKSIZE + info.size + -info.size % tarfile.BLOCKSIZE
            match = _MEMBER.search(info.name)
            if match and position <= size:
                numbers.append(int(match[1]))
                end = position
    return numbers, end


def _describe(path: Path, samples: int) -> dict[str, Any]:
    digest = hashlib.md5(usedforsecurity=False)
    with naming(path), path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {
        "url": path.name,
        "nsamples": samples,
        "filesize": path.stat().st_size,
        "md5sum": digest.hexdigest(),
    }
