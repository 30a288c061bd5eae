"""Batches: padding, packing, bad samples counted, written down and limited."""

import json
import random
from pathlib import Path

import pytest
import torch
from transformers import AttentionInterface

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training.bad_samples import (
    BadSample,
    BadSampleLog,
    BadSamplePolicy,
    Origin,
    TooManyBadSamplesError,
)
from got_ocr.training.collator import GotOcrCollator
from got_ocr.training.config import TrainingConfig
from got_ocr.training.conversations import parse_conversation
from got_ocr.training.encoding import IGNORED_LABEL, Encoded, encode
from got_ocr.training.packing import PackingCollator, pack
from got_ocr.training.run import open_data
from got_ocr.training.settings import build
from tests.support.training_data import tiny_fields, write_conversations
from tests.support.training_sets import picture, turns


def sample(processor: GotOcrProcessor, number: int, answer: str, images: int = 1) -> Encoded:
    pictures = [picture(10 * number + page) for page in range(images)]
    conversation = parse_conversation(
        {"conversations": turns("OCR: ", answer)}, Origin("set.json", number + 1), images=pictures
    )
    return encode(conversation, processor, 500)


@pytest.fixture
def samples(tiny_processor: GotOcrProcessor) -> list[Encoded]:
    return [
        sample(tiny_processor, 0, "short"),
        sample(tiny_processor, 1, "a much longer answer, of two pages", images=2),
        sample(tiny_processor, 2, "medium answer"),
        sample(tiny_processor, 3, "x"),
    ]


def bad(number: int) -> BadSample:
    return BadSample(Origin("set.json", number, f"{number}.png"), f"is bad in way {number}")


# --- padding --------------------------------------------------------------------------------------------------------


def test_batch_is_padded_on_the_right(tiny_processor: GotOcrProcessor, samples: list[Encoded]) -> None:
    batch = GotOcrCollator(tiny_processor)(samples)
    longest = max(map(len, samples))
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape == (4, longest)
    for row, one in enumerate(samples):
        length = len(one)
        assert torch.equal(batch["input_ids"][row, :length], one.input_ids)
        assert torch.equal(batch["labels"][row, :length], one.labels)
        assert (batch["input_ids"][row, length:] == tiny_processor.pad_token_id).all()
        assert (batch["labels"][row, length:] == IGNORED_LABEL).all()
        assert batch["attention_mask"][row].tolist() == [1] * length + [0] * (longest - length)
    assert torch.equal(batch["pixel_values"], torch.cat([one.pixel_values for one in samples]))
    assert batch["pixel_values"].shape == (5, 3, 128, 128)
    assert (batch["bad_samples"], batch["num_samples"]) == ([], 4)


def test_lengths_are_rounded_up_and_pixels_cast(tiny_processor: GotOcrProcessor, samples: list[Encoded]) -> None:
    batch = GotOcrCollator(tiny_processor, pad_to_multiple_of=64, pixel_dtype=torch.bfloat16)(samples)
    assert batch["input_ids"].shape[1] % 64 == 0
    assert batch["input_ids"].shape[1] - max(map(len, samples)) < 64
    assert batch["pixel_values"].dtype == torch.bfloat16
    with pytest.raises(ValueError, match="pad_to_multiple_of must be 1 or more, or none, got 0"):
        GotOcrCollator(tiny_processor, pad_to_multiple_of=0)


@pytest.mark.parametrize("packed", [False, True])
def test_bad_samples_are_left_out_and_handed_on(
    tiny_processor: GotOcrProcessor, samples: list[Encoded], packed: bool
) -> None:
    collator = PackingCollator(tiny_processor, 400) if packed else GotOcrCollator(tiny_processor)
    batch = collator([bad(1), samples[0], bad(2), samples[1]])
    expected = collator(samples[:2])
    assert torch.equal(batch["input_ids"], expected["input_ids"])
    assert torch.equal(batch["pixel_values"], expected["pixel_values"])
    assert batch["bad_samples"] == [bad(1), bad(2)] and batch["num_samples"] == 2


@pytest.mark.parametrize("content", [[], [bad(1)]])
def test_batch_without_a_good_sample_is_a_step_of_zero_gradient(
    tiny_processor: GotOcrProcessor, tiny_model: GotOcrForConditionalGeneration, content: list
) -> None:
    batch = BadSampleLog(policy=BadSamplePolicy(max_share=1)).take(GotOcrCollator(tiny_processor)(content))
    assert set(batch) == {"input_ids", "attention_mask", "labels", "pixel_values"}
    assert (batch["labels"] == IGNORED_LABEL).all()
    tiny_model.zero_grad()
    loss = tiny_model(**batch, num_items_in_batch=torch.tensor(5)).loss
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in tiny_model.named_parameters()}
    tiny_model.zero_grad(set_to_none=True)
    assert loss.item() == 0
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    assert all((gradient == 0).all() for gradient in gradients.values())


