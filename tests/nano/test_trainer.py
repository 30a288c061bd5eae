"""The training run: resumes to the bit, scores answers only, places characters rightly."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.nano.batches import BatchSource, Vocabulary, without_latex
from got_ocr.nano.config import Canvas, NanoTrainingConfig, Stage
from got_ocr.nano.dense import IGNORED, guide_loss, slot_labels, token_positions
from got_ocr.nano.muon import orthogonalise
from got_ocr.nano.network import fold_grey_into_rgb, unfold_grey_from_rgb
from got_ocr.nano.trainer import (
    PATCH_EMBEDDING,
    STATE_FILE,
    NanoTrainer,
    StepBatches,
    grey_weights,
    weights_of,
)
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.synthesis.text.corpus import Corpus, TextSource
from got_ocr.synthesis.text.formula_lines import FormulaLineSource, math_fonts
from got_ocr.synthesis.text.text_image import TextImage, TextImageSource
from tests.support.nano_sizes import TINY
from tests.support.packaged_fonts import packaged_faces

ROOT = Path(__file__).parents[2]
RANK_FILE = ROOT / "got_ocr" / "assets" / "nano" / "qwen.tiktoken"


@pytest.fixture(scope="module")
def batches() -> BatchSource:
    faces = [face for face in packaged_faces() if face.style in ("Regular", "Book")][:2]
    corpus = Corpus(("Now is the winter of our discontent made glorious summer",), ("sun", "York"))
    pictures = TextImageSource({face.family: [face] for face in faces}, TextSource(corpus))
    return BatchSource(pictures, Vocabulary(RANK_FILE), canvas_px=64, patch_px=8, seed=5)


def trainer(batches: BatchSource, output: Path, steps: int = 6, **fields: Any) -> NanoTrainer:
    canvases = (Canvas(height=32, rows=1, batch=2, weight=1.0), Canvas(height=64, rows=2, batch=2, weight=1.0))
    config = NanoTrainingConfig(
        model="",
        vocabulary="",
        seed=1,
        processes=1,
        steps=steps,
        warmup_steps=2,
        decay_share=0.5,
        variety_share=0.1,
        muon_lr=0.005,
        adamw_lr=0.001,
        adamw_betas=(0.9, 0.98),
        weight_decay=0.05,
        clip_norm=1.0,
        dense_weights=(1.0, 0.1),
        checkpoint_every_s=1e9,
        log_every_steps=100,
        size_px=(16.0, 20.0),
        prose_share=0.6,
        dictionary_share=0.2,
        augmentation_strength=1.0,
        empty_share=0.05,
        stages=(
            Stage(name="letters", share=1 / 3, decoder=False, canvases=canvases),
            Stage(name="pages", share=2 / 3, decoder=True, canvases=canvases),
        ),
        families=(),
        held_out_families=(),
        **fields,
    )
    vocabulary = batches.vocabulary
    sizes = {**TINY, "vocab_size": vocabulary.size, "im_patch_token": vocabulary.size - 1}
    return NanoTrainer(config, GotOcrConfig(**sizes), batches, output)


@pytest.mark.parametrize("average_decay", [0.0, 0.9])
def test_resuming_gives_the_same_weights_to_the_bit(
    batches: BatchSource, tmp_path: Path, average_decay: float
) -> None:
    whole = trainer(batches, tmp_path, average_decay=average_decay)
    for _ in range(6):
        whole.train_step()
    interrupted = trainer(batches, tmp_path, average_decay=average_decay)
    for _ in range(3):
        interrupted.train_step()
    interrupted.save()
    resumed = trainer(batches, tmp_path, average_decay=average_decay)
    resumed.load(tmp_path / STATE_FILE)
    for _ in range(3):
        resumed.train_step()
    assert resumed.step == whole.step and resumed.characters == whole.characters
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    for name, value in weights_of(whole.state()).items():
        assert torch.equal(value, weights_of(resumed.state())[name]), name


def test_what_ships_is_the_moving_average_of_the_weights(batches: BatchSource, tmp_path: Path) -> None:
    run = trainer(batches, tmp_path, average_decay=0.75)
    name = "model.embed_tokens.weight"
    expected: torch.Tensor | None = None
    for _ in range(4):
        run.train_step()
        now = run.model.state_dict()[name].clone()
        expected = now if expected is None else 0.75 * expected + 0.25 * now
    state = run.state()
    torch.testing.assert_close(weights_of(state)[name], expected)
    assert not torch.equal(weights_of(state)[name], state["model"][name])
    assert weights_of({"model": state["model"]}) is state["model"], "a run without one ships its last weights"


def test_a_run_may_begin_with_the_dense_heads_of_another(batches: BatchSource, tmp_path: Path) -> None:
    former = trainer(batches, tmp_path)
    former.train_step()
    former.save()
    run = trainer(batches, tmp_path / "next", start_heads=str(tmp_path / STATE_FILE))
    for name, value in former.heads.state_dict().items():
        assert torch.equal(value, run.heads.state_dict()[name]), name
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"start_heads: .*other\.pt has no dense heads of this model"):
        trainer(batches, tmp_path / "next", start_heads=str(tmp_path / "other.pt"))


def test_a_loss_that_is_none_stops_before_the_weights_are(batches: BatchSource, tmp_path: Path) -> None:
    run = trainer(batches, tmp_path)
    run.save()
    with torch.no_grad():
        run.model.model.embed_tokens.weight[0, 0] = float("nan")
    run.step = 3  # of the stage that trains the decoder
    with pytest.raises(ValueError, match=r"the loss of step 4 is nan: the learning rate \(0\.005\) is too high"):
        run.train_step()
    with pytest.raises(ValueError, match=r"1 of \d+ numbers of model\.embed_tokens\.weight are NaN or infinite"):
        run.save()
    fresh = trainer(batches, tmp_path)
    fresh.load(tmp_path / STATE_FILE)  # the one before is kept
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_a_full_disk_keeps_the_state_before(
    batches: BatchSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(batches, tmp_path)
    run.save()
    before = (tmp_path / STATE_FILE).read_bytes()

    def fail(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:858] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="there is no room left for a checkpoint"):
        run.save()
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_pictures_drawn_ahead_by_another_process_are_the_same(batches: BatchSource, tmp_path: Path) -> None:
    here = trainer(batches, tmp_path)
    config = dataclasses.replace(here.config, loader_processes=1)
    ahead = StepBatches(batches, config, rank=0).stream(first=2)
    for step in range(2, 6):
        mine, theirs = StepBatches(batches, here.config, rank=0)[step], next(ahead)
        assert torch.equal(mine.grey, theirs.grey) and torch.equal(mine.answer, theirs.answer)
        assert torch.equal(mine.chosen, theirs.chosen) and mine.first_row == theirs.first_row
    assert next(ahead, None) is None, "the run has six steps"


def test_stages_follow_each_other_and_the_rate_falls_to_zero(batches: BatchSource, tmp_path: Path) -> None:
    run = trainer(batches, tmp_path, steps=6)
    names, rates = [], []
    for run.step in range(6):
        names.append(run.stage().name)
        rates.append(run.rate_factor())
    assert names == ["letters"] * 2 + ["pages"] * 4
    assert rates == pytest.approx([0.5, 1.0, 1.0, 1.0, 2 / 3, 1 / 3])


@torch.no_grad()
def test_only_answers_are_scored(batches: BatchSource, tmp_path: Path) -> None:
    run = trainer(batches, tmp_path)
    batch = batches.batch(0, 0, (Canvas(height=64, rows=2, batch=3, weight=1.0),), variety=1.0)
    lengths = (batch.answer != IGNORED).sum(1)
    assert len(set(lengths.tolist())) > 1, "the batch must hold answers of different lengths for this test to bite"
    assert all(row[count - 1] == batches.vocabulary.end_id for row, count in zip(batch.answer, lengths, strict=True))
    together = run.losses(batch, decoder=True)["text"]
    alone = []
    for row, count in enumerate(lengths):
        part = slice(row, row + 1)
        single = batch.__class__(
            **{
                **batch.__dict__,
                "grey": batch.grey[part],
                "answer": batch.answer[part, :count],
                "token": batch.token[part, :count],
                "slot": batch.slot[part, :count],
                "chosen": batch.chosen[:0],
                "labels": batch.labels[:0],
            }
        )
        alone.append(run.losses(single, decoder=True)["text"] * count)
    torch.testing.assert_close(together, sum(alone) / lengths.sum(), atol=1e-5, rtol=0)


def test_a_batch_depends_on_step_and_process_alone(batches: BatchSource) -> None:
    canvases = (Canvas(height=32, rows=1, batch=2, weight=1.0),)
    first, again, other = (batches.batch(4, rank, canvases, 1.0) for rank in (0, 0, 1))
    assert torch.equal(first.grey, again.grey) and torch.equal(first.chosen, again.chosen)
    assert not torch.equal(first.grey, other.grey)


def test_each_character_of_the_alphabet_is_one_token(batches: BatchSource) -> None:
    vocabulary = batches.vocabulary
    for character in "aZ 9é€’—ß\n":
        assert vocabulary.encoding.encode_ordinary(character) == [vocabulary.ids[character]]
    assert vocabulary.encoding.decode(vocabulary.encoding.encode_ordinary("漢字 any text")) == "漢字 any text"
    before, behind = vocabulary.encode_prompt("OCR: ")
    assert before[[0, -1]].tolist() == [411, 624] and behind[0] == 625, "<|im_start|> ... <img> | </img> ..."


def test_slots_and_tokens_hold_each_characters_middle() -> None:
    boxes = np.array([[0, 0, 8, 20], [33, 34, 35, 54], [40, 34, 40, 54]], dtype=np.float32)
    labels = slot_labels(boxes, np.array([7, 9, 0]), height=64, width=64)
    assert labels[0].tolist()[:3] == [7, 7, 0]
    assert labels[2, 8] == 9 and (labels == 9).sum() == 1
    token, slot = token_positions(boxes, height=64, width=64)
    assert token.tolist() == [0, 3, 3]
    assert slot.tolist() == [1, 0, 2]


def test_guide_loss_ignores_positions_without_a_target() -> None:
    attention = torch.randn(1, 3, 5).log_softmax(-1)
    loss = guide_loss(attention, torch.tensor([[IGNORED, 2, IGNORED]]))
    torch.testing.assert_close(loss, -attention[0, 1, 2])


@pytest.mark.parametrize("shape", [(2, 24, 24), (3, 16, 48), (1, 48, 16)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.max() < 1.3 and values.median() > 0.6


def test_a_folded_patch_embedding_is_unfolded_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(5, 1, 8, 8, generator=generator), torch.randn(5, generator=generator)
    grey, shift = unfold_grey_from_rgb(*fold_grey_into_rgb(weight, bias))
    torch.testing.assert_close(grey, weight, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(shift, bias, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ["nano-formats", "nano-documents"])
def test_training_goes_on_from_the_built_in_checkpoint(name: str) -> None:
    config = NanoTrainingConfig.read(ROOT / "configuration" / "training" / f"{name}.yaml")
    weights = grey_weights(ROOT / config.start_from)
    model_config = GotOcrConfig(**json.loads((ROOT / config.model).read_text(encoding="utf-8")))
    model = GotOcrForConditionalGeneration(model_config)
    model.load_state_dict(weights)
    assert weights[f"{PATCH_EMBEDDING}.weight"].shape[1] == 1


def test_formatted_batches_name_what_is_drawn_behind_their_source(batches: BatchSource) -> None:
    fonts = math_fonts(packaged_faces())
    old = batches.pictures
    pictures = TextImageSource(dict(enumerate(old.families)), old.text, formula_lines=FormulaLineSource(fonts[:1]))  # type: ignore[arg-type]
    source = BatchSource(pictures, batches.vocabulary, canvas_px=192, patch_px=8, seed=5)
    canvases = (Canvas(height=96, rows=2, batch=8, weight=1.0, slices=True, formulas=True),)
    batch = source.batch(0, 0, canvases, 1.0, formats=1.0)
    texts = [batches.vocabulary.encoding.decode(row[row != IGNORED][:-1].tolist()) for row in batch.answer]
    assert any(r"\(" in text for text in texts) and any(r"\(" not in text for text in texts)
    visible = set(batch.labels.tolist()) - {0}
    structural = {batches.vocabulary.ids[character] for character in "\\{}^_"}
    assert visible and not visible & structural, "braces and backslashes of a source are not drawn"
    plain = source.batch(0, 0, canvases, 1.0, formats=0.0)
    texts = [batches.vocabulary.encoding.decode(row[row != IGNORED][:-1].tolist()) for row in plain.answer]
    assert not any(r"\(" in text for text in texts)
    with pytest.raises(ValueError, match="slices only"):
        pictures.sample(0, 64, 192, 2, formulas=True)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed: 20", "learning_rate: 1\nseed: 20", "there is no field learning_rate; allowed here: "),
        ("muon_lr: 0.005", "", "the field muon_lr is missing \\(a number\\)"),
        ("adamw_betas: [0.9, 0.98]", "adamw_betas: [0.9]", "adamw_betas must be a list of 2, each a number, got "),
        ("share: 0.05\n", "share: 0.5\n", "the stages' shares add up to 1.45, they must add up to 1"),
        (
            "height: 64, rows: 3, batch: 16",
            "height: 64, rows: 3, batch: none",
            r"stages\[0\].canvases\[0\].batch must be",
        ),
        ("device: cpu", "device: tpu", "device must be one of 'cpu', 'cuda', got 'tpu'"),
    ],
)
def test_a_configuration_with_a_wrong_field_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    text = (ROOT / "configuration" / "training" / "nano.yaml").read_text()
    assert before in text
    path = tmp_path / "nano.yaml"
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(ValueError, match=message):
        NanoTrainingConfig.read(path)


def test_plain_answers_to_formulas_say_what_is_seen() -> None:
    # What is written and what stands on the page for it; the third is a script's height.
    pairs = [
        ("of ", "of ", 21),
        (r"\(", "  ", 21),
        ("x", "x", 21),
        ("^{", "  ", 12),
        ("n-1", "n-1", 12),
        ("}", " ", 12),
    ]
    pairs += [("=", "=", 21), (r"\alpha ", "α      ", 21), (r"\)", "  ", 21)]
    pairs += [(" is\n", " is ", 21), ("-", "-", 21)]
    text, shown = "".join(one for one, _, _ in pairs), "".join(one for _, one, _ in pairs)
    heights = np.concatenate([np.full(len(one), height) for one, _, height in pairs])
    left = 8.0 * np.arange(len(text))
    boxes = np.stack([left, 0 * left, left + 8, heights], axis=1).astype(np.float32)
    plain = without_latex(TextImage(np.zeros((32, 64), np.uint8), text, boxes, shown))
    assert plain.text == "of xn-1 = α is\n-"
    assert plain.shown == ""
    assert plain.boxes[plain.text.index("α"), 0] == 8.0 * text.index(r"\alpha")


def test_plain_batches_of_formulas_are_answered_without_latex() -> None:
    faces = [face for face in packaged_faces() if face.style in ("Regular", "Book")][:2]
    fonts = math_fonts(packaged_faces())
    if not fonts:
        pytest.skip("no font for formulas is installed")
    corpus = Corpus(("Now is the winter of our discontent made glorious summer",), ("sun", "York"))
    pictures = TextImageSource(
        {face.family: [face] for face in faces}, TextSource(corpus, 1.0), formula_lines=FormulaLineSource(fonts)
    )
    source = BatchSource(pictures, Vocabulary(RANK_FILE), canvas_px=192, patch_px=8, seed=5, plain_formula_share=1.0)
    canvas = Canvas(height=64, rows=2, batch=6, weight=1.0, slices=True, formulas=True)
    answers = []
    for step in range(4):
        batch = source.batch(step, 0, (canvas,), 1.0, formats=0.0)
        assert ((batch.answer >= 0) >= (batch.token != IGNORED)).all()
        for row in batch.answer:
            ids = [one for one in row.tolist() if one not in (IGNORED, source.vocabulary.end_id)]
            answers.append(source.vocabulary.encoding.decode(ids))
    assert not any(sign in answer for answer in answers for sign in "\\�")
    assert any(not answer.isascii() for answer in answers)  # Greek letters and signs without a token: byte by byte
