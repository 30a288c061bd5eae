"""Eight small pictures with short texts, and sizes of a model that learns them by heart in seconds."""

import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

TEXTS = ("one", "seven 7", "GOT", "page 12", "a+b", "Ende.", "x y z", "(42)")
VOCABULARY = Path(__file__).resolve().parents[2] / "got_ocr" / "assets" / "nano"

# 64 x 64 pixels, 4 image tokens; a windowed and a global block; two decoder layers.
TINY_MODEL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 256,
    "rope_theta": 10000.0,
    "initializer_range": 0.1,  # at 0.02 so narrow a tower tells no picture from another
    "vision_config": {
        "image_size": 64,
        "patch_size": 8,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "mlp_dim": 96,
        "window_size": 4,
        "global_attn_indexes": [1],
        "output_channels": 32,
        "compressor_channels": [48, 64],
    },
}


def write_conversations(folder: Path, texts: tuple[str, ...] = TEXTS, questions: tuple[str, ...] = ("OCR: ",)) -> Path:
    """Draw each text and write the published conversation form; returns the JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, text in enumerate(texts):
        picture = Image.new("RGB", (64, 64), "white")
        font = ImageFont.load_default(16)
        ImageDraw.Draw(picture).text((3, 6 + 5 * (number % 8)), text, fill="black", font=font)
        picture.save(folder / f"{number}.png")
        question = questions[number % len(questions)]
        entries.append(
            {
                "image": f"{number}.png",
                "conversations": [
                    {"from": "human", "value": f"<image>\n{question}"},
                    {"from": "gpt", "value": text},
                ],
            }
        )
    path = folder / "conversations.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def tiny_fields(data: Path, **fields: Any) -> dict[str, Any]:
    """Fields of a training configuration for a CPU: stage 1 from nothing, unless `fields` say otherwise."""
    base: dict[str, Any] = {
        "stage": 1,
        "model": {"overrides": TINY_MODEL, "tokenizer": str(VOCABULARY)},
        "data": {"sets": {"eight": {"path": str(data)}}, "max_tokens": 128, "workers": 0},
        "optimisation": {
            "learning_rate": 3e-3,
            "batch_per_device": 8,
            "accumulation_steps": 1,
            "warmup_share": 0.05,
            "max_steps": 300,
        },
        "run": {"device": "cpu", "precision": "float32", "gradient_checkpointing": False},
        "saving": {"every_steps": 1000},
        "logging": {"tensorboard": False},
    }
    for name, value in fields.items():
        base[name] = {**base[name], **value} if isinstance(value, dict) and name in base else value
    return base
