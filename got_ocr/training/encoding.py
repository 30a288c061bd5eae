"""A conversation to the model's tensors, with labels on what the assistant says and nothing else.

A prompt is encoded part by part, as at inference, so text in a question or an answer never becomes a special token.

Shape legend:
    T  tokens of the conversation
    I  its images: pictures, tiles or pages
    S  side of an image, in pixels
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.prompt import PromptPart, assistant_parts, system_parts, user_parts
from got_ocr.training.bad_samples import BadSampleError, Origin
from got_ocr.training.conversations import Conversation

# What torch's cross entropy and every transformers model leave out of the loss.
IGNORED_LABEL = -100


@dataclass(frozen=True)
class Encoded:
    """A sample as tensors.

    Attributes:
        input_ids: (T,) int64.
        labels: (T,) int64: the ids of each answer and its closing ``<|im_end|>``, IGNORED_LABEL elsewhere. The shift
            by one is the model's.
        pixel_values: (I, 3, S, S) float32, CLIP-normalised.
        origin: Where it stands.
    """

    input_ids: Tensor
    labels: Tensor
    pixel_values: Tensor
    origin: Origin

    def __len__(self) -> int:
        """Tokens."""
        return int(self.input_ids.shape[0])


def encode(
    conversation: Conversation,
    processor: GotOcrProcessor,
    max_tokens: int,
    max_images: int | None = None,
    allow_empty: bool = False,
) -> Encoded:
    """Make tensors of a conversation.

    Args:
        conversation: The conversation.
        processor: Of the model that is trained.
        max_tokens: Most tokens, image tokens included. Nothing is ever cut off.
        max_images: Most pictures, tiles or pages; None: any number.
        allow_empty: Whether an answer may be empty: a blank page reads as nothing.

    Returns:
        The tensors.

    Raises:
        BadSampleError: If a picture can't be had, an answer is empty, or there are too many tokens or images.
    """
    if not allow_empty:
        conversation.check_answers()
    # Text first: it is cheap, and refuses what is too long whatever the pictures are.
    ids, labels = encode_turns(conversation.turns, 1, processor)
    _check_length(len(ids), max_tokens, 1)
    pictures = conversation.load_images(processor.image_processor, max_images)
    if len(pictures) > 1:
        ids, labels = encode_turns(conversation.turns, len(pictures), processor)
        _check_length(len(ids), max_tokens, len(pictures))
    pixel_values = processor.image_processor(pictures, return_tensors="pt")["pixel_values"]
    return Encoded(torch.tensor(ids), torch.tensor(labels), pixel_values, conversation.origin)


def encode_turns(
    turns: tuple[tuple[str, str], ...], num_images: int, processor: GotOcrProcessor
) -> tuple[list[int], list[int]]:
    """Encode questions and answers.

    Args:
        turns: Questions with their answers.
        num_images: Images that stand before the first question.
        processor: Has the vocabulary and the number of place holders of an image.

    Returns:
        The ids and the labels, equally many.
    """
    ids = processor.encode_parts(system_parts())
    labels = [IGNORED_LABEL] * len(ids)
    for number, (question, answer) in enumerate(turns):
        user = user_parts(question, num_images if number == 0 else 0, processor.image_token_len)
        head, said = _cut_head(assistant_parts(answer))
        asked_ids = processor.encode_parts([*user, *head])
        said_ids = processor.encode_parts(said)
        ids += asked_ids + said_ids
        labels += [IGNORED_LABEL] * len(asked_ids) + said_ids
    return ids, labels


def estimate_tokens(conversation: Conversation, processor: GotOcrProcessor, tokens_per_byte: float) -> int:
    """Guess a sample's length without loading pictures or encoding text, good enough to sort by.

    Args:
        conversation: The sample.
        processor: Has the number of place holders of an image.
        tokens_per_byte: Of text, see :func:`measure_tokens_per_byte`.

    Returns:
        Tokens of its images and texts, about, without those that every prompt has.
    """
    num_images = conversation.estimate_images(processor.image_processor)
    return num_images * processor.image_token_len + round(conversation.num_text_bytes * tokens_per_byte)


def measure_tokens_per_byte(conversations: list[Conversation], processor: GotOcrProcessor) -> float:
    """Measure how many tokens the vocabulary makes of a byte of text.

    Args:
        conversations: Some samples.
        processor: Has the vocabulary.

    Returns:
        Tokens a byte; 1.0 where there is no text.
    """
    num_bytes = sum(conversation.num_text_bytes for conversation in conversations)
    texts = [text for conversation in conversations for turn in conversation.turns for text in turn]
    return sum(len(processor.encode_text(text)) for text in texts) / num_bytes if num_bytes else 1.0


def _cut_head(parts: list[PromptPart]) -> tuple[list[PromptPart], list[PromptPart]]:
    """Part a turn of the assistant: what the prompt ends with at inference, and what the model writes."""
    num_head = len(assistant_parts())
    return parts[:num_head], parts[num_head:]


def _check_length(num_tokens: int, max_tokens: int, num_images: int) -> None:
    if num_tokens > max_tokens:
        images = "an image" if num_images == 1 else f"{num_images} images"
        raise BadSampleError(f"has {num_tokens} tokens with {images}, at most {max_tokens} are allowed (max_tokens)")


def decode_answers(encoded: Encoded, processor: GotOcrProcessor) -> list[str]:
    """Decode what is trained, run by run.

    Args:
        encoded: A sample.
        processor: Has the vocabulary.

    Returns:
        Each answer with its closing ``<|im_end|>``.
    """
    runs: list[list[int]] = []
    before: Any = IGNORED_LABEL
    for label in encoded.labels.tolist():
        if label != IGNORED_LABEL:
            if before == IGNORED_LABEL:
                runs.append([])
            runs[-1].append(label)
        before = label
    return [processor.tokenizer.decode(run, skip_special_tokens=False) for run in runs]
