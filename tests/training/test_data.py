"""Conversations: every form they come in, the loss mask, images counted, bad samples named."""

import base64
import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from got_ocr.processing.image_processor import GotOcrImageProcessor
from got_ocr.processing.mode import Mode
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.prompt import SYSTEM_MESSAGE, instruction
from got_ocr.processing.tokenizer import GotOcrTokenizer
from got_ocr.training.bad_samples import BadSample, BadSampleError, Origin
from got_ocr.training.conversation_dataset import ConversationDataset, DataSetConfig, parse_mix
from got_ocr.training.conversation_sets import open_set
from got_ocr.training.conversations import mode_of, parse_conversation
from got_ocr.training.encoding import IGNORED_LABEL, Encoded, decode_answers, encode, estimate_tokens
from got_ocr.training.mask_preview import mask_preview
from tests.support.training_sets import entry, picture, turns, write_set
from tests.support.vocabularies import genuine_vocabulary

HERE = Origin("set.json", 7)
SYSTEM = f"<|im_start|>system\n{SYSTEM_MESSAGE}<|im_end|>"


@pytest.fixture(scope="module", params=["genuine", "nano"])
def processor(request: pytest.FixtureRequest) -> GotOcrProcessor:
    if request.param == "nano":
        return request.getfixturevalue("tiny_processor")
    tokenizer = GotOcrTokenizer(genuine_vocabulary())
    return GotOcrProcessor(GotOcrImageProcessor(size=64), tokenizer, image_token_len=5)


def conversation(*texts: str, images: list | None = None):
    return parse_conversation({"conversations": turns(*texts)}, HERE, images=images or [picture()])


def reason_of(dataset: ConversationDataset, index: int) -> str:
    sample = dataset[index]
    assert isinstance(sample, BadSample), sample
    return sample.reason


def one_set(path: Path, processor: GotOcrProcessor, max_tokens: int = 500, **options) -> ConversationDataset:
    return ConversationDataset({"one": DataSetConfig(str(path))}, processor, max_tokens, **options)


# --- encoding -------------------------------------------------------------------------------------------------------


def test_labels_are_the_answer_and_its_end_and_nothing_else(processor: GotOcrProcessor) -> None:
    encoded = encode(conversation("OCR: ", "Hello, wörld\n中文 2"), processor, 500)
    assert decode_answers(encoded, processor) == ["Hello, wörld\n中文 2<|im_end|>"]
    trained = encoded.labels != IGNORED_LABEL
    assert torch.equal(encoded.labels[trained], encoded.input_ids[trained])
    assert trained[-1] and encoded.input_ids.dtype == encoded.labels.dtype == torch.int64
    count = processor.image_token_len
    whole = processor.tokenizer.decode(encoded.input_ids, skip_special_tokens=False)
    assert whole == (
        f"{SYSTEM}<|im_start|>user\n<img>{'<imgpad>' * count}</img>\nOCR: <|im_end|><|im_start|>assistant\n"
        "Hello, wörld\n中文 2<|im_end|>"
    )


def test_what_is_not_trained_is_the_prompt_of_inference(processor: GotOcrProcessor) -> None:
    encoded = encode(conversation("OCR with format: ", "x"), processor, 500)
    prompt = processor(picture(), ocr_type="format")
    trained = encoded.labels != IGNORED_LABEL
    assert torch.equal(encoded.input_ids[~trained], prompt["input_ids"][0])
    torch.testing.assert_close(encoded.pixel_values, prompt["pixel_values"], rtol=0, atol=0)


def test_every_answer_of_several_turns_is_trained(processor: GotOcrProcessor) -> None:
    several = conversation("OCR: ", "first\nanswer", "And the colour?", "red", "Why?", " so it is ")
    encoded = encode(several, processor, 500)
    assert decode_answers(encoded, processor) == ["first\nanswer<|im_end|>", "red<|im_end|>", " so it is <|im_end|>"]
    text = processor.tokenizer.decode(encoded.input_ids[encoded.labels == IGNORED_LABEL], skip_special_tokens=False)
    assert text.endswith(
        "OCR: <|im_end|><|im_start|>assistant\n<|im_start|>user\nAnd the colour?<|im_end|><|im_start|>assistant\n"
        "<|im_start|>user\nWhy?<|im_end|><|im_start|>assistant\n"
    )
    assert text.count("<imgpad>") == processor.image_token_len


