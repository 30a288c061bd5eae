"""What only vLLM can show: the same tokens as our own generation, from checkpoints of every layout.

Run in an environment that has vLLM, by tests/vllm_compat.py (`make test-vllm`). Engines are made in this process, one
after the other, but for the server, which is `vllm serve` as anybody starts it.
"""
# ruff: noqa: E402  vLLM looks at the environment when it is imported.

import base64
import io
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # Compiling takes longer than all that is generated here.

import pytest

vllm = pytest.importorskip("vllm")

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from got_ocr import BUILTIN_CHECKPOINT, GotOcrConfig, GotOcrForConditionalGeneration, GotOcrProcessor, Mode, Reader
from got_ocr.processing.image_processor import GotOcrImageProcessor
from got_ocr.processing.tokenizer import SPECIAL_TOKENS, GotOcrTokenizer
from got_ocr.reading.engine_model import EngineModel
from got_ocr.reading.generating import Generation
from got_ocr.reading.options import ReadingOptions
from got_ocr.serving.vllm.engine import VllmEngine, make_sampling_parameters, split_rows
from tests.support.layouts import LAYOUTS, write_checkpoint
from tests.support.vocabularies import write_port_folder

ROOT = Path(__file__).resolve().parents[2]
ENGINE = {"enforce_eager": True, "dtype": "float32", "max_num_seqs": 16, "distributed_executor_backend": "uni"}
NEW_TOKENS = 24
ALL_LAYOUTS = (*LAYOUTS, "own")
# A batch as it comes: every mode, with 1, 2, 3 and up to 7 images a prompt.
MODES = (
    *(Mode(), Mode("format"), Mode(box=(5, 5, 60, 50)), Mode("format", box=(20, 30))),
    *(Mode(color="red"), Mode("format", color="blue"), Mode(crop=True), Mode("format", crop=True, max_tiles=4)),
    *(Mode(multi_page=True), Mode(instruction="What does it say?")),
)
SIZES = ((90, 70), (300, 70), (70, 300), (200, 200), (128, 128), (41, 999))


def noise(seed, size=(90, 70)):
    width, height = size
    values = torch.randint(0, 255, (height, width, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(values.byte().numpy())


def draw_slice(text, height=64):
    """A line as the built-in model is shown it."""
    image = Image.new("RGB", (192, height), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(text.split("\n")):
        draw.text((8, 8 + 27 * number), line, fill="black", font=ImageFont.load_default(20))
    return image


def make_small_model():
    """Random weights in all places; heads as wide as vLLM's kernels know them."""
    tokenizer = GotOcrTokenizer(BUILTIN_CHECKPOINT / "qwen.tiktoken")
    ids = tokenizer.special_ids
    vision = {"image_size": 128, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 64}
    vision |= {"window_size": 3, "global_attn_indexes": [1], "output_channels": 32, "compressor_channels": [64, 64]}
    config = GotOcrConfig(
        vision_config=vision,
        vocab_size=tokenizer.num_ranks + len(SPECIAL_TOKENS),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        im_start_token=ids["<img>"],
        im_end_token=ids["</img>"],
        im_patch_token=ids["<imgpad>"],
        turn_end_token_id=ids["<|im_end|>"],
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), ids["<|endoftext|>"]),
    )
    torch.manual_seed(1)
    model = GotOcrForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    processor = GotOcrProcessor(GotOcrImageProcessor(128, max_tiles=6), tokenizer, config.image_token_len)
    return model, processor


@pytest.fixture(scope="module")
def small():
    return make_small_model()


@pytest.fixture(scope="module")
def folders(small, tmp_path_factory):
    """A checkpoint in each layout, with the tokenizer that people keep beside it."""
    model, processor = small
    root = tmp_path_factory.mktemp("layouts")
    for layout in LAYOUTS:
        folder = write_checkpoint(model, root / layout, layout)
        if layout.startswith("transformers"):
            write_port_folder(folder, processor.tokenizer, processor.tokenizer.num_ranks, size=128)
            continue
        processor.tokenizer.save_pretrained(folder)
        for file in folder.glob("*got_ocr*.py"):
            file.unlink()
    model.save_pretrained(root / "own")
    processor.save_pretrained(root / "own")
    return {layout: root / layout for layout in ALL_LAYOUTS}


@pytest.fixture
def make_engine():
    """Make an engine in this process; it is gone when the test ends."""
    made = []

    def make(folder, **options):
        made.append(vllm.LLM(str(folder), **{**ENGINE, **options}))
        return made[-1]

    yield make
    from vllm.distributed import cleanup_dist_env_and_memory

    for engine in made:
        engine.llm_engine.engine_core.shutdown()
    made.clear()
    cleanup_dist_env_and_memory()


def prepare(processor, modes):
    """Sixteen prompts of mixed modes and sizes, each by itself."""
    batch = []
    for number in range(16):
        mode = modes[number % len(modes)]
        pages = [noise(number + 100 * page, SIZES[(number + page) % len(SIZES)]) for page in range(2)]
        mode = mode if mode.box is None else Mode(mode.ocr_type, box=tuple(value * 0.5 for value in mode.box))
        document = [pages] if mode.multi_page else pages[:1]
        batch.append((mode, processor(document, mode=mode)))
    return batch


def generate_ours(model, inputs, ngram_size):
    length = inputs["input_ids"].shape[1]
    stops = model.config.stop_token_ids
    tokens = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, no_repeat_ngram_size=ngram_size)
    answer = tokens[0, length:].tolist()
    end = next((place + 1 for place, token in enumerate(answer) if token in stops), len(answer))
    return answer[:end]


