"""Predictions for Label Studio: lines with their boxes and texts, to be corrected by people.

    python examples/doors/label_studio_backend.py pages/*.png > predictions.json

writes tasks with predictions that Label Studio imports (Import > predictions.json), for the labelling interface below.
`predict(path)` is what an ML backend's `predict` returns for a task. Needs nothing but got-ocr; the test compares the
result with what `label-studio-sdk` accepts.
"""

import json
import sys
from pathlib import Path
from typing import Any

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor, load_image

CHECKPOINT = str(BUILTIN_CHECKPOINT)
INTERFACE = """<View>
  <Image name="image" value="$ocr"/>
  <Labels name="label" toName="image"><Label value="Line"/></Labels>
  <Rectangle name="bbox" toName="image" strokeWidth="2"/>
  <TextArea name="transcription" toName="image" editable="true" perRegion="true" displayMode="region-list"/>
</View>"""


def predict(model: Any, processor: Any, path: str | Path) -> dict[str, Any]:
    """Read a page. Returns: a prediction: three results a line, as the interface has them."""
    picture = load_image(path)
    (answer,) = model.read(processor, [picture])
    results = []
    for number, line in enumerate(answer.lines):
        if line.box is None:
            continue
        x1, y1, x2, y2 = line.box
        place = {
            "x": 100 * x1 / picture.width,
            "y": 100 * y1 / picture.height,
            "width": 100 * (x2 - x1) / picture.width,
            "height": 100 * (y2 - y1) / picture.height,
            "rotation": 0,
        }
        common = {"id": f"line{number}", "to_name": "image", "original_width": picture.width}
        common |= {"original_height": picture.height, "image_rotation": 0, "score": line.confidence}
        values = {
            "bbox": ("rectangle", place),
            "label": ("labels", {**place, "labels": ["Line"]}),
            "transcription": ("textarea", {**place, "text": [line.text]}),
        }
        results += [
            {**common, "from_name": name, "type": kind, "value": value} for name, (kind, value) in values.items()
        ]
    return {"model_version": "got-ocr", "score": answer.mean_probability or 0.0, "result": results}


def main() -> None:
    """Print tasks with predictions for the pictures named."""
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(CHECKPOINT)
    tasks = [{"data": {"ocr": path}, "predictions": [predict(model, processor, path)]} for path in sys.argv[1:]]
    json.dump(tasks, sys.stdout, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
