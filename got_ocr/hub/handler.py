"""Inference Endpoints' custom handler: `push` puts this file into a repository, where it runs without this package.

Input: `{"inputs": picture, "parameters": {"ocr_type": "format", "ocr_box": [..], ...}}`, the picture as base64, as a
data: URI, as bytes, or as the PIL image that the endpoint makes of an image body; a list of them reads several.
Output: for each picture `generated_text` with its probabilities, lines and boxes.
"""

import base64
import binascii
from typing import Any

import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor

# What a request may say; all else (files to write, what to print) is not for strangers.
PARAMETERS = ("ocr_type", "ocr_box", "ocr_color", "slice_pages", "instruction", "multi_page", "max_new_tokens")
MAX_PICTURE_BYTES = 50_000_000
MAX_NEW_TOKENS = 4096


class EndpointHandler:
    """Reads pictures for an endpoint.

    Args:
        path: The repository's folder.
    """

    def __init__(self, path: str = "") -> None:
        has_cuda = torch.cuda.is_available()
        self.processor = AutoProcessor.from_pretrained(path, trust_remote_code=True)
        model = AutoModel.from_pretrained(path, trust_remote_code=True, dtype="auto" if has_cuda else torch.float32)
        self.model = model.to("cuda" if has_cuda else "cpu").eval()

    def __call__(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer a request.

        Args:
            data: `inputs`, and `parameters` where there are any.

        Returns:
            A dictionary a picture; with `error` alone where the request can't be answered.
        """
        try:
            return self._read(data.get("inputs"), data.get("parameters") or {})
        except (TypeError, ValueError) as error:
            return [{"error": " ".join(str(error).split())}]

    def _read(self, inputs: Any, parameters: Any) -> list[dict[str, Any]]:
        if not isinstance(parameters, dict) or not set(parameters) <= set(PARAMETERS):
            raise ValueError(f"parameters may be {', '.join(PARAMETERS)}, got {parameters!r:.200}.")
        longest = parameters.get("max_new_tokens", MAX_NEW_TOKENS)
        if isinstance(longest, bool) or not isinstance(longest, int) or not 1 <= longest <= MAX_NEW_TOKENS:
            raise ValueError(
                f"max_new_tokens must be a whole number from 1 to {MAX_NEW_TOKENS}, got {longest!r:.100}."
            )
        pictures = [decode_picture(one) for one in (inputs if isinstance(inputs, list) else [inputs])]
        answers = self.model.chat(self.processor, pictures, return_dict=True, **parameters)
        found = answers if isinstance(answers, list) else [answers]
        return [{"generated_text": answer.pop("text"), **answer} for answer in map(dict, found)]


def decode_picture(value: Any) -> Any:
    """Take a picture out of a request; a path or a URL is none.

    Args:
        value: Base64, a data: URI, bytes or a PIL image.

    Returns:
        Bytes or a PIL image.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, str):
        payload = value.partition(",")[2] if value.startswith("data:") else value
        try:
            value = base64.b64decode("".join(payload.split()), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(
                "inputs must be a picture in base64 or a data: URI; names and URLs are not opened."
            ) from None
    if not isinstance(value, bytes) or not value:
        raise ValueError(f"inputs must be a picture, or a list of them, got {type(value).__name__}.")
    if len(value) > MAX_PICTURE_BYTES:
        raise ValueError(f"a picture may have {MAX_PICTURE_BYTES:,} bytes, got {len(value):,}.")
    return value