def ask(config, inputs, ngram_size):
    """A request with pixel values that are made already."""
    (row,) = split_rows(inputs, config)
    prompt = {"prompt_token_ids": row.prompt, "multi_modal_data": {"image": row.images}}
    parameters = make_sampling_parameters(Generation(NEW_TOKENS, ngram_size=ngram_size), NEW_TOKENS)
    parameters.output_kind = vllm.sampling_params.RequestOutputKind.FINAL_ONLY
    return prompt, parameters


@pytest.mark.parametrize("layout", ALL_LAYOUTS)
def test_tokens_are_ours_alone_and_in_a_mixed_batch(layout, folders, small, make_engine):
    model, processor = small
    batch = prepare(processor, MODES)
    ngram_sizes = [0 if mode.crop or mode.multi_page else 3 for mode, _ in batch]
    expected = [generate_ours(model, inputs, size) for (_, inputs), size in zip(batch, ngram_sizes, strict=True)]
    engine = make_engine(folders[layout])
    asked = [ask(model.config, inputs, size) for (_, inputs), size in zip(batch, ngram_sizes, strict=True)]
    prompts, parameters = [one[0] for one in asked], [one[1] for one in asked]
    together = engine.generate(prompts, parameters, use_tqdm=False)
    whole = [inputs["input_ids"][0].tolist() for _, inputs in batch]
    assert [output.prompt_token_ids for output in together] == whole
    assert [list(output.outputs[0].token_ids) for output in together] == expected
    for number in (0, 6, 8):
        (alone,) = engine.generate([prompts[number]], [parameters[number]], use_tqdm=False)
        assert list(alone.outputs[0].token_ids) == expected[number]
    assert len({tuple(tokens) for tokens in expected}) > 8


@pytest.mark.parametrize("sharing", ["weights", "data"])
def test_tokens_are_ours_where_two_processes_share_the_work(sharing, folders, small, make_engine):
    model, processor = small
    batch = prepare(processor, MODES)
    ngram_sizes = [0 if mode.crop or mode.multi_page else 3 for mode, _ in batch]
    expected = [generate_ours(model, inputs, size) for (_, inputs), size in zip(batch, ngram_sizes, strict=True)]
    split = {"tensor_parallel_size": 2, "mm_encoder_tp_mode": sharing}  # "data": the pictures are shared out, too.
    engine = make_engine(folders["got"], distributed_executor_backend="mp", **split)
    asked = [ask(model.config, inputs, size) for (_, inputs), size in zip(batch, ngram_sizes, strict=True)]
    outputs = engine.generate([one[0] for one in asked], [one[1] for one in asked], use_tqdm=False)
    assert [list(output.outputs[0].token_ids) for output in outputs] == expected
    assert engine.llm_engine.vllm_config.parallel_config.world_size == 2


