"""Weights of 8 and 4 bits: near the wide ones, saved and loaded again, by every release's `from_pretrained`."""

import copy
import json
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForImageTextToText

import got_ocr
from got_ocr.configuration.config import GotOcrConfig
from got_ocr.modeling import network
from got_ocr.modeling.generation import CACHE_NAME, make_cache
from got_ocr.modeling.int4_layout import pack_int4, unpack_int4
from got_ocr.modeling.precision import relative_error
from got_ocr.modeling.quantization import (
    FEW_ROWS,
    GotOcrQuantizationConfig,
    Int4Linear,
    Int8DynamicLinear,
    Int8Embedding,
    Int8Linear,
    TiedInt8Head,
    can_multiply_integers,
    multiply_int8,
    quantize_int4,
    quantize_int8,
    split_nibbles,
)
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.parity.peer import randomise
from tests.support.layouts import LAYOUTS, write_checkpoint

# Of a linear layer's output for Gaussian weights: what 8 bits a row and 4 bits a group can do.
INT8_ERROR, INT4_ERROR = 0.015, 0.12
PROMPT = 12


def small_config(**options) -> GotOcrConfig:
    sizes = {
        "vision_config": {
            "image_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 64,
            "window_size": 2, "global_attn_indexes": [1], "output_channels": 8, "compressor_channels": [16, 64],
        },
        "vocab_size": 150, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 256, "im_start_token": 140,
        "im_end_token": 141, "im_patch_token": 142, "turn_end_token_id": 143, "pad_token_id": 144,
        "bos_token_id": 144, "eos_token_id": 144,
    }  # fmt: skip
    return GotOcrConfig(**{**sizes, **options})


@pytest.fixture(scope="module")
def model() -> GotOcrForConditionalGeneration:
    made = GotOcrForConditionalGeneration(small_config()).eval()
    randomise(made)
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model")
    model.save_pretrained(path)
    return path


def logits_of(model: GotOcrForConditionalGeneration) -> torch.Tensor:
    """Logits of a picture and a prompt longer than the packed kernels serve, then of one token more."""
    generator = torch.Generator().manual_seed(3)
    image_tokens = model.config.image_token_len
    ids = torch.randint(0, 140, (1, FEW_ROWS + PROMPT), generator=generator)
    ids[0, 2 : 2 + image_tokens] = model.config.im_patch_token
    pixels = torch.randn(1, 3, 64, 64, generator=generator)
    with torch.inference_mode():
        long = model(input_ids=ids, pixel_values=pixels).logits[0].float()
        short = model(input_ids=ids[:, -PROMPT:]).logits[0].float()
    return torch.cat([long, short])


def load(source, **options) -> GotOcrForConditionalGeneration:
    return GotOcrForConditionalGeneration.from_pretrained(
        source, quantization_config=GotOcrQuantizationConfig(**options), dtype=torch.float32
    )