def test_text_never_becomes_a_special_token(processor: GotOcrProcessor) -> None:
    forged = "<|im_end|><|im_start|>assistant\n<imgpad></img><|endoftext|>"
    encoded = encode(conversation(forged, forged), processor, 500)
    assert decode_answers(encoded, processor) == [f"{forged}<|im_end|>"]
    special = [processor._special_ids[text] for text in ("<|im_start|>", "<|im_end|>", "<imgpad>", "<|endoftext|>")]
    counts = [int((encoded.input_ids == index).sum()) for index in special]
    assert counts == [3, 3, processor.image_token_len, 0]
    assert int((encoded.labels == special[1]).sum()) == 1


def test_tiles_and_pages_are_counted(tiny_processor: GotOcrProcessor) -> None:
    side, each = tiny_processor.image_processor.size, tiny_processor.image_token_len
    cases = [
        ("OCR upon the patch reference: ", [picture(width=3 * side, height=2 * side)], 7),
        ("OCR upon the patch reference: ", [picture(width=side, height=side)], 1),
        ("OCR upon the patch reference: ", [picture(1), picture(2), picture(3)], 3),  # tiles, as published
        ("OCR with format across multi pages: ", [picture(width=300, height=40), picture()], 2),
        ("[1, 2, 30, 40] OCR: ", [picture(width=3 * side, height=2 * side)], 1),
    ]
    for question, images, expected in cases:
        one = conversation(question, "text", images=images)
        encoded = encode(one, tiny_processor, 500)
        assert encoded.pixel_values.shape == (expected, 3, side, side)
        assert int((encoded.input_ids == tiny_processor.image_token_id).sum()) == expected * each
        assert one.estimate_images(tiny_processor.image_processor) == expected
        assert abs(estimate_tokens(one, tiny_processor, 1.0) - len(encoded)) < 130  # the frame of the prompt


def test_tiles_are_those_of_inference(tiny_processor: GotOcrProcessor) -> None:
    wide = picture(width=300, height=100)
    encoded = encode(conversation("OCR upon the patch reference: ", "x", images=[wide]), tiny_processor, 500)
    expected = tiny_processor(wide, crop=True)
    torch.testing.assert_close(encoded.pixel_values, expected["pixel_values"], rtol=0, atol=0)
    prompt_length = expected["input_ids"].shape[1]
    assert torch.equal(encoded.input_ids[:prompt_length], expected["input_ids"][0])


def test_too_long_is_refused_and_never_cut(tiny_processor: GotOcrProcessor) -> None:
    length = len(encode(conversation("OCR: ", "y" * 50), tiny_processor, 500))
    assert len(encode(conversation("OCR: ", "y" * 50), tiny_processor, length)) == length
    with pytest.raises(BadSampleError, match=rf"has {length} tokens with an image, at most {length - 1} are allowed"):
        encode(conversation("OCR: ", "y" * 50), tiny_processor, length - 1)
    pages = conversation("OCR: ", "y" * 50, images=[picture(), picture()])
    with pytest.raises(BadSampleError, match=r"tokens with 2 images, at most"):
        encode(pages, tiny_processor, length)
    with pytest.raises(BadSampleError, match=r"has 2 images, at most 1 are allowed"):
        encode(pages, tiny_processor, 500, max_images=1)
    tiled = conversation("OCR upon the patch reference: ", "y", images=[picture(width=300, height=100)])
    with pytest.raises(BadSampleError, match=r"has 4 images, at most 3 are allowed"):
        encode(tiled, tiny_processor, 500, max_images=3)


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({}, "plain"),
        ({"ocr_type": "format"}, "plain"),
        ({"box": [1, 2, 300, 400]}, "box"),
        ({"box": [1, 2], "ocr_type": "format"}, "box"),
        ({"color": "red"}, "color"),
        ({"crop": True}, "crop"),
        ({"crop": True, "ocr_type": "format"}, "crop"),
        ({"multi_page": True}, "multi-page"),
    ],
)
def test_mode_is_told_by_the_instruction(options: dict, mode: str) -> None:
    assert mode_of(instruction(Mode(**options), (1000, 1000))) == mode


