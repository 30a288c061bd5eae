"""The order of training: shards and files, over ranks and workers, resumed, with damage on the way."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.bad_samples import BadSample, BadSampleLog, BadSamplePolicy, TooManyBadSamplesError
from got_ocr.training.collator import GotOcrCollator
from got_ocr.training.conversation_dataset import ConversationDataset, DataSetConfig
from got_ocr.training.encoding import Encoded, decode_answers
from got_ocr.training.loader import TrainingLoader, open_loader
from got_ocr.training.sampling import EpochBatchSampler, LoaderOptions
from got_ocr.training.shards_dataset import ShardDataset, find_shards
from tests.support.training_sets import picture, png, shard_members, turns, write_set, write_shard

COUNTS = (7, 5, 9)  # 21 samples


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    first = 0
    for number, count in enumerate(COUNTS):
        write_shard(folder / f"train-{number:03d}.tar", shard_members(first, count))
        first += count
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("files"), 21)


def flat(batches: Iterable[list]) -> list:
    return list(chain.from_iterable(batches))


class Names:
    """In the place of a collator: who is in a batch, in words."""

    def __call__(self, samples: list) -> list[str]:
        return [f"{Path(sample.origin.file).name}:{sample.origin.line}" for sample in samples]


def loader(data: Path, processor: GotOcrProcessor, collator=None, **options) -> TrainingLoader:
    options = {"max_tokens": 500, "batch_size": 2, "seed": 5, "buffer_size": 4, **options}
    return open_sets({"one": DataSetConfig(str(data))}, processor, collator=collator or Names(), **options)


def open_sets(sets: dict[str, DataSetConfig], processor: GotOcrProcessor, collator, **options) -> TrainingLoader:
    return open_loader(sets, processor, LoaderOptions(**options), collator)


@pytest.fixture(params=["shards", "files", "grouped files", "grouped shards"])
def data(request: pytest.FixtureRequest) -> tuple[Path, dict]:
    name = request.param
    return request.getfixturevalue(name.split()[-1]), {"length_grouped": True} if name.startswith("grouped") else {}


def test_each_sample_once_over_two_ranks_of_two_workers(data: tuple, tiny_processor: GotOcrProcessor) -> None:
    path, options = data
    seen: Counter = Counter()
    sizes = []
    for rank in (0, 1):
        batches = loader(path, tiny_processor, rank=rank, world_size=2, num_workers=2, **options)
        made = list(batches)
        assert len(made) == len(batches) == 6, "all ranks take equally many steps"
        sizes.append([len(batch) for batch in made])
        seen.update(name for batch in made for name in batch)
    assert set(seen.values()) == {1} and len(seen) == 21
    assert sizes == [[2, 2, 2, 2, 2, 1], [2, 2, 2, 2, 2, 0]]


def test_order_is_that_of_one_process_whatever_the_workers(data: tuple, tiny_processor: GotOcrProcessor) -> None:
    path, options = data
    expected = list(loader(path, tiny_processor, **options))
    for workers in (1, 2):
        assert list(loader(path, tiny_processor, num_workers=workers, **options)) == expected


def test_epochs_and_seeds_differ(data: tuple, tiny_processor: GotOcrProcessor) -> None:
    path, options = data
    batches = loader(path, tiny_processor, **options)
    first = list(batches)
    assert list(batches) == first
    batches.set_epoch(1)
    second = list(batches)
    assert second != first and sorted(flat(first)) == sorted(flat(second))
    assert list(loader(path, tiny_processor, **{**options, "seed": 6})) != first
    assert flat(first) != sorted(flat(first))


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_run_sees_what_it_would_have_seen(data: tuple, tiny_processor: GotOcrProcessor, workers: int) -> None:
    path, options = data
    batches = loader(path, tiny_processor, num_workers=workers, rank=1, world_size=2, **options)
    batches.set_epoch(3)
    expected = list(batches)
    for step in (1, 3, len(expected)):
        resumed = loader(path, tiny_processor, num_workers=workers, rank=1, world_size=2, **options)
        resumed.set_epoch(3)
        resumed.skip(step)
        assert list(resumed) == expected[step:]
    resumed.set_epoch(3)
    assert list(resumed) == expected, "a new epoch begins at its first batch"


def test_skipping_reads_no_picture(
    shards: Path, tiny_processor: GotOcrProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    encode = ShardDataset._encode
    monkeypatch.setattr(ShardDataset, "_encode", lambda self, one: read.append(one) or encode(self, one))
    resumed = loader(shards, tiny_processor)
    resumed.skip(9)
    assert len(list(resumed)) == 2 and len(read) == 3


def test_streamed_samples_are_whole(shards: Path, tiny_processor: GotOcrProcessor) -> None:
    dataset = ShardDataset({"one": DataSetConfig(str(shards))}, tiny_processor, LoaderOptions(500, 4))
    samples = {sample.origin.name: sample for batch in dataset for sample in batch}
    assert sorted(samples) == [f"{number:06d}" for number in range(21)]
    assert dataset.samples_per_epoch() == 21
    for number in (3, 4):
        sample = samples[f"{number:06d}"]
        assert decode_answers(sample, tiny_processor) == [f"sample {number}<|im_end|>"]
        pages = [picture(30), picture(31)] if number == 3 else [picture(40)]
        expected = tiny_processor(pages, multi_page=True)["pixel_values"]
        assert np.array_equal(sample.pixel_values.numpy(), expected.numpy())


def test_shards_are_found_by_folder_pattern_and_name(shards: Path) -> None:
    names = [f"train-{number:03d}.tar" for number in range(3)]
    assert [path.name for path in find_shards(str(shards))] == names
    assert [path.name for path in find_shards(str(shards / "train-00[12].tar"))] == names[1:]
    assert [path.name for path in find_shards(str(shards / names[0]))] == names[:1]
    assert find_shards(str(shards / "none-*.tar")) == []


def test_buffer_mixes_shards(shards: Path, tiny_processor: GotOcrProcessor) -> None:
    def files_in_order(buffer_size: int) -> list[str]:
        made = list(loader(shards, tiny_processor, buffer_size=buffer_size))
        return [name.split(":")[0] for batch in made for name in batch]

    changes = [sum(a != b for a, b in pairwise(files_in_order(size))) for size in (1, 100)]
    assert changes[0] == 2 and changes[1] > 5


def test_batches_of_like_length(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    dataset = ConversationDataset({"one": DataSetConfig(str(write_set(tmp_path, 40)))}, tiny_processor, 500)
    true = np.array([len(dataset[index]) for index in range(40)])
    estimated = dataset.estimated_tokens()
    assert np.abs(true - estimated).max() <= 2
    spread = []
    for grouped in (False, True):
        batches = list(EpochBatchSampler(dataset, 4, seed=1, length_grouped=grouped))
        spread.append(sum(int(np.ptp(true[batch])) for batch in batches))
        assert sorted(flat(batches)) == list(range(40))
    assert spread[1] < spread[0] / 4
    lengths = [true[batch].mean() for batch in batches]
    assert lengths != sorted(lengths, reverse=True), "long and short batches mix"


def test_streamed_batches_of_like_length(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    """By the sizes of members: answers of 0 to 39 words, one page or two."""
    members = {}
    for number in range(40):
        members[f"{number}.0.png"] = png(picture())
        if number % 2:
            members[f"{number}.1.png"] = png(picture())
        content = {"conversations": turns("OCR with format across multi pages: ", "word " * (number * 7 % 40) + "end")}
        members[f"{number}.json"] = json.dumps(content).encode()
    sets = {"one": DataSetConfig(str(write_shard(tmp_path / "s.tar", members)))}
    spread = []
    for grouped in (False, True):
        batches = list(ShardDataset(sets, tiny_processor, LoaderOptions(900, 4, length_grouped=grouped)))
        lengths = [[len(sample) for sample in batch] for batch in batches]
        spread.append(sum(max(batch) - min(batch) for batch in lengths))
        assert sorted(int(sample.origin.name) for batch in batches for sample in batch) == list(range(40))
    assert spread[1] < spread[0] / 4
    assert lengths != sorted(lengths, reverse=True), "long and short batches mix"


def test_streams_are_mixed_by_share_count_and_weight(shards: Path, tiny_processor: GotOcrProcessor) -> None:
    """Sets of 7, 5 and 9 samples: half of the first an epoch, two and a half times four of the second."""
    sets = {
        "half": DataSetConfig(str(shards / "train-000.tar"), weight=0.5),
        "often": DataSetConfig(str(shards / "train-001.tar"), count=4, weight=2.5),
        "part": DataSetConfig(str(shards / "train-002.tar"), share=1 / 3),
        "unused": DataSetConfig("none.tar"),
    }
    options = {"max_tokens": 500, "batch_size": 3, "collator": Names(), "mix": "half+often+part", "buffer_size": 6}
    batches = open_sets(sets, tiny_processor, **options)
    assert batches.dataset.summary() == [("half", 7, 7, 4), ("often", 5, 4, 10), ("part", 9, 3, 3)]
    total: Counter = Counter()
    for epoch in range(7):
        batches.set_epoch(epoch)
        names = flat(batches)
        assert len(names) == 17 and len(batches) == 6
        assert Counter(name[6:9] for name in names) == {"000": 4, "001": 10, "002": 3}
        total.update(names)
        counts = [[n for name, n in total.items() if name.startswith(f"train-00{number}")] for number in range(3)]
        assert all(max(some) - min(some) <= 1 for some in counts[1:])
    assert [sorted(some) for some in counts] == [[4] * 7, [17, 17, 18, 18], [7] * 3]
    batches.set_epoch(2)
    expected = list(batches)
    resumed = open_sets(sets, tiny_processor, num_workers=2, **options)
    resumed.set_epoch(2)
    resumed.skip(2)
    assert list(resumed) == expected[2:]


# --- damage ---------------------------------------------------------------------------------------------------------


def damaged_shards(folder: Path) -> dict[str, str]:
    """Shards with every sort of damage; what is said of each bad sample by its place."""
    members = shard_members(0, 3)
    good = json.dumps({"conversations": turns("OCR: ", "x")}).encode()
    image = png(picture())
    flipped = bytearray(image)
    flipped[len(image) // 2] ^= 0xFF
    write_shard(
        folder / "a.tar",
        {
            "no-json.png": image,
            "no-image.json": good,
            "broken-json.png": image,
            "broken-json.json": good[:-5],
            "broken-image.png": bytes(flipped)[: len(image) // 2],
            "broken-image.json": good,
            "fine.png": image,
            "fine.json": good,
        },
    )
    cut = write_shard(folder / "b.tar", members)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: whole.index(b"000002.png") + 700])
    flipped_head = write_shard(folder / "c.tar", members)
    content = bytearray(flipped_head.read_bytes())
    content[content.index(b"000002.png") + 150] ^= 0xFF
    flipped_head.write_bytes(bytes(content))
    (folder / "d.tar").write_bytes(b"this is no tar file" * 100)
    (folder / "e.tar").write_bytes(b"")
    return {
        "a.tar:1": "has no member .json, but png",
        "a.tar:2": "has no image",
        "a.tar:3": "its member .json is not valid JSON",
        "a.tar:4": "image 1 of 1, ",
        "b.tar:3": "has no member .json, but png",
        "b.tar:4": "the shard is damaged from here on: unexpected end of data",
        "c.tar:3": "the shard is damaged from here on: a member's head is broken",
        "d.tar:1": "the shard is damaged from here on: ",
        "e.tar:1": "the shard is damaged from here on: empty file",
    }


def test_damaged_shards_are_bad_samples(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    expected = damaged_shards(tmp_path)
    samples = flat(ShardDataset({"one": DataSetConfig(str(tmp_path))}, tiny_processor, LoaderOptions(500, 3)))
    bad = {
        f"{Path(one.origin.file).name}:{one.origin.line}": one.reason for one in samples if isinstance(one, BadSample)
    }
    assert set(bad) == set(expected), bad
    for place, reason in expected.items():
        assert reason in bad[place], (place, bad[place])
    assert sum(isinstance(one, Encoded) for one in samples) == 5


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_samples_reach_the_training_process_and_change_no_order(
    tmp_path: Path, tiny_processor: GotOcrProcessor, workers: int
) -> None:
    path = write_set(tmp_path, 12, e3={"image": "nope.png"}, e7={"image": "7.png", "conversations": []})
    options = {"num_workers": workers, "collator": GotOcrCollator(tiny_processor)}
    log = BadSampleLog(tmp_path / "log" / "bad.jsonl", BadSamplePolicy(max_share=0.5))
    batches = loader(path, tiny_processor, **options)
    widths = [tuple(log.take(batch)["pixel_values"].shape) for batch in batches]
    assert (log.seen, log.bad) == (12, 2)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert sorted(line["line"] for line in lines) == sorted(
        one.origin.line for one in (batches.dataset[3], batches.dataset[7])
    )
    assert {line["file"] for line in lines} == {str(path)}

    log_of_rest = BadSampleLog(policy=BadSamplePolicy(max_share=1))
    batches.skip(2)
    assert [tuple(log_of_rest.take(batch)["pixel_values"].shape) for batch in batches] == widths[2:]

    strict = BadSampleLog(policy=BadSamplePolicy(max_count=1))
    with pytest.raises(TooManyBadSamplesError, match=r"2 of \d+ samples are bad"):
        list(map(strict.take, loader(path, tiny_processor, **options)))


def test_shards_of_a_set_may_have_empty_answers(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    blank = {"0.png": png(picture()), "0.json": json.dumps({"conversations": turns("OCR: ", "")}).encode()}
    sets = {
        name: DataSetConfig(str(write_shard(tmp_path / f"{name}.tar", blank)), allow_empty=name == "blank")
        for name in ("blank", "labelled")
    }
    options = {"max_tokens": 500, "batch_size": 2, "length_grouped": False}
    (batch,) = open_sets(sets, tiny_processor, collator=lambda samples: samples, **options)
    found = {Path(sample.origin.file).stem: sample for sample in batch}
    assert isinstance(found["blank"], Encoded)
    assert found["labelled"].reason.startswith("turn 2 is an empty answer")


# --- refused --------------------------------------------------------------------------------------------------------


def test_shards_must_not_change(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    shard = write_shard(tmp_path / "s.tar", shard_members(0, 3))
    dataset = ShardDataset({"one": DataSetConfig(str(shard))}, tiny_processor, LoaderOptions(500, 2))
    for count in (2, 4):
        write_shard(shard, shard_members(0, count))
        with pytest.raises(ValueError, match=rf"s\.tar: holds {count} samples, but 3 when the run began"):
            list(dataset)


def test_what_streams_can_not_do_is_refused(
    shards: Path, files: Path, tiny_processor: GotOcrProcessor, tmp_path: Path
) -> None:
    options = {"max_tokens": 500, "batch_size": 2, "collator": Names()}
    stream, other = DataSetConfig(str(shards)), DataSetConfig(str(files))
    with pytest.raises(ValueError, match=r"joins tar shards \(s\) and conversation files \(f\): use sets of one form"):
        open_sets({"s": stream, "f": other}, tiny_processor, **options)
    with pytest.raises(ValueError, match=r"rank must be from 0 to world_size - 1 = 1, got 2"):
        open_sets({"f": other}, tiny_processor, rank=2, world_size=2, **options)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0"):
        open_sets({"f": other}, tiny_processor, **{**options, "batch_size": 0})
    with pytest.raises(ValueError, match="buffer_size must be 1 or more, got 0"):
        open_sets({"s": stream}, tiny_processor, buffer_size=0, **options)
    with pytest.raises(ValueError, match=r"s: there is no tar shard at none\.tar"):
        ShardDataset({"s": DataSetConfig("none.tar")}, tiny_processor, LoaderOptions(500, 2))
    empty = write_shard(tmp_path / "empty.tar", {})
    with pytest.raises(ValueError, match=r"s: the tar shards at .*empty\.tar hold no sample"):
        ShardDataset({"s": DataSetConfig(str(empty))}, tiny_processor, LoaderOptions(500, 2))