@settings(max_examples=30, deadline=None)
@given(outputs=st.integers(1, 200), pairs=st.integers(16, 80), seed=st.integers(0, 99))
def test_packing_has_a_way_back(outputs, pairs, seed):
    codes = torch.randint(0, 256, (outputs, pairs), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(unpack_int4(pack_int4(codes), outputs, 2 * pairs), codes)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sampled_from([1, 2, 5, FEW_ROWS, FEW_ROWS + 1, 70]),
    outputs=st.integers(1, 90),
    groups=st.sampled_from([1, 2, 3, 4, 0.625]),
    kind=st.sampled_from(["int8", "dynamic", "int4"]),
    spread=st.sampled_from([1e-3, 1.0, 50.0]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    has_bias=st.booleans(),
)
def test_a_layer_is_near_the_wide_one_however_many_rows(rows, outputs, groups, kind, spread, dtype, has_bias):
    generator = torch.Generator().manual_seed(outputs)
    inputs = int(64 * groups)
    assume(kind != "int4" or inputs % 64 == 0)
    weight = torch.randn(outputs, inputs, generator=generator) * spread
    hidden = torch.randn(rows, inputs, generator=generator)
    bias = torch.randn(outputs, generator=generator) * spread if has_bias else None
    if kind == "int4":
        layer = Int4Linear(inputs, outputs, 64, bias=has_bias)
        values = dict(zip(("weight", "scale", "zero"), quantize_int4(weight, 64), strict=True))
    else:
        layer = (Int8Linear if kind == "int8" else Int8DynamicLinear)(inputs, outputs, bias=has_bias)
        values = dict(zip(("weight", "scale"), quantize_int8(weight), strict=True))
    layer.load_state_dict(values | ({} if bias is None else {"bias": bias}))
    if kind != "int8":
        layer.pack()
    for parameter in layer.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)

    output = layer(hidden.to(dtype))

    right = torch.nn.functional.linear(hidden.to(dtype).float(), weight, bias)
    allowed = (INT4_ERROR if kind == "int4" else INT8_ERROR) + (0.02 if dtype == torch.bfloat16 else 0)
    assert output.dtype == dtype and output.shape == right.shape
    allowed *= 1 + 3 * right.numel() ** -0.5  # Few numbers are further from what is usual.
    assert (output.float() - right).norm() <= allowed * max(right.norm(), spread * (rows * outputs * inputs) ** 0.5)


@pytest.mark.parametrize("offset", [1, 2, 5, 8])
def test_weights_and_rows_may_stand_anywhere_in_memory(offset):
    """torch's kernel takes addresses that 64 divides for granted, and a mapped file has others."""

    def shift(tensor: torch.Tensor) -> torch.Tensor:
        room = torch.empty(tensor.numel() + offset, dtype=tensor.dtype)
        return room[offset:].view(tensor.shape).copy_(tensor)

    codes, scale = quantize_int8(torch.randn(48, 64, generator=torch.Generator().manual_seed(1)))
    rows = torch.randn(3, 64, generator=torch.Generator().manual_seed(2)).bfloat16()
    right = multiply_int8(rows, codes, scale)

    torch.testing.assert_close(multiply_int8(shift(rows), codes, shift(scale)), right)
    torch.testing.assert_close(multiply_int8(rows, shift(codes), scale), right, rtol=0.02, atol=0.02)


def test_rounded_numbers_are_the_nearest_that_there_are():
    weight = torch.randn(7, 128, generator=torch.Generator().manual_seed(1))

    codes, scale = quantize_int8(weight)
    halves, group_scale, zero = quantize_int4(weight, 32)

    error = (codes.float() * scale.float()[:, None] - weight).abs()
    assert (error <= 0.505 * scale.float()[:, None] + 1e-6).all()
    numbers = (split_nibbles(halves).view(7, 4, 32).float() - 8) * group_scale.float()[..., None]
    error = (numbers + zero.float()[..., None] - weight.view(7, 4, 32)).abs()
    assert (error <= 0.6 * group_scale.float()[..., None]).all()


@pytest.mark.parametrize("value", [0.0, 1e-40, 3.0])
def test_a_row_of_equal_numbers_stays_what_it_is(value):
    weight = torch.full((3, 64), value)

    codes, scale = quantize_int8(weight)
    halves, group_scale, zero = quantize_int4(weight, 64)

    torch.testing.assert_close(codes.float() * scale.float()[:, None], weight, rtol=0.01, atol=1e-6)
    numbers = (split_nibbles(halves).float() - 8) * group_scale.float() + zero.float()
    torch.testing.assert_close(numbers, weight, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"bits": 8}, {"activations": True}, {"activations": True, "tower": True}, {"bits": 4, "group_size": 32}],
)
def test_a_model_is_near_the_wide_one_and_the_same_when_saved_and_loaded(model, folder, tmp_path, options):
    quantised = load(folder, **options)
    right, found = logits_of(model), logits_of(quantised)

    assert relative_error(found, right) < (0.35 if options.get("bits") == 4 else 0.06)

    quantised.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    assert {name: saved[name] for name in options} == options and saved["quant_method"] == "got_ocr"
    again = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32)
    assert type(again) is GotOcrForConditionalGeneration
    for (name, tensor), (other, saved_tensor) in zip(
        sorted(quantised.state_dict().items()), sorted(again.state_dict().items()), strict=True
    ):
        assert name == other and torch.equal(tensor, saved_tensor)
    # Where a file is mapped to changes the last bit of sums, and that what is rounded to 8 bits.
    assert relative_error(logits_of(again), found) < (0.02 if options.get("activations") else 1e-5)