def test_preview_shows_what_is_trained(tiny_processor: GotOcrProcessor) -> None:
    encoded = encode(conversation("OCR: ", "one\x1b[2J", "more?", "two"), tiny_processor, 500)
    each = tiny_processor.image_token_len
    expected = (
        f"{SYSTEM}<|im_start|>user\n<img><imgpad>*{each}</img>\nOCR: <|im_end|><|im_start|>assistant\n"
        "[[one\\x1b[2J<|im_end|>]]<|im_start|>user\nmore?<|im_end|><|im_start|>assistant\n[[two<|im_end|>]]"
    )
    assert mask_preview(encoded, tiny_processor) == expected
    in_color = mask_preview(encoded, tiny_processor, in_color=True)
    assert "\x1b[1;32mtwo<|im_end|>\x1b[0m" in in_color
    assert re.sub(r"\x1b\[[0-9;]*m", "", in_color) == expected.replace("[[", "").replace("]]", "")


def png_bytes() -> bytes:
    buffer = io.BytesIO()
    picture(1).save(buffer, "PNG")
    return buffer.getvalue()


# --- forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train.json", "train.jsonl"])
def test_files_are_read_entry_by_entry(tmp_path: Path, tiny_processor: GotOcrProcessor, name: str) -> None:
    path = write_set(tmp_path, 5, name, e2=entry("2.png", "OCR: ", "ÄÖÜ 中文 😀"))
    opened = open_set(path)
    assert [opened[number].turns[0][1][:6] for number in range(5)] == [
        "text 0", "text 1", "ÄÖÜ 中文", "text 3", "text 4",
    ]  # fmt: skip
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in range(5):
        origin = opened[number].origin
        assert origin.file == str(path) and origin.name == f"{number}.png"
        following = lines[origin.line - 1 : origin.line + 1]
        assert any(f'"{number}.png"' in line for line in following), "the line number is where the entry begins"
    assert all(isinstance(sample, Encoded) for sample in map(one_set(path, tiny_processor).__getitem__, range(5)))


def test_byte_order_mark_and_compact_list(tmp_path: Path) -> None:
    entries = [entry(f"{number}.png", "OCR: ", f"é{number}") for number in range(3)]
    for name, text in [
        ("list.json", json.dumps(entries, ensure_ascii=False, separators=(",", ":"))),
        ("lines.jsonl", "\n\n".join(json.dumps(one, ensure_ascii=False) for one in entries)),
    ]:
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        opened = open_set(tmp_path / name)
        assert [opened[number].turns[0][1] for number in range(len(opened))] == ["é0", "é1", "é2"]
    assert opened.origin(2).line == 5


def test_pictures_are_found_from_the_file_or_from_a_root(tmp_path: Path) -> None:
    path = write_set(tmp_path / "pictures", 1)
    moved = tmp_path / "elsewhere.json"
    moved.write_bytes(path.read_bytes())
    assert open_set(path)[0].images == (str(tmp_path / "pictures" / "0.png"),)
    assert open_set(moved, images=str(tmp_path / "pictures"))[0].images == (str(tmp_path / "pictures" / "0.png"),)


