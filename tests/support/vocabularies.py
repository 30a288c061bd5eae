"""The genuine vocabulary, and fast tokenizers as transformers' port has them."""

import importlib.util
import json
from pathlib import Path

import pytest

from got_ocr.processing.tokenizer import SPECIAL_TOKENS, SPLIT_PATTERN, GotOcrTokenizer

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def genuine_vocabulary() -> Path:
    """The `qwen.tiktoken` that the PyPI package dashscope carries; skips the test without it."""
    spec = importlib.util.find_spec("dashscope")  # Not imported: its own requirements are not installed.
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "resources" / "qwen.tiktoken"
        if path.is_file():
            return path
    pytest.skip("needs the genuine vocabulary: pip install --no-deps dashscope")


def write_fast_tokenizer(folder: Path, tokenizer: GotOcrTokenizer, num_ranks: int) -> None:
    """Write the first ranks of a tokenizer as tokenizer.json and its configuration, as the port's repository has."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    spellings = tokenizer.convert_ids_to_tokens(list(range(num_ranks)))
    vocab = {spelling: rank for rank, spelling in enumerate(spellings)}
    merges = []
    for spelling in spellings:
        cuts = [(spelling[:cut], spelling[cut:]) for cut in range(1, len(spelling))]
        pairs = [(left, right) for left, right in cuts if left in vocab and right in vocab]
        merges += sorted(pairs, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    fast = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    fast.normalizer = normalizers.NFC()
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in SPECIAL_TOKENS])
    folder.mkdir(exist_ok=True)
    fast.save(str(folder / "tokenizer.json"))
    names = dict.fromkeys(("pad_token", "bos_token", "eos_token"), "<|endoftext|>")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **names})


def write_port_folder(folder: Path, tokenizer: GotOcrTokenizer, num_ranks: int, size: int = 1024) -> None:
    """Write the tokenizer and processor files of a repository of the port."""
    write_fast_tokenizer(folder, tokenizer, num_ranks)
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_to_patches": False,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": CLIP_MEAN,
            "image_processor_type": "GotOcr2ImageProcessor",
            "image_std": CLIP_STD,
            "max_patches": 12,
            "min_patches": 1,
            "processor_class": "GotOcr2Processor",
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"height": size, "width": size},
        },
    )
    write_json(folder / "processor_config.json", {"processor_class": "GotOcr2Processor"})


def write_original_folder(folder: Path, vocabulary: Path, **config: object) -> None:
    """Write the tokenizer files and config.json of an original checkpoint, which has no processor files."""
    folder.mkdir(exist_ok=True)
    (folder / "qwen.tiktoken").write_bytes(vocabulary.read_bytes())
    write_json(
        folder / "tokenizer_config.json",
        {
            "added_tokens_decoder": {},
            "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
            "clean_up_tokenization_spaces": True,
            "model_max_length": 8000,
            "pad_token": "<|endoftext|>",
            "padding_side": "right",
            "tokenizer_class": "QWenTokenizer",
        },
    )
    write_json(folder / "special_tokens_map.json", {"pad_token": {"content": "<|endoftext|>", "lstrip": False}})
    auto_map = {"AutoConfig": "modeling_GOT.GOTConfig", "AutoModel": "modeling_GOT.GOTQwenForCausalLM"}
    write_json(folder / "config.json", {"model_type": "GOT", "auto_map": auto_map, **config})


def write_json(path: Path, content: object) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")