# --- packing --------------------------------------------------------------------------------------------------------


def test_packing_that_loses_says_so_once(
    tmp_path: Path, tiny_processor: GotOcrProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    fields = tiny_fields(write_conversations(tmp_path / "data"), model={"attention": "sdpa"})
    fields["data"]["packing"] = True
    config = build(TrainingConfig, fields, "test")
    for rank in (0, 1):
        assert isinstance(open_data(config, tiny_processor, rank, 2).collate_fn, PackingCollator)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("data.packing with model.attention sdpa computes the whole square")
    assert "35 % slower" in said and "flash_attention_2" in said
    caplog.clear()
    fields["model"]["attention"] = "flash_attention_2"
    open_data(build(TrainingConfig, fields, "test"), tiny_processor, 0, 1)
    fields["model"]["attention"], fields["data"]["packing"] = "sdpa", False
    open_data(build(TrainingConfig, fields, "test"), tiny_processor, 0, 1)
    assert not caplog.records


def test_pack_fills_rows_and_loses_nothing() -> None:
    assert pack([5, 4, 3, 2, 1], 6) == [[0, 4], [1, 3], [2]]
    assert pack([9, 1], 6) == [[0], [1]]
    assert pack([2, 2, 2], 6) == [[0, 1, 2]]
    lengths = [random.Random(0).randint(1, 60) for _ in range(1)] + list(range(1, 60))
    rows = pack(lengths, 64)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= 64 for row in rows)
    assert len(rows) <= sum(lengths) / 64 * 1.1 + 1


def test_packed_positions_begin_anew(tiny_processor: GotOcrProcessor, samples: list[Encoded]) -> None:
    batch = PackingCollator(tiny_processor, 1000, pad_to_multiple_of=8)(samples)
    assert "attention_mask" not in batch and batch["use_cache"] is False
    positions = batch["position_ids"][0].tolist()
    total = sum(map(len, samples))
    expected = [place for one in samples for place in range(len(one))]
    assert positions == expected + list(range(len(positions) - total))
    assert torch.equal(batch["input_ids"][0, :total], torch.cat([one.input_ids for one in samples]))
    with pytest.raises(ValueError, match="row_tokens must be 1 or more, got 0"):
        PackingCollator(tiny_processor, 0)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("row_tokens", [300, 1000])
def test_packed_losses_are_the_losses_of_each_sample_alone(
    tiny_processor: GotOcrProcessor,
    tiny_model: GotOcrForConditionalGeneration,
    samples: list[Encoded],
    attention: str,
    row_tokens: int,
) -> None:
    before = tiny_model.config._attn_implementation
    tiny_model.set_attn_implementation(attention)
    try:
        batch = BadSampleLog().take(PackingCollator(tiny_processor, row_tokens, pad_to_multiple_of=16)(samples))
        assert len(batch["input_ids"]) == (2 if row_tokens == 300 else 1)
        with torch.no_grad():
            outputs = tiny_model(**batch)
            alone = [tiny_model(**BadSampleLog().take(GotOcrCollator(tiny_processor)([one]))) for one in samples]
    finally:
        tiny_model.set_attn_implementation(before)
    counts = [int((one.labels[1:] != IGNORED_LABEL).sum()) for one in samples]
    expected = sum(one.loss * count for one, count in zip(alone, counts, strict=True)) / sum(counts)
    torch.testing.assert_close(outputs.loss, expected, atol=1e-5, rtol=0)

    rows = pack([len(one) for one in samples], row_tokens)
    for number, row in enumerate(rows):
        start = 0
        for index in row:
            labels, length = samples[index].labels, len(samples[index])
            logits = outputs.logits[number, start : start + length - 1]
            loss = torch.nn.functional.cross_entropy(logits, labels[1:], ignore_index=IGNORED_LABEL)
            torch.testing.assert_close(loss, alone[index].loss, atol=1e-5, rtol=0)
            torch.testing.assert_close(logits, alone[index].logits[0, :-1], atol=1e-4, rtol=0)
            start += length