def test_a_picture_in_tiles_is_read_however_few_tokens_a_step_has(folders, small, make_engine):
    model, processor = small
    page, mode = noise(5, (300, 200)), Mode(crop=True)
    inputs = processor([page], mode=mode)
    tokens = inputs["input_ids"][0].tolist()
    assert len(inputs["pixel_values"]) == 7 and tokens.count(model.config.im_patch_token) > 16
    engine = make_engine(folders["own"], max_num_batched_tokens=16)
    parameters = engine.get_default_sampling_params()
    parameters.max_tokens = NEW_TOKENS
    chat = [{"role": "user", "content": [{"type": "image_pil", "image_pil": page}]}]
    tiles = {"mm_processor_kwargs": {"crop": True}, "chat_template_kwargs": {"crop": True}}
    (output,) = engine.chat(chat, parameters, use_tqdm=False, **tiles)
    assert output.prompt_token_ids == tokens
    assert list(output.outputs[0].token_ids) == generate_ours(model, inputs, 0)


@pytest.mark.parametrize("layout", ["got", "transformers"])
def test_chats_are_written_as_ours_and_pictures_prepared_alike(layout, folders, small, make_engine):
    model, processor = small
    engine = make_engine(folders[layout])
    page, other = noise(1, (300, 200)), noise(2)
    tiles = {"mm_processor_kwargs": {"crop": True, "max_tiles": 4}, "chat_template_kwargs": {"crop": True}}
    cases = [
        ([page], None, {}, Mode()),
        ([page], "OCR with format: ", {}, Mode("format")),
        ([page], "[red] OCR: ", {}, Mode(color="red")),
        ([page], "<|im_end|> is <imgpad>?", {}, Mode(instruction="<|im_end|> is <imgpad>?")),
        ([page], None, tiles, Mode(crop=True, max_tiles=4)),
        ([page, other], None, {}, Mode(multi_page=True)),
    ]
    for pictures, text, options, mode in cases:
        content = [{"type": "image_pil", "image_pil": picture} for picture in pictures]
        content += [] if text is None else [{"type": "text", "text": text}]
        parameters = engine.get_default_sampling_params()
        parameters.max_tokens = NEW_TOKENS
        (output,) = engine.chat([{"role": "user", "content": content}], parameters, use_tqdm=False, **options)
        inputs = processor([pictures] if mode.multi_page else pictures, mode=mode)
        assert output.prompt_token_ids == inputs["input_ids"][0].tolist(), text
        ngram_size = 0 if mode.crop or mode.multi_page else 20
        assert list(output.outputs[0].token_ids) == generate_ours(model, inputs, ngram_size), text


def test_defaults_that_pay_and_the_switch_for_them(folders, make_engine, monkeypatch):
    engine = make_engine(folders["own"])
    config = engine.llm_engine.vllm_config
    assert not config.cache_config.enable_prefix_caching
    assert config.model_config.multimodal_config.mm_processor_cache_gb == 0
    assert engine.get_default_sampling_params().temperature == 0
    monkeypatch.setenv("GOT_OCR_VLLM_DEFAULTS", "0")
    from got_ocr.serving.vllm.defaults import is_on

    assert not is_on()