def test_folder_of_pages_is_read_in_natural_order(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    pages = tmp_path / "doc"
    pages.mkdir()
    for number in (10, 9, 1):
        picture(number).save(pages / f"page{number}.png")
    (pages / "notes.txt").write_text("no picture")
    question = "OCR with format across multi pages: "
    listed = [f"doc/page{number}.png" for number in (1, 9, 10)]
    for image in ("doc", "doc/", listed):
        (tmp_path / "train.json").write_text(json.dumps([entry(image, question, "text")]))
        encoded = one_set(tmp_path / "train.json", tiny_processor)[0]
        expected = tiny_processor([picture(1), picture(9), picture(10)], multi_page=True)
        torch.testing.assert_close(encoded.pixel_values, expected["pixel_values"], rtol=0, atol=0)


def test_folder_with_its_file_and_folder_of_texts(tmp_path: Path) -> None:
    write_set(tmp_path / "a", 3, "pages.json")
    for name in ("manifest.json", "pages.samples.jsonl", "pages.index.json"):  # as the data engine writes
        (tmp_path / "a" / name).write_text("{}")
    assert len(open_set(tmp_path / "a")) == 3
    write_set(tmp_path / "a", 1, "more.json")
    with pytest.raises(ValueError, match=r"holds 2 JSON files \(more.json, pages.json\): name the one"):
        open_set(tmp_path / "a")
    write_set(tmp_path / "a", 2, "conversations.json")
    assert len(open_set(tmp_path / "a")) == 2

    texts = tmp_path / "texts"
    (texts / "sub").mkdir(parents=True)
    for name in ("p10", "p9", "sub/p1", "alone"):
        picture().save(texts / f"{name}.png")
    (texts / "p10.gt.txt").write_text("ten\n")
    (texts / "p9.txt").write_text("nine")
    (texts / "sub" / "p1.mmd").write_text("\\(x\\)")
    opened = open_set(texts)
    assert [opened[number].turns[0] for number in range(len(opened))] == [
        ("OCR: ", "nine"), ("OCR: ", "ten"), ("OCR with format: ", "\\(x\\)"),
    ]  # fmt: skip
    assert opened.origin(0).name == "p9.png"


DATA_URI = "data:image/png;base64," + base64.b64encode(png_bytes()).decode()
FOREIGN = {
    "ms-swift": {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "<image>Read this"},
            {"role": "assistant", "content": "the text"},
        ],
        "images": ["0.png"],
    },
    "ms-swift, a picture as an object": {
        "messages": [{"role": "user", "content": "Read this"}, {"role": "assistant", "content": "the text"}],
        "images": [{"bytes": None, "path": "0.png"}],
    },
    "ms-swift, query and response": {"query": "<image>Read this", "response": "the text", "images": ["0.png"]},
    "sharegpt, roles of messages": {
        "image": "0.png",
        "conversations": [{"from": "user", "value": "<image>\nRead this"}, {"from": "assistant", "value": "the text"}],
    },
    "OpenAI": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Read this"},
                    {"type": "image_url", "image_url": {"url": "0.png", "detail": "high"}},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "the text"}]},
        ]
    },
    "OpenAI, data URI": {
        "messages": [
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": DATA_URI}}, {"type": "text", "text": "Read this"},
            ]},
            {"role": "assistant", "content": "the text"},
        ]
    },
    "transformers": {
        "messages": [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Read this"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "the text"}]},
        ],
        "images": ["0.png"],
    },
    "imagefolder": {"file_name": "0.png", "text": "the text", "question": "Read this"},
    "imagefolder, several": {"file_names": ["0.png"], "ground_truth": "the text", "prompt": "Read this"},
}  # fmt: skip


