"""The network in numpy against the network in torch: image tokens, and greedy answers to the last token."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.light import generator as generating
from got_ocr.light.config import read_config
from got_ocr.light.generator import LightGenerator
from got_ocr.processing.mode import Mode
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.answer import GotOcrAnswer
from got_ocr.reading.decoding import AnswerGenerator
from got_ocr.reading.engine import EngineSlices
from got_ocr.reading.generating import Generation
from got_ocr.reading.model import GotOcrForConditionalGeneration

HEIGHTS = (32, 96, 128)


def generator_of(folder: Path) -> LightGenerator:
    config = read_config(folder)
    assert config is not None
    return LightGenerator(folder, config)


def canvas(seed: int, height: int) -> Image.Image:
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 256, (height // 4, 32, 3), np.uint8)
    return Image.fromarray(pixels).resize((128, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("height", HEIGHTS)
def test_image_tokens(
    height: int,
    light_checkpoint: Path,
    light_network: GotOcrForConditionalGeneration,
    light_processor: GotOcrProcessor,
) -> None:
    canvases = [canvas(seed, height) for seed in range(11)]  # More than the tower encodes at once.
    pixels = light_processor(canvases, low_canvases=True)["pixel_values"]
    with torch.no_grad():
        expected = light_network.get_image_features(pixels).pooler_output.numpy()
    found = generator_of(light_checkpoint)._tower.encode(pixels.numpy())

    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@settings(max_examples=15, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=9),
    height=st.sampled_from(HEIGHTS),
    limit=st.integers(1, 40),
    mode=st.sampled_from([Mode(), Mode("format"), Mode(instruction="Read it: ")]),
    suppressed=st.lists(st.integers(0, 300), max_size=3),
)
def test_answers_are_equal_to_the_last_token(
    light_checkpoint: Path,
    light_network: GotOcrForConditionalGeneration,
    light_processor: GotOcrProcessor,
    seeds: list[int],
    height: int,
    limit: int,
    mode: Mode,
    suppressed: list[int],
) -> None:
    canvases = [canvas(seed, height) for seed in seeds]
    generation = Generation(limit, suppressed_tokens=tuple(suppressed))
    # Answers end at any time: whatever is likely enough of these random weights ends them.
    expected = EngineSlices(AnswerGenerator(light_network, light_processor), light_processor).read_slices(
        canvases, mode, generation
    )
    found = generator_of(light_checkpoint).read_slices(canvases, mode, generation)

    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.text, ours.num_tokens, ours.finish_reason) == (
            theirs.text,
            theirs.num_tokens,
            theirs.finish_reason,
        )
        assert ours.mean_probability == pytest.approx(theirs.mean_probability, rel=1e-3)
        assert ours.min_probability == pytest.approx(theirs.min_probability, rel=1e-3)
        assert [line.text for line in ours.lines] == [line.text for line in theirs.lines]


def test_rows_leave_when_they_end_and_change_nothing_for_the_others(
    light_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = generator_of(light_checkpoint)
    canvases = [canvas(seed, 32) for seed in range(12)]
    tokens, _ = generator._generate(*generator._prompt(canvases, Mode()), Generation(24))
    # A token that some answers have early, some late and some never.
    counts = {token: sum(token in row for row in tokens) for row in tokens for token in row}
    ending = max((token for token, count in counts.items() if count < len(tokens)), key=counts.__getitem__)
    monkeypatch.setattr(type(generator.config), "stop_token_ids", [ending])

    together = generator.read_slices(canvases, Mode(), Generation(24))
    monkeypatch.setattr(generating, "ROWS_AT_ONCE", 5)
    in_parts = generator.read_slices(canvases, Mode(), Generation(24))
    alone = [generator.read_slices([one], Mode(), Generation(24))[0] for one in canvases]
    lengths = {answer.num_tokens for answer in together}
    assert len(lengths) > 2, "they end at different times"
    for others in (in_parts, alone):
        assert [answer.text for answer in others] == [answer.text for answer in together]
        assert [answer.num_tokens for answer in others] == [answer.num_tokens for answer in together]


def test_an_answer_in_a_loop_ends(light_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = generator_of(light_checkpoint)
    width = generator._decoder.embedding.shape[0]

    def always(first: int) -> Any:
        logits = np.zeros((1, width), np.float32)
        logits[0, first] = 9.0
        return lambda *_: logits.copy()

    monkeypatch.setattr(generator._decoder, "prefill", always(40))
    monkeypatch.setattr(generator._decoder, "step", always(40))
    (answer,) = generator.read_slices([canvas(0, 32)], Mode(), Generation(400))
    assert answer.finish_reason == "repetition"
    assert answer.num_tokens == 256


def test_a_stop_event_ends_it(light_checkpoint: Path) -> None:
    event = threading.Event()
    event.set()
    (answer,) = generator_of(light_checkpoint).read_slices([canvas(0, 32)], Mode(), Generation(40, stop_event=event))

    assert (answer.num_tokens, answer.finish_reason) == (1, "length")


def test_options_of_generation_are_refused(light_checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="reads greedily and has no num_beams"):
        generator_of(light_checkpoint).read_slices([canvas(0, 32)], Mode(), Generation(4, options={"num_beams": 2}))


def test_a_checkpoint_of_other_sizes(
    light_config: GotOcrConfig, light_processor: GotOcrProcessor, light_checkpoint: Path, tmp_path: Path
) -> None:
    fields = light_config.to_dict()
    fields["vision_config"] |= {"num_hidden_layers": 3, "global_attn_indexes": [0, 2], "output_channels": 16}
    fields |= {"num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 2, "rope_theta": 500.0}
    for derived in ("rope_parameters", "layer_types"):
        fields.pop(derived, None)
    torch.manual_seed(5)
    network = GotOcrForConditionalGeneration(GotOcrConfig(**fields)).eval()
    shutil.copytree(light_checkpoint, tmp_path / "other")
    network.save_pretrained(tmp_path / "other")
    canvases = [canvas(seed, 96) for seed in range(3)]

    expected = EngineSlices(AnswerGenerator(network, light_processor), light_processor).read_slices(
        canvases, Mode(), Generation(12)
    )
    found = generator_of(tmp_path / "other").read_slices(canvases, Mode(), Generation(12))
    assert [answer.text for answer in found] == [answer.text for answer in expected]


def test_threads_take_turns_and_answer_as_alone(light_checkpoint: Path) -> None:
    generator = generator_of(light_checkpoint)
    batches = [[canvas(seed, height) for seed in range(6)] for height in HEIGHTS]

    def read(batch: list[Image.Image]) -> list[GotOcrAnswer]:
        return generator.read_slices(batch, Mode(), Generation(12))

    expected = [read(batch) for batch in batches]
    with ThreadPoolExecutor(3) as threads:
        for _ in range(6):
            assert list(threads.map(read, batches * 2)) == expected * 2