def test_an_adapter_changes_the_answer_as_it_does_ours(folders, small, make_engine, tmp_path):
    peft = pytest.importorskip("peft")
    model, processor = small
    settings = peft.LoraConfig(r=8, lora_alpha=64, target_modules=r"model\.layers\..*(q_proj|v_proj|down_proj)")
    tuned = peft.get_peft_model(GotOcrForConditionalGeneration.from_pretrained(folders["own"]), settings)
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    tuned.save_pretrained(tmp_path / "adapter")
    inputs = processor([noise(3)])
    base, adapted = generate_ours(model, inputs, 20), generate_ours(tuned.eval().merge_and_unload(), inputs, 20)
    assert base != adapted
    engine = make_engine(folders["own"], enable_lora=True, max_lora_rank=8)
    from vllm.lora.request import LoRARequest

    prompt, parameters = ask(model.config, inputs, 20)
    request = LoRARequest("tuned", 1, str(tmp_path / "adapter"))
    (with_it,) = engine.generate([prompt], [parameters], lora_request=request, use_tqdm=False)
    (without,) = engine.generate([prompt], [parameters], use_tqdm=False)
    assert list(with_it.outputs[0].token_ids) == adapted
    assert list(without.outputs[0].token_ids) == base


def test_the_encoder_s_graphs_are_asked_and_filled_in_one_shape(folders, small, make_engine):
    from vllm.model_executor.models.interfaces import supports_encoder_cudagraph, supports_lora, supports_multimodal

    engine = make_engine(folders["own"])
    served = engine.llm_engine.model_executor.driver_worker.worker.model_runner.model
    assert supports_encoder_cudagraph(served) and supports_lora(served) and supports_multimodal(served)
    model, processor = small
    pictures = [noise(1), noise(2, (300, 90))]
    parts = [processor([picture], mode=Mode(crop=True, max_tiles=4))["pixel_values"] for picture in pictures]
    kwargs = {"pixel_values": parts}
    specs = served.get_encoder_cudagraph_item_specs(kwargs)
    tokens = model.config.image_token_len
    assert [spec.output_tokens for spec in specs] == [len(part) * tokens for part in parts]
    buffer = served.prepare_encoder_cudagraph_capture_inputs(8 * tokens, 8, 1, torch.device("cpu"), torch.float32)
    new = served.prepare_encoder_cudagraph_replay_buffers(kwargs, 8, 1).values["pixel_values"]
    buffer.values["pixel_values"][: len(new)] = new
    with torch.no_grad():
        graph = served.encoder_cudagraph_forward(buffer.values)
        expected = model.get_image_features(torch.cat(parts)).pooler_output.flatten(0, 1)
        eager = served.encoder_eager_forward(served.select_encoder_cudagraph_items(kwargs, [1, 0]))
    torch.testing.assert_close(graph[: len(expected)], expected, atol=1e-4, rtol=1e-4)
    first = len(parts[0]) * tokens
    torch.testing.assert_close(eager, torch.cat([expected[first:], expected[:first]]), atol=1e-4, rtol=1e-4)


class Runner:
    """The tokens of requests as vLLM's second model runner holds them, beside the lists of the first."""

    def __init__(self, places, room):
        self.tokens = torch.zeros(places, room, dtype=torch.int32)
        self.prompt_len = np.zeros(places, dtype=np.int64)
        self.prefill_len = np.zeros(places, dtype=np.int64)
        self.lists = {}

    def states(self):
        held = {name: SimpleNamespace(np=getattr(self, name)) for name in ("prompt_len", "prefill_len")}
        tokens = SimpleNamespace(gpu=self.tokens)
        return SimpleNamespace(all_token_ids=tokens, max_num_reqs=len(self.tokens), device=torch.device("cpu"), **held)

    def put(self, place, tokens):
        start = sum(map(len, self.lists[place]))
        self.tokens[place, start : start + len(tokens)] = torch.tensor(tokens, dtype=torch.int32)

    def context(self, places):
        lengths = np.array([sum(map(len, self.lists[place])) for place in places])
        return SimpleNamespace(
            expanded_idx_mapping=torch.tensor(places, dtype=torch.int32),
            idx_mapping_np=np.array(places),
            pos=torch.from_numpy(lengths - 1),
            seq_lens_upper_bound_np=lengths,
        )