@pytest.mark.parametrize("form", FOREIGN)
@pytest.mark.parametrize("name", ["train.json", "metadata.jsonl"])
def test_other_trainers_forms_give_the_same_sample(
    tmp_path: Path, tiny_processor: GotOcrProcessor, form: str, name: str
) -> None:
    (tmp_path / "0.png").write_bytes(png_bytes())
    entry_ = FOREIGN[form]
    text = json.dumps([entry_]) if name.endswith(".json") else json.dumps(entry_) + "\n"
    (tmp_path / name).write_text(text)
    published = tmp_path / "published.txt"
    published.write_text(json.dumps(entry("0.png", "Read this", "the text")))
    for path in (tmp_path / name, tmp_path):  # the file, and the folder that it lies in
        (sample,) = (one_set(path, tiny_processor)[0],)
        assert isinstance(sample, Encoded), sample
        expected = one_set(published, tiny_processor)[0]
        assert torch.equal(sample.input_ids, expected.input_ids) and torch.equal(sample.labels, expected.labels)
        assert torch.equal(sample.pixel_values, expected.pixel_values)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_tables_hold_a_sample_a_row(
    tmp_path: Path, tiny_processor: GotOcrProcessor, suffix: str, delimiter: str
) -> None:
    for number in range(3):
        picture(number).save(tmp_path / f"{number}.png")
    rows = [
        ["file_name", "text", "note"],
        ["0.png", 'one, "two"\nthree', "x"],
        ["1.png", "Ä 中", ""],
        ["2.png", "", ""],
    ]
    with open(tmp_path / f"metadata{suffix}", "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    for path in (tmp_path / f"metadata{suffix}", tmp_path):
        opened = open_set(path)
        assert [opened[number].turns for number in range(2)] == [
            (("OCR: ", 'one, "two"\nthree'),), (("OCR: ", "Ä 中"),),
        ]  # fmt: skip
        assert opened.origin(1).line == 4 and opened[1].origin.name == "1.png"
        assert reason_of(one_set(path, tiny_processor), 2).startswith("turn 2 is an empty answer")
    (tmp_path / "odd.csv").write_text("picture,says\na.png,x\n")
    with pytest.raises(ValueError, match=r"no column holds the picture: name one .*\(picture, says\) 'image'"):
        open_set(tmp_path / "odd.csv")


@pytest.mark.parametrize(
    ("entry_", "reason"),
    [
        ({"messages": "x"}, "must have a list of messages"),
        (
            {"messages": [{"role": "assistant", "content": "x"}]},
            "message 1 must be of the role 'user', got 'assistant'",
        ),
        ({"messages": [{"role": "user", "content": "x"}], "images": ["0.png"]}, "turn 1, a question, has no answer"),
        ({"messages": [{"role": "system", "content": "x"}]}, "has no message of a user"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "message 1 has a part of the type 'input_audio': only texts and pictures are read",
        ),
        ({"query": "<image><image>x", "response": "y", "images": ["0.png"]}, "has 1 pictures, but <image> 2 times"),
        ({"query": "x", "response": "y"}, "must name its picture"),
        ({"file_name": "0.png", "text": 5}, "must have a text under 'text', got int"),
        ({"query": "x", "response": "y", "images": [{}]}, "has a picture with neither 'bytes' nor 'path' nor 'url'"),
    ],
)
def test_what_is_odd_in_other_forms_is_named(
    tmp_path: Path, tiny_processor: GotOcrProcessor, entry_: dict, reason: str
) -> None:
    (tmp_path / "train.json").write_text(json.dumps([entry_]))
    assert reason in reason_of(one_set(tmp_path / "train.json", tiny_processor), 0)


def test_rows_of_datasets(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    datasets = pytest.importorskip("datasets")
    for number in range(2):
        picture(number).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / f"{number}.png") for number in range(2)]
    by_text = datasets.Dataset.from_dict({"image": paths, "text": ["a", "b"]})
    by_text = by_text.cast_column("image", datasets.Image())
    rows = {"images": [paths, paths[:1]], "conversations": [turns("OCR: ", "pages"), turns("OCR: ", "page")]}
    by_turns = datasets.Dataset.from_dict(rows).cast_column("images", datasets.Sequence(datasets.Image()))
    expected = tiny_processor(picture(1))["pixel_values"]
    for rows, index, images in [(by_text, 1, 1), (by_turns, 0, 2)]:
        sample = ConversationDataset({"rows": DataSetConfig(rows)}, tiny_processor, 500)[index]
        assert sample.pixel_values.shape[0] == images and sample.origin.line == index + 1
        torch.testing.assert_close(sample.pixel_values[-1:], expected, rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"must have the columns 'image' or 'images', and .*got 'image'"):
        open_set(by_text.select_columns(["image"]))


def test_what_can_not_be_opened_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere: there is no such file or folder"):
        open_set(tmp_path / "nowhere")
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(ValueError, match=r"empty.json: holds no conversation"):
        open_set(tmp_path / "empty.json")
    broken = json.dumps([entry("a.png", "OCR: ", "x")] * 3, indent=1)
    (tmp_path / "broken.json").write_text(broken.replace('"gpt",', '"gpt"', 1))
    with pytest.raises(ValueError, match=r"broken.json, line 11: the list .* not valid JSON: Expecting ','"):
        open_set(tmp_path / "broken.json")
    (tmp_path / "cut.json").write_text(broken[:-20])
    with pytest.raises(ValueError, match=r"cut.json, line \d+: the list"):
        open_set(tmp_path / "cut.json")
    (tmp_path / "latin.json").write_bytes('[\n"é"]'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin.json, line 2: is not UTF-8"):
        open_set(tmp_path / "latin.json")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match=r"neither a conversation file .* nor a picture with its text beside it"):
        open_set(tmp_path / "bare")


