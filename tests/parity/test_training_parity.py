"""Stage 2's loss and gradients on a collated batch equal those of the peer implementation on the same weights."""

from pathlib import Path

import torch

from got_ocr.training.config import TrainingConfig
from got_ocr.training.run import open_data
from got_ocr.training.settings import build
from got_ocr.training.stages import build_model, freeze
from tests.parity.peer import make_pair, peer_name
from tests.support.training_data import TINY_MODEL, tiny_fields, write_conversations


def test_loss_and_gradients_of_a_batch_equal_the_peers(tmp_path: Path) -> None:
    fields = tiny_fields(write_conversations(tmp_path))
    # The peer derives the compressor's widths from the neck's and the decoder's, and has one rotary base.
    vision = {**TINY_MODEL["vision_config"], "compressor_channels": [64, TINY_MODEL["hidden_size"]]}
    fields["model"]["overrides"] = {**TINY_MODEL, "vision_config": vision, "rope_theta": 1e6}
    config = build(TrainingConfig, fields, "test")
    start, processor = build_model(config)
    ours, peer = make_pair(start.config)
    freeze(ours, config)
    batch = next(iter(open_data(config, processor, 0, 1)))
    for key in ("bad_samples", "num_samples"):
        del batch[key]
    assert batch["input_ids"].shape[0] == 8
    assert (batch["attention_mask"] == 0).any()
    loss, expected = ours(**batch).loss, peer(**batch).loss
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)
    loss.backward()
    expected.backward()
    gradients = {name: parameter.grad for name, parameter in peer.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[peer_name(name)], atol=1e-5, rtol=1e-3, msg=name)
