"""A collated batch's loss is the loss of transformers' port with equal weights: both in float32, 1e-5 absolute."""

import pytest
import torch

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.bad_samples import BadSampleLog, Origin
from got_ocr.training.collator import GotOcrCollator
from got_ocr.training.conversations import parse_conversation
from got_ocr.training.encoding import encode
from got_ocr.training.packing import PackingCollator
from tests.parity.peer import make_pair
from tests.support.training_sets import picture, turns

CONVERSATIONS = [
    (("OCR: ", "a line of text"), 1),
    (("OCR with format across multi pages: ", "\\title{Two pages}\nand what stands there, é 中"), 2),
    (("[1, 2, 300, 400] OCR: ", "region", "And now?", "a second answer <|im_end|>"), 1),
]


@pytest.fixture(scope="module")
def pair(tiny_config: GotOcrConfig) -> tuple:
    return make_pair(tiny_config)


def batch_of(collator: GotOcrCollator, processor: GotOcrProcessor) -> dict:
    samples = []
    for number, (texts, images) in enumerate(CONVERSATIONS):
        pictures = [picture(10 * number + page) for page in range(images)]
        one = parse_conversation({"conversations": turns(*texts)}, Origin("x.json", number + 1), images=pictures)
        samples.append(encode(one, processor, 500))
    return dict(BadSampleLog().take(collator(samples)))


def test_loss_and_gradients_of_a_padded_batch_are_the_peers(pair: tuple, tiny_processor: GotOcrProcessor) -> None:
    ours, peer = pair
    batch = batch_of(GotOcrCollator(tiny_processor, pad_to_multiple_of=8), tiny_processor)
    assert batch["pixel_values"].shape[0] == 4 and (batch["attention_mask"] == 0).any()
    loss, expected = ours(**batch).loss, peer(**batch).loss
    assert expected.item() > 1
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)
    loss.backward()
    expected.backward()
    for mine, theirs in [
        (ours.model.embed_tokens.weight, peer.model.language_model.embed_tokens.weight),
        (ours.model.mm_projector_vary.weight, peer.model.multi_modal_projector.multimodal_projector.weight),
        (ours.model.vision_tower_high.patch_embed.proj.weight, peer.model.vision_tower.patch_embed.projection.weight),
    ]:
        assert theirs.grad.abs().max() > 1e-6
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_loss_with_a_given_number_of_items_is_the_peers(pair: tuple, tiny_processor: GotOcrProcessor) -> None:
    ours, peer = pair
    batch = batch_of(GotOcrCollator(tiny_processor), tiny_processor)
    with torch.no_grad():
        losses = [model(**batch, num_items_in_batch=torch.tensor(1000)).loss for model in pair]
        means = [model(**batch).loss for model in (ours, peer)]
    torch.testing.assert_close(losses[0], losses[1], atol=1e-5, rtol=0)
    assert losses[0] < means[0]


def test_packed_loss_is_the_peers_of_the_padded_batch(pair: tuple, tiny_processor: GotOcrProcessor) -> None:
    ours, peer = pair
    packed = batch_of(PackingCollator(tiny_processor, 1000), tiny_processor)
    padded = batch_of(GotOcrCollator(tiny_processor), tiny_processor)
    assert packed["input_ids"].shape[0] == 1
    with torch.no_grad():
        torch.testing.assert_close(ours(**packed).loss, peer(**padded).loss, atol=1e-5, rtol=0)