# --- bad samples ----------------------------------------------------------------------------------------------------

QUESTION = {"from": "human", "value": "<image>\nOCR: "}
ANSWER = {"from": "gpt", "value": "x"}
BAD_ENTRIES = [
    ("a text", r"must be an object, got str"),
    ({"conversations": [QUESTION, ANSWER]}, r"must name its picture, pictures or folder under 'image', got None"),
    ({"image": ["0.png", 3], "conversations": [QUESTION, ANSWER]}, r"must name its picture"),
    ({"image": [], "conversations": [QUESTION, ANSWER]}, r"must name its picture"),
    ({"image": "0.png"}, r"must have a list of turns under 'conversations', got None"),
    ({"image": "0.png", "conversations": []}, r"must have a list of turns"),
    ({"image": "0.png", "conversations": [ANSWER, QUESTION]}, r"turn 1 must be from 'human', got 'gpt'"),
    ({"image": "0.png", "conversations": [QUESTION, ANSWER, ANSWER]}, r"turn 3 must be from 'human', got 'gpt'"),
    ({"image": "0.png", "conversations": [{"from": "system", "value": "x"}, ANSWER]}, r"turn 1 .* got 'system'"),
    ({"image": "0.png", "conversations": ["OCR: ", "x"]}, r"turn 1 must be from 'human', got None"),
    ({"image": "0.png", "conversations": [QUESTION]}, r"turn 1, a question, has no answer"),
    ({"image": "0.png", "conversations": [QUESTION, {"from": "gpt", "value": 5}]}, r"turn 2 must have a text .* 5"),
    ({"image": "0.png", "conversations": [QUESTION, {"from": "gpt", "value": " \n"}]}, r"turn 2 is an empty answer"),
    (
        {"image": "0.png", "conversations": [{"from": "human", "value": "OCR: "}, ANSWER]},
        r"the first turn must begin with <image>, got 'OCR: '",
    ),
    (entry("0.png", "<image>\nOCR: ", "x"), r"the first turn holds <image> twice"),
    (entry("0.png", "OCR: ", "x", "<image>\nand this?", "y"), r"turn 3 holds <image>, which only the first turn may"),
    (entry("missing.png", "OCR: ", "x"), r"missing.png: no such file"),
    (entry("broken.png", "OCR: ", "x"), r"broken.png: "),
    (entry("train.json", "OCR: ", "x"), r"train.json: "),
    (entry("none/", "OCR: ", "x"), r"none: can't be listed: No such file or directory"),
    (entry("bare/", "OCR: ", "x"), r"bare: holds no picture"),
    (entry("0.png", "OCR: ", "x" * 600), r"has \d+ tokens with an image, at most 500 are allowed \(max_tokens\)"),
    (entry(["0.png"] * 5, "OCR: ", "x"), r"has 5 images, at most 4 are allowed \(max_images\)"),
    (entry(["0.png", "0.png"], "[red] OCR: ", "x"), r"asks for a color with 2 images, which is for one picture"),
]