def attention_by_lengths(
    module, query, key, value, attention_mask, scaling=None, cu_seq_lens_q=None, max_length_q=None, **kwargs
):
    """Flash attention's place holder for machines without: no mask, the samples of all rows by their lengths."""
    assert attention_mask is None and kwargs["max_length_k"] == max_length_q
    rows = query.shape[0]
    flat = [one.transpose(1, 2).flatten(0, 1).transpose(0, 1) for one in (query, key, value)]  # heads, tokens, width
    lengths = cu_seq_lens_q.diff().tolist()
    assert max(lengths) == max_length_q and sum(lengths) == flat[0].shape[1]
    pieces = zip(*(one.split(lengths, dim=1) for one in flat), strict=True)
    attend = torch.nn.functional.scaled_dot_product_attention
    done = torch.cat([attend(*piece, is_causal=True, scale=scaling) for piece in pieces], dim=1)
    return done.transpose(0, 1).unflatten(0, (rows, -1)), None


@pytest.mark.parametrize("row_tokens", [300, 1000])
def test_flash_attention_is_told_where_samples_begin(
    tiny_processor: GotOcrProcessor,
    tiny_model: GotOcrForConditionalGeneration,
    samples: list[Encoded],
    row_tokens: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = BadSampleLog().take(PackingCollator(tiny_processor, row_tokens, pad_to_multiple_of=16)(samples))
    assert batch["cu_seq_lens_q"].dtype == torch.int32
    with torch.no_grad():
        expected = tiny_model(**batch).loss
        calls = []
        AttentionInterface.register("by_lengths", lambda *a, **k: calls.append(1) or attention_by_lengths(*a, **k))
        monkeypatch.setattr(tiny_model.config, "_attn_implementation", "by_lengths")
        loss = tiny_model(**batch).loss
    assert len(calls) == tiny_model.config.num_hidden_layers
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)


def test_packed_gradients_are_those_of_the_padded_batch(
    tiny_processor: GotOcrProcessor, tiny_model: GotOcrForConditionalGeneration, samples: list[Encoded]
) -> None:
    gradients = []
    for collator in (GotOcrCollator(tiny_processor), PackingCollator(tiny_processor, 1000)):
        tiny_model.zero_grad(set_to_none=True)
        tiny_model(**BadSampleLog().take(collator(samples))).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in tiny_model.named_parameters()})
    tiny_model.zero_grad(set_to_none=True)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(
            gradients[1][name], gradient, atol=1e-5, rtol=1e-4, msg=lambda text, name=name: name
        )


# --- bad samples ----------------------------------------------------------------------------------------------------


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_bad_samples_are_named_once_and_counted_always(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "bad_samples.jsonl"
    log = BadSampleLog(path, BadSamplePolicy(max_share=1))
    log.record([], num_good=3)
    assert not path.exists()
    log.record([bad(1), bad(2)], num_good=3)
    log.record([bad(1)])
    assert (log.seen, log.bad) == (9, 3)
    expected = [
        {"file": "set.json", "line": line, "name": f"{line}.png", "reason": f"is bad in way {line}"} for line in (1, 2)
    ]
    assert read(path) == expected

    path.write_text(path.read_text() + '{"file": "set.js')  # killed while writing
    resumed = BadSampleLog(path, BadSamplePolicy(max_share=1))
    resumed.load_state_dict(log.state_dict())
    resumed.record([bad(2), bad(3)])
    assert (resumed.seen, resumed.bad) == (11, 5)
    assert [line for line in path.read_text().splitlines() if '"line": 3' in line]


def test_too_many_bad_samples_stop_the_run(tmp_path: Path) -> None:
    log = BadSampleLog(tmp_path / "bad.jsonl", BadSamplePolicy(max_share=0.1, min_seen=10))
    log.record([bad(1)], num_good=1)  # half of them, but too few to judge by
    log.record([], num_good=18)
    log.record([bad(2)])
    with pytest.raises(TooManyBadSamplesError) as error:
        log.record([bad(3)])
    assert str(error.value) == (
        f"3 of 22 samples are bad (13.64%), but max_share is 10.00%: {tmp_path}/bad.jsonl names them, the last is "
        "set.json:3 (3.png): is bad in way 3; correct them or raise the limit."
    )
    assert len(read(tmp_path / "bad.jsonl")) == 3, "what stops the run is named, too"

    counted = BadSampleLog(policy=BadSamplePolicy(max_share=1, max_count=1))
    counted.record([bad(1)])
    with pytest.raises(
        TooManyBadSamplesError, match=r"2 of 2 samples are bad \(100.00%\), but max_count is 1: the last"
    ):
        counted.record([bad(2)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_share": 1.1}, "max_share must be a share of all samples, from 0 to 1, got 1.1"),
        ({"max_count": -1}, "max_count must be 0 or more"),
        ({"min_seen": 0}, "min_seen must be 1 or more"),
    ],
)
def test_wrong_limits_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BadSamplePolicy(**options)