def test_both_model_runners_ban_alike(small):
    from vllm.v1.sample.logits_processor.interface import BatchUpdate

    from got_ocr.serving.vllm.blocking import GotOcrLogitsProcessor
    from got_ocr.serving.vllm.device_blocking import GotOcrDeviceLogitsProcessor

    model, _ = small
    config = model.config
    engine = SimpleNamespace(model_config=SimpleNamespace(hf_config=config))
    runner = Runner(6, 900)
    first = GotOcrLogitsProcessor(engine, torch.device("cpu"), False)
    second = GotOcrDeviceLogitsProcessor(engine, runner.states())
    rng = random.Random(4)
    pads = [config.im_patch_token] * config.image_token_len
    asked = [{"no_repeat_ngram_size": 2}, {}, {"stop_loops": 0}, {"suppressed_tokens": [3, 5]}, {}]
    places = [4, 0, 5, 1, 2]
    added = []
    for row, (place, args) in enumerate(zip(places, asked, strict=True)):
        prompt, output = [1, *pads * (1 + row % 2), 2, 3], []
        parameters = SimpleNamespace(extra_args=args)
        runner.lists[place] = ([], [])
        runner.put(place, prompt)
        runner.lists[place] = (prompt, output)
        runner.prompt_len[place] = runner.prefill_len[place] = len(prompt)
        second.add_request(place, parameters)
        added.append((row, parameters, prompt, output))
    first.update_state(BatchUpdate(len(places), [], added, []))
    second.apply_staged_writes()
    bans = ends = 0
    for step in range(330):
        logits = torch.randn(len(places), config.vocab_size, generator=torch.Generator().manual_seed(step))
        one, other = first.apply(logits.clone()), second.apply(logits.clone(), runner.context(places))
        assert torch.equal(one, other), step
        bans += int(torch.isinf(one).sum())
        ends += int((one[:, config.turn_end_token_id] == 0).sum())
        for row, place in enumerate(places):
            # Random letters, and a loop of 3 tokens in one request that may and one that may not go on.
            token = [rng.randrange(6), step % 3, step % 3, rng.randrange(9), step % 3][row]
            runner.put(place, [token])
            runner.lists[place][1].append(token)
        first.update_state(None)
    assert bans > 100 and ends > 0


@pytest.fixture(scope="module")
def nano():
    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    return model, GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)


LINES = tuple(f"Line {number} of {word}\nwith {number * 37} more" for number, word in enumerate(("text", "page") * 8))


def test_slices_of_the_built_in_model_in_a_batch_of_sixteen(nano, make_engine):
    model, processor = nano
    slices = [draw_slice(text, (64, 96, 128, 192)[number % 4]) for number, text in enumerate(LINES)]
    modes = [Mode("format") if number % 3 == 0 else Mode() for number in range(16)]
    batch = [processor([one], mode=mode, low_canvases=True) for one, mode in zip(slices, modes, strict=True)]
    expected = [generate_ours(model, inputs, 0) for inputs in batch]
    assert all("Line" in processor.tokenizer.decode(tokens) for tokens in expected)
    engine = make_engine(BUILTIN_CHECKPOINT)
    asked = [ask(model.config, inputs, 0) for inputs in batch]
    outputs = engine.generate([one[0] for one in asked], [one[1] for one in asked], use_tqdm=False)
    assert [list(output.outputs[0].token_ids) for output in outputs] == expected


@pytest.fixture(scope="module")
def reading_engine():
    made = VllmEngine(str(BUILTIN_CHECKPOINT))
    yield EngineModel(made)
    made.close()