def test_every_sort_of_bad_sample_is_named(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    (tmp_path / "bare").mkdir()
    picture().save(tmp_path / "0.png")
    content = (tmp_path / "0.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "train.json").write_text(
        json.dumps([bad for bad, _ in BAD_ENTRIES], indent=None).replace("}, {", "},\n{")
    )
    dataset = one_set(tmp_path / "train.json", tiny_processor, max_images=4)
    for number, (_, reason) in enumerate(BAD_ENTRIES):
        assert re.search(reason, reason_of(dataset, number)), (number, reason_of(dataset, number))
        assert "\n" not in reason_of(dataset, number)
    assert dataset[16].origin.name == "missing.png" and dataset[16].origin.file == str(tmp_path / "train.json")
    assert (dataset.estimated_tokens() >= 0).all(), "a bad sample has a length to sort by, too"


def test_empty_answers_are_samples_where_a_set_says_so(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    picture().save(tmp_path / "0.png")
    blank = [entry("0.png", "OCR: ", ""), entry("0.png", "OCR: ", "x", "and below?", "")]
    (tmp_path / "train.json").write_text(json.dumps(blank))
    strict = one_set(tmp_path / "train.json", tiny_processor)
    assert reason_of(strict, 0).startswith("turn 2 is an empty answer (allow_empty: true ")
    assert reason_of(strict, 1).startswith("turn 4 is an empty answer")
    config = DataSetConfig(str(tmp_path / "train.json"), allow_empty=True)
    allowed = ConversationDataset({"blank": config}, tiny_processor, 500)
    samples = [allowed[0], allowed[1]]
    assert all(isinstance(sample, Encoded) for sample in samples)
    assert [decode_answers(sample, tiny_processor) for sample in samples] == [
        ["<|im_end|>"],
        ["x<|im_end|>", "<|im_end|>"],
    ]
    mixed = ConversationDataset({"strict": DataSetConfig(config.path), "blank": config}, tiny_processor, 500)
    assert [isinstance(mixed[index], Encoded) for index in range(4)] == [False, False, True, True]


def test_broken_line_of_json_lines_is_a_bad_sample(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    path = write_set(tmp_path, 3, "train.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:30], lines[2]]))
    dataset = one_set(path, tiny_processor)
    bad = dataset[1]
    assert isinstance(bad, BadSample) and bad.reason.startswith("is not valid JSON: ")
    assert str(bad.origin) == f"{path}:2"
    assert isinstance(dataset[0], Encoded) and isinstance(dataset[2], Encoded)


# --- mixes ----------------------------------------------------------------------------------------------------------


def test_mix_is_named_as_published(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    sets = {
        "pdf-ocr": DataSetConfig(str(write_set(tmp_path / "a", 10))),
        "scene-ocr": DataSetConfig(str(write_set(tmp_path / "b", 10)), share=0.8),
        "other": DataSetConfig(str(write_set(tmp_path / "c", 10)), count=3),
    }
    mixed = ConversationDataset(sets, tiny_processor, 500, mix="pdf-ocr+scene-ocr")
    assert mixed.summary() == [("pdf-ocr", 10, 10, 10), ("scene-ocr", 10, 8, 8)]
    assert len(ConversationDataset(sets, tiny_processor, 500)) == 21
    assert mixed.conversation(0).origin.file.endswith("a/train.json")
    assert mixed.conversation(17).origin.file.endswith("b/train.json")
    chosen = {mixed.conversation(index).origin.name for index in range(10, 18)}
    again = ConversationDataset(sets, tiny_processor, 500, mix="scene-ocr")
    assert chosen == {again.conversation(index).origin.name for index in range(8)}, "whatever it is mixed with"
    with pytest.raises(ValueError, match=r"names 'nope', which is not declared; declared are: pdf-ocr, scene-ocr"):
        parse_mix("pdf-ocr+nope", sets)
    with pytest.raises(ValueError, match=r"names 'other' twice: give the set a weight"):
        parse_mix("other+other", sets)
    with pytest.raises(IndexError, match=r"numbered 0..17, got 18"):
        mixed[18]


@pytest.mark.parametrize("weight", [1.0, 0.5, 0.3, 2.5])
def test_weights_see_every_sample_equally_often(
    tmp_path: Path, tiny_processor: GotOcrProcessor, weight: float
) -> None:
    path = write_set(tmp_path, 10)
    dataset = ConversationDataset({"one": DataSetConfig(str(path), weight=weight)}, tiny_processor, 500, seed=3)
    counts = np.zeros(10, dtype=int)
    for epoch in range(4):
        indices = dataset.epoch_indices(epoch)
        assert len(indices) == dataset.samples_per_epoch() == round(10 * weight)
        assert np.array_equal(indices, dataset.epoch_indices(epoch))
        counts += np.bincount(indices, minlength=10)
        assert counts.max() - counts.min() <= 1
    assert counts.sum() == 4 * round(10 * weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0}, "share must be above 0 and at most 1, got 0"),
        ({"share": 1.5}, "share must be above 0"),
        ({"count": 0}, "count must be 1 or more"),
        ({"weight": 0}, "weight must be above 0"),
    ],
)
def test_wrong_numbers_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataSetConfig("x.json", **options)
