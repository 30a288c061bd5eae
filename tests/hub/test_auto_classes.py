"""`import got_ocr` makes transformers' Auto classes use our code, and nothing of a repository's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

import got_ocr
from got_ocr import (
    GotOcrConfig,
    GotOcrForConditionalGeneration,
    GotOcrImageProcessor,
    GotOcrProcessor,
    GotOcrTokenizer,
)
from got_ocr.checkpoints.tokenizer_files import write_fast_tokenizer
from tests.support.layouts import assert_same_weights, write_checkpoint

ROOT = Path(__file__).resolve().parents[2]
IS_V5 = int(transformers.__version__.partition(".")[0]) >= 5
# What transformers does without a word about trust; on 5 it may even be given.
TRUST = [{}, {"trust_remote_code": False}, *([{"trust_remote_code": True}] if IS_V5 else [])]
TRAP = "import pathlib; pathlib.Path(__file__).with_name('EXECUTED').touch(); raise RuntimeError('remote code ran')"


@pytest.fixture(scope="module")
def original(tiny_model, nano_vocabulary, tmp_path_factory):
    """A folder like stepfun-ai/GOT-OCR2_0: its auto_map everywhere, and code that tells on who runs it."""
    folder = write_checkpoint(tiny_model, tmp_path_factory.mktemp("original") / "GOT-OCR2_0", "got")
    shutil.copy(nano_vocabulary, folder / "qwen.tiktoken")
    options = {
        "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
        "tokenizer_class": "QWenTokenizer",
        "clean_up_tokenization_spaces": True,
        "model_max_length": 8000,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(options))
    for name in ("modeling_GOT.py", "tokenization_qwen.py"):
        (folder / name).write_text(TRAP)
    return folder


@pytest.fixture(scope="module")
def port(tiny_model, nano_vocabulary, tmp_path_factory):
    """A folder like stepfun-ai/GOT-OCR-2.0-hf."""
    folder = write_checkpoint(tiny_model, tmp_path_factory.mktemp("port") / "hf", "transformers-4.49")
    write_fast_tokenizer(nano_vocabulary, folder)
    (folder / "processor_config.json").write_text('{"processor_class": "GotOcr2Processor"}')
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 128, "width": 128}})
    )
    return folder


@pytest.mark.parametrize("trust", TRUST)
def test_original_folder(trust, original, tiny_model):
    assert type(AutoConfig.from_pretrained(original, **trust)) is GotOcrConfig
    assert type(AutoTokenizer.from_pretrained(original, **trust)) is GotOcrTokenizer
    assert type(AutoProcessor.from_pretrained(original, **trust)) is GotOcrProcessor
    for auto_class in (AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText):
        model = auto_class.from_pretrained(original, **trust)
        assert type(model) is GotOcrForConditionalGeneration
        assert_same_weights(model, tiny_model)
    assert not list(original.rglob("EXECUTED"))


@pytest.mark.parametrize("trust", TRUST)
def test_port_folder(trust, port, tiny_model):
    config = AutoConfig.from_pretrained(port, **trust)
    assert type(config) is GotOcrConfig and config.model_type == "GOT"
    for auto_class in (AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText):
        model = auto_class.from_pretrained(port, **trust)
        assert type(model) is GotOcrForConditionalGeneration
        assert_same_weights(model, tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(port, **trust)
    assert tokenizer.is_fast and tokenizer.convert_tokens_to_ids("<imgpad>") == tiny_model.config.im_patch_token
    assert type(GotOcrProcessor.from_pretrained(port)) is GotOcrProcessor


@pytest.mark.parametrize("trust", TRUST)
def test_our_own_folder(trust, tiny_checkpoint, tiny_model):
    assert type(AutoConfig.from_pretrained(tiny_checkpoint, **trust)) is GotOcrConfig
    assert type(AutoTokenizer.from_pretrained(tiny_checkpoint, **trust)) is GotOcrTokenizer
    if not hasattr(AutoImageProcessor, "_backends"):  # a placeholder: some versions of transformers need torchvision
        assert type(AutoImageProcessor.from_pretrained(tiny_checkpoint, **trust)) is GotOcrImageProcessor
    assert type(AutoProcessor.from_pretrained(tiny_checkpoint, **trust)) is GotOcrProcessor
    assert type(AutoModel.from_pretrained(tiny_checkpoint, **trust)) is GotOcrForConditionalGeneration


def test_published_call_shape(original):
    trust = TRUST[-1] if IS_V5 else {}
    tokenizer = AutoTokenizer.from_pretrained(original, **trust)
    model = AutoModel.from_pretrained(
        original, **trust, low_cpu_mem_usage=True, use_safetensors=True, pad_token_id=tokenizer.eos_token_id
    )
    assert model.config.pad_token_id == tokenizer.eos_token_id


def test_configurations_can_be_made_by_name():
    config = AutoConfig.for_model("GOT", num_hidden_layers=3)
    assert type(config) is GotOcrConfig and config.num_hidden_layers == 3


def test_transformers_own_classes_stay(port):
    from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

    assert type(GotOcr2Config.from_pretrained(port)) is GotOcr2Config
    model = GotOcr2ForConditionalGeneration.from_pretrained(port)
    assert type(model.config) is GotOcr2Config


def test_another_models_qwen_tokenizer_is_not_taken_for_gots(original, tmp_path):
    folder = shutil.copytree(original, tmp_path / "Qwen-VL")
    (folder / "config.json").write_text('{"model_type": "qwen"}')

    with pytest.raises(ValueError, match="asks for its own QWenTokenizer"):
        AutoTokenizer.from_pretrained(folder)


def test_public_names():
    for name in got_ocr.__all__:
        assert getattr(got_ocr, name) is not None
    assert set(got_ocr.__all__) <= set(dir(got_ocr))
    with pytest.raises(AttributeError, match="no attribute 'GotOcrPage'"):
        got_ocr.GotOcrPage  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        # Importing the package loads nothing heavy.
        "import sys, got_ocr; assert not {'torch', 'transformers', 'PIL', 'numpy'} & set(sys.modules)",
        # Transformers first.
        "from transformers import AutoModel, AutoProcessor, pipeline; import got_ocr; check()",
        # A module first that drags the Auto classes in halfway.
        "import got_ocr; from transformers import Qwen2Config; check()",
        "from got_ocr import GotOcrConfig; check()",
        "from got_ocr import GotOcrPipeline; check()",
        "import got_ocr; from transformers.models.auto import modeling_auto; check()",
    ],
)
def test_order_of_imports(code):
    check = """
def check():
    import sys
    from transformers import AutoConfig, AutoModel, AutoProcessor, AutoTokenizer
    from got_ocr import GotOcrConfig, GotOcrForConditionalGeneration, GotOcrProcessor
    config = AutoConfig.for_model("GOT")
    assert type(config) is GotOcrConfig
    assert AutoModel._model_mapping[GotOcrConfig] is GotOcrForConditionalGeneration
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
    assert PROCESSOR_MAPPING[GotOcrConfig] is GotOcrProcessor
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name
    assert tokenizer_class_from_name("QWenTokenizer").__module__ == "got_ocr.hub.auto_classes"
"""
    subprocess.run([sys.executable, "-c", f"{check}\n{code}"], check=True, cwd=ROOT)
