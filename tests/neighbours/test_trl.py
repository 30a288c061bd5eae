"""TRL's SFTTrainer trains our model with our processor, on samples as TRL's documentation has them for pictures."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="TRL is not installed: make test-neighbours runs this")
pytest.importorskip("datasets", reason="the extra `datasets` is not installed")

import datasets
from trl import SFTConfig, SFTTrainer

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.processing.mode import Mode
from tests.serving.conftest import draw_page

TEXTS = ("one", "two words")
IGNORED = -100


def page_of(text: str) -> Any:
    return draw_page((text,), (190, 190))


def as_prompt_and_completion(text: str, prompt: str = "OCR: ") -> dict[str, Any]:
    return {
        "images": [page_of(text)],
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": text}],
    }


def as_messages(text: str, prompt: str = "OCR: ") -> dict[str, Any]:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
    return {"images": [page_of(text)], "messages": turns}


@pytest.fixture
def nano() -> tuple[Any, Any]:
    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT)
    return model, GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)


def make_trainer(nano: tuple[Any, Any], folder: Path, samples: list[dict[str, Any]]) -> Any:
    model, processor = nano
    options = SFTConfig(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=2,
        learning_rate=1e-4,
        max_length=None,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
    )
    data = datasets.Dataset.from_list(samples)
    return SFTTrainer(model=model, args=options, train_dataset=data, processing_class=processor)


def rows(batch: Any) -> list[tuple[list[int], list[int]]]:
    """The tokens of each row, and those of them that are learned."""
    found = []
    for ids, mask, labels in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
        found.append((ids[mask == 1].tolist(), labels[labels != IGNORED].tolist()))
    return found


@pytest.mark.parametrize("prompt", ["OCR: ", "OCR with format: ", "Chart to table"])
def test_it_learns_answers_to_our_prompts(nano: tuple[Any, Any], tmp_path: Path, prompt: str) -> None:
    trainer = make_trainer(nano, tmp_path, [as_prompt_and_completion(text, prompt) for text in TEXTS])
    batch = next(iter(trainer.get_train_dataloader()))
    _, processor = nano
    expected = {}
    for text in TEXTS:
        question = processor(page_of(text), mode=Mode(instruction=prompt))["input_ids"][0].tolist()
        answer = [*processor.tokenizer.encode(text), processor.tokenizer.special_ids["<|im_end|>"]]
        expected[tuple(answer)] = question + answer
    assert {tuple(learned): tokens for tokens, learned in rows(batch)} == expected
    assert batch["pixel_values"].shape == (2, 3, 192, 192)


@pytest.mark.parametrize("form", [as_prompt_and_completion, as_messages])
def test_it_trains_and_what_it_saves_reads(nano: tuple[Any, Any], tmp_path: Path, form: Any) -> None:
    model, processor = nano
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainer = make_trainer(nano, tmp_path / "run", [form(text) for text in TEXTS])
    result = trainer.train()
    assert result.global_step == 2 and torch.isfinite(torch.tensor(result.training_loss))
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any("vision_tower" in name for name in moved) and any("layers" in name for name in moved)

    trainer.save_model(str(tmp_path / "saved"))
    saved = GotOcrForConditionalGeneration.from_pretrained(tmp_path / "saved").eval()
    again = GotOcrProcessor.from_pretrained(tmp_path / "saved")
    page = page_of("one two")
    assert saved.chat(again, page) == model.eval().chat(processor, page)