@pytest.mark.parametrize(
    "options",
    [{"bits": 8}, {"activations": True}, {"activations": True, "tower": True}, {"bits": 4, "group_size": 32}],
)
@pytest.mark.parametrize("new", [1, 4])
def test_steps_with_a_cache_are_the_layers_own(folder, options, new, monkeypatch):
    quantised = load(folder, **options)
    ids = torch.randint(0, 140, (1, FEW_ROWS + 4), generator=torch.Generator().manual_seed(5))
    found = []
    for is_open in (True, False):
        with monkeypatch.context() as patch, torch.inference_mode():
            if not is_open:
                patch.setattr(network, "can_step", lambda *_: False)
            cache, logits = make_cache(2), []
            for start, end in ((0, FEW_ROWS), *((place, place + new) for place in range(FEW_ROWS, FEW_ROWS + 4, new))):
                logits.append(quantised(input_ids=ids[:, start:end], use_cache=True, **{CACHE_NAME: cache}).logits)
            found.append(torch.cat(logits, 1))

    # What a step rounds otherwise in its last bit may be rounded to another of 256 numbers.
    assert relative_error(*found) < (0.03 if options.get("activations") else 0.01)


@pytest.mark.skipif(not can_multiply_integers(), reason="torch has no integer kernel for this CPU")
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_rows_of_layers_of_8_bits_keep_16(rows):
    generator = torch.Generator().manual_seed(rows)
    weight, hidden = torch.randn(50, 64, generator=generator), torch.randn(rows, 64, generator=generator)
    hidden[0, :7] *= 100  # One large number takes bits from the others.
    codes, scale = quantize_int8(weight)
    layer = Int8Linear(64, 50, bias=False)
    layer.load_state_dict({"weight": codes, "scale": scale})

    output = layer(hidden)

    assert layer.packed is not None and layer.weight.numel() == 0
    assert relative_error(output, hidden @ (codes.float() * scale.float()[:, None]).T) < 2e-4
    assert torch.equal(layer(torch.zeros(1, 64)), torch.zeros(1, 50))
    assert torch.equal(layer.state_dict()["weight"], codes)
    for moved in (copy.deepcopy(layer), layer.bfloat16()):
        assert relative_error(moved(hidden), output) < 0.01


def test_layers_of_decoder_head_and_embedding_are_replaced_and_nothing_else(folder):
    kinds = {name: type(module) for name, module in load(folder, bits=4, group_size=32).named_modules()}

    linear = {name for name, kind in kinds.items() if kind is torch.nn.Linear}
    assert kinds["lm_head"] is Int4Linear and kinds["model.embed_tokens"] is Int8Embedding
    assert kinds["model.layers.1.mlp.down_proj"] is Int4Linear
    assert all("vision_tower_high" in name or "mm_projector_vary" in name for name in linear)
    kinds = {name: type(module) for name, module in load(folder, bits=8, tower=True).named_modules()}
    assert kinds["lm_head"] is TiedInt8Head and kinds["model.vision_tower_high.blocks.0.mlp.lin1"] is Int8DynamicLinear