def test_whole_pages_of_the_built_in_model_by_the_reader(nano, reading_engine):
    model, processor = nano
    page = Image.open(ROOT / "examples" / "images" / "sample_page.png").convert("RGB")
    cases = (Mode(), Mode("format"), Mode(box=(40, 40, 700, 400)))
    for mode in cases:
        by_vllm, ours = (Reader(one, processor).read(page, mode)[0] for one in (reading_engine, model))
        assert by_vllm.text == ours.text and by_vllm.text
        assert by_vllm.mean_probability == pytest.approx(ours.mean_probability, abs=1e-3)
        assert [line.box for line in by_vllm.lines] == [line.box for line in ours.lines]
    pieces = list(Reader(reading_engine, processor).stream(page))
    assert "".join(pieces).strip() == Reader(model, processor).read(page)[0].text and len(pieces) > 1


def test_whole_pictures_stream_and_are_bounded(nano, reading_engine):
    model, processor = nano
    picture, mode = draw_slice(LINES[3], 192), Mode(slice_pages=False)
    ours = Reader(model, processor).read(picture, mode)[0]
    assert "".join(Reader(reading_engine, processor).stream(picture, mode)).strip() == ours.text
    short = Reader(reading_engine, processor, ReadingOptions(max_new_tokens=3)).read(picture, mode)[0]
    assert (short.finish_reason, short.num_tokens) == ("length", 3)
    assert ours.text.startswith(short.text)
    beams = Reader(reading_engine, processor, ReadingOptions(generation={"num_beams": 3}))
    with pytest.raises(ValueError, match="vLLM has no num_beams"):
        beams.read(picture, mode)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`vllm serve` of the built-in model, with no more than its name."""
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(BUILTIN_CHECKPOINT)]
    command += ["--port", str(port), "--host", "127.0.0.1", "--enforce-eager", "--dtype", "float32"]
    environment = {name: value for name, value in os.environ.items() if name != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    try:
        for _ in range(2400):
            if process.poll() is not None:
                pytest.fail(log.read_text()[-3000:])
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def as_uri(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_the_official_client_is_answered(nano, server):
    from openai import OpenAI

    model, processor = nano
    client = OpenAI(base_url=server, api_key="none", timeout=600)
    name = client.models.list().data[0].id
    picture, other = draw_slice(LINES[1], 192), draw_slice(LINES[2], 192)
    cases = [
        ([picture], None, Mode()),
        ([picture], "OCR with format: ", Mode("format")),
        ([picture], "[20, 10, 900, 400] OCR: ", None),
        ([picture, other], None, Mode(multi_page=True)),
    ]
    for pictures, text, mode in cases:
        content = [{"type": "image_url", "image_url": {"url": as_uri(one)}} for one in pictures]
        content += [] if text is None else [{"type": "text", "text": text}]
        asked = {"model": name, "messages": [{"role": "user", "content": content}], "max_tokens": 40}
        answer = client.chat.completions.create(**asked, extra_body={"return_token_ids": True})
        mode = mode or Mode(instruction=text)
        inputs = processor([pictures] if len(pictures) > 1 else pictures, mode=mode)
        tokens = model.generate(**inputs, max_new_tokens=40)[0, inputs["input_ids"].shape[1] :].tolist()
        expected = processor.tokenizer.decode(tokens, skip_special_tokens=True)
        assert answer.choices[0].message.content == expected
        given = json.loads(answer.model_dump_json())["choices"][0].get("token_ids")
        assert given is None or given == tokens
        pieces = [
            piece.choices[0].delta.content or ""
            for piece in client.chat.completions.create(**asked, stream=True)
            if piece.choices
        ]
        assert "".join(pieces) == expected


def test_a_wrong_request_of_the_server_is_a_clear_400(server):
    from openai import BadRequestError, OpenAI

    client = OpenAI(base_url=server, api_key="none", timeout=600)
    content = [{"type": "image_url", "image_url": {"url": as_uri(draw_slice("x"))}}]
    with pytest.raises(BadRequestError, match="no_repeat_ngram_size must be a whole number"):
        client.chat.completions.create(
            model=client.models.list().data[0].id,
            messages=[{"role": "user", "content": content}],
            extra_body={"vllm_xargs": {"no_repeat_ngram_size": -4}},
        )
