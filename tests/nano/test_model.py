"""What nano's training computes is what the published classes compute."""

import numpy as np
import pytest
import torch
from PIL import Image

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.nano.export import colour_model
from got_ocr.nano.network import GREY_MEAN, GREY_STD, LUMA, decode, encode_strip, initialise
from got_ocr.processing.image_processor import CLIP_MEAN, CLIP_STD
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.support.nano_sizes import TINY


def tiny_model() -> GotOcrForConditionalGeneration:
    model = GotOcrForConditionalGeneration(GotOcrConfig(**TINY)).eval()
    initialise(model, seed=3)
    with torch.no_grad():  # so that a dropped or misplaced bias shows
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(len(name)))
    return model


@torch.no_grad()
def test_strip_as_high_as_the_canvas_gives_the_models_image_features() -> None:
    model = tiny_model()
    grey = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    tokens = encode_strip(model, grey, first_row=0).tokens
    torch.testing.assert_close(tokens, model.get_image_features(grey).pooler_output, atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_low_picture_gives_the_features_of_a_strip_at_the_top() -> None:
    model = tiny_model()
    grey = torch.randn(2, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    tokens = encode_strip(model, grey, first_row=0).tokens
    assert tokens.shape[1] == model.config.vision_config.count_image_tokens(32) == 2
    torch.testing.assert_close(tokens, model.get_image_features(grey).pooler_output, atol=1e-5, rtol=0)


@torch.no_grad()
def test_decoding_behind_a_shared_prefix_gives_the_models_logits() -> None:
    model = tiny_model()
    grey = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    prefix = torch.tensor([5, 6, 7, 8, 47])
    tail = torch.tensor([[48, 9, 10, 11, 12], [48, 9, 10, 20, 21]])
    image = torch.full((2, 4), 49)
    ids = torch.cat([prefix.expand(2, -1), image, tail], dim=1)
    expected = model(input_ids=ids, pixel_values=grey).logits[:, len(prefix) :]

    tokens = encode_strip(model, grey, first_row=0).tokens
    output = decode(model, prefix, torch.cat([tokens, model.model.embed_tokens(tail)], dim=1), watched_layers=(1,))
    torch.testing.assert_close(model.lm_head(output.hidden), expected, atol=1e-5, rtol=0)
    mass = output.attention[1].exp()
    torch.testing.assert_close(mass.sum(-1), torch.ones(2, 9))
    assert mass[:, 0, len(prefix) + 1 :].sum() == 0, "the first position must not see what follows it"


@torch.no_grad()
def test_folded_colour_model_reads_a_colour_picture_as_the_grey_one_reads_its_luma() -> None:
    grey_model = tiny_model()
    model = colour_model(grey_model.state_dict(), TINY)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.float64)
    luma = torch.from_numpy((pixels * LUMA).sum(-1))[None, None]
    colour = (torch.from_numpy(pixels) / 255 - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
    expected = grey_model.get_image_features(((luma / 255 - GREY_MEAN) / GREY_STD).float()).pooler_output
    got = model.get_image_features(colour.permute(2, 0, 1)[None].float()).pooler_output
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 90)])
def test_luma_weights_are_pillows(colour: tuple[int, int, int]) -> None:
    grey = Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    assert isinstance(grey, int)
    assert abs(grey - sum(weight * value for weight, value in zip(LUMA, colour, strict=True))) < 1.0