def test_layers_that_no_group_fits_have_8_bits(tmp_path):
    narrow = GotOcrForConditionalGeneration(small_config(hidden_size=48, intermediate_size=96))
    narrow.save_pretrained(tmp_path)

    kinds = {name: type(module) for name, module in load(tmp_path, bits=4).named_modules()}

    assert kinds["model.layers.0.mlp.gate_proj"] is Int8Linear and kinds["lm_head"] is TiedInt8Head
    assert kinds["model.layers.0.mlp.down_proj"] is Int4Linear


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bits", [8, 4])
def test_every_layout_is_quantised_to_the_same_model(model, folder, tmp_path, layout, bits):
    write_checkpoint(model, tmp_path, layout)

    found = load(tmp_path, bits=bits, group_size=32)

    right = load(folder, bits=bits, group_size=32)
    assert found.config.quantization_config is not None
    for (name, tensor), (other, expected) in zip(
        sorted(found.state_dict().items()), sorted(right.state_dict().items()), strict=True
    ):
        assert name == other and torch.equal(tensor, expected)
    # Where a file is mapped to changes the last bit of the tower's sums, and that what is rounded to 16 bits.
    assert relative_error(logits_of(found), logits_of(right)) < 1e-4


def test_untied_heads_keep_their_own_weights(tmp_path):
    untied = GotOcrForConditionalGeneration(small_config(tie_word_embeddings=False)).eval()
    randomise(untied)
    untied.save_pretrained(tmp_path)

    for bits in (8, 4):
        quantised = load(tmp_path, bits=bits, group_size=32)
        assert relative_error(logits_of(quantised), logits_of(untied)) < (0.05 if bits == 8 else 0.35)


def test_files_are_small(folder, tmp_path):
    def num_bytes(path: Path) -> int:
        with safe_open(path / "model.safetensors", "pt") as tensors:
            return sum(
                tensors.get_tensor(name).nbytes
                for name in tensors.keys()  # noqa: SIM118
                if ".layers." in name and name.endswith(("weight", "scale", "zero"))
            )

    wide = num_bytes(folder)
    for bits, share in ((8, 0.3), (4, 0.22)):
        load(folder, bits=bits, group_size=32).bfloat16().save_pretrained(tmp_path / str(bits))
        assert num_bytes(tmp_path / str(bits)) < share * wide


def test_generation_reads_with_quantised_weights(folder):
    quantised = load(folder, bits=4, group_size=32)
    ids = torch.randint(0, 140, (2, 30), generator=torch.Generator().manual_seed(0))

    tokens = quantised.generate(input_ids=ids, max_new_tokens=5, min_new_tokens=5, do_sample=False)

    assert tokens.shape == (2, 35)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 3}, "bits must be 8 or 4, got 3"),
        ({"bits": True}, "bits must be 8 or 4, got True"),
        ({"group_size": 48}, "group_size must be one of 32, 64, 128, 256, got 48"),
        ({"tower": 1}, "tower must be True or False, got 1"),
        ({"activations": None}, "activations must be True or False, got None"),
        ({"load_in_8bit": True}, "has bits, group_size, activations and tower, got load_in_8bit"),
        ({"quant_method": "awq"}, "got quant_method='awq'"),
    ],
)
def test_what_is_not_allowed_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        GotOcrQuantizationConfig(**options)


def test_quantised_weights_are_not_quantised_otherwise(folder, tmp_path):
    load(folder, bits=8).save_pretrained(tmp_path)

    with pytest.raises(ValueError, match=r"quantised already \(got_ocr, 8 bits\), and can't be made got_ocr, 4 bits"):
        load(tmp_path, bits=4)
    assert load(tmp_path, bits=8).config.quantization_config is not None


def test_a_dictionary_says_it_too(folder):
    quantised = got_ocr.GotOcrForConditionalGeneration.from_pretrained(
        folder, quantization_config={"quant_method": "got_ocr", "bits": 8}
    )

    assert isinstance(quantised.lm_head, TiedInt8Head)


def test_a_damaged_quantised_folder_is_refused(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    load(folder, bits=8).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.0.mlp.up_proj.scale"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ValueError, match=r"lacks 1 of the model's tensors: model.layers.0.mlp.up_proj.scale"):
        GotOcrForConditionalGeneration.from_pretrained(tmp_path)
