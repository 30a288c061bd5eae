"""A network whose numbers are none says so, and why, instead of an empty answer."""

import copy

import pytest
import torch
from PIL import Image, ImageDraw

from got_ocr.modeling.finite import NonFiniteError, explain_non_finite, find_non_finite


@pytest.fixture
def page() -> Image.Image:
    picture = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(picture).text((10, 50), "some text", fill="black")
    return picture


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.7}, {"num_beams": 2}])
def test_one_nan_among_the_weights_is_an_error_that_names_it(tiny_model, tiny_processor, page, value, options):
    model = copy.deepcopy(tiny_model)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0] = value

    with pytest.raises(NonFiniteError, match=r"computed NaN .* hold NaN or infinity \(model\.layers\.1\.mlp\.up_proj"):
        model.chat(tiny_processor, page, max_new_tokens=3, **options)


def test_several_pages_end_in_the_same_line(tiny_model, tiny_processor, page):
    model = copy.deepcopy(tiny_model)
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")

    with pytest.raises(NonFiniteError, match=r"model\.norm\.weight"):
        model.chat(tiny_processor, [page, page], max_new_tokens=3)


def test_finite_weights_are_told_from_a_narrow_type(tiny_model):
    assert find_non_finite(tiny_model) == ""
    assert "float16 is too narrow" in str(explain_non_finite(tiny_model, torch.float16))
    assert "load them as float32" in str(explain_non_finite(tiny_model, torch.bfloat16))
