"""Read one picture: `python examples/read_page.py [PICTURE]`.

A picture is a path, an http(s) URL, bytes, a PIL image or a numpy array.
"""

import sys
from pathlib import Path

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor

# The built-in checkpoint reads clean printed English, offline. The full model: "stepfun-ai/GOT-OCR2_0".
CHECKPOINT = str(BUILTIN_CHECKPOINT)
SAMPLE = Path(__file__).resolve().parent / "images" / "sample_page.png"


def main() -> None:
    """Read the picture and print its text, then how sure the model is."""
    picture = sys.argv[1] if len(sys.argv) > 1 else SAMPLE
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(CHECKPOINT)
    answer = model.chat(processor, picture, ocr_type="ocr", return_dict=True)
    print(answer["text"])
    print(
        f"\nmean probability {answer['mean_probability']:.3f}, finished by {answer['finish_reason']}", file=sys.stderr
    )


if __name__ == "__main__":
    main()
