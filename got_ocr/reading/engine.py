"""Where the reading path meets what generates: the network in torch, or another runtime in its place.

Reading makes batches and takes answers. What lies between is an :class:`Engine`: `decoding.AnswerGenerator` for a
network in torch, `serving.vllm` for vLLM. Whoever has an engine gives it to `Reader` in the place of a model.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from ..processing.mode import Mode
from .answer import GotOcrAnswer
from .generating import Generation

if TYPE_CHECKING:
    from transformers.feature_extraction_utils import BatchFeature

    from ..configuration.config import GotOcrConfig
    from ..processing.processor import GotOcrProcessor


class Engine(Protocol):
    """What turns prepared batches into answers; `Reader` takes one in the place of a model.

    Attributes:
        config: The checkpoint's configuration.
        calls_at_once: So many threads may call it side by side, and should, for it to be busy; 1: one at a time.
        device: Where it computes, e.g. `cpu`.
    """

    config: "GotOcrConfig"
    calls_at_once: int

    @property
    def device(self) -> Any:
        """Where it computes."""
        ...

    def generate(self, inputs: "BatchFeature", generation: Generation) -> list[GotOcrAnswer]:
        """Generate for one prepared batch and take each answer apart.

        Args:
            inputs: What the processor made: `input_ids` and `attention_mask` (B, L), padded on the left, and
                `pixel_values` (I, 3, height, image_size) float32 of all rows in one run.
            generation: How.

        Returns:
            One answer a row; `make_answer` of reading/generating.py makes one of tokens.

        Raises:
            ValueError: If the batch can't be read, or an option of generation is none that the engine has.
        """
        ...


def limit_new_tokens(config: "GotOcrConfig", prompt_length: int, max_new_tokens: int) -> int:
    """Tell how long an answer can become.

    Args:
        config: The checkpoint's.
        prompt_length: Tokens of the longest prompt.
        max_new_tokens: As long as it may become.

    Returns:
        Tokens.

    Raises:
        ValueError: If the decoder has no room behind the prompt.
    """
    room = config.max_position_embeddings - prompt_length
    if room < 1:
        raise ValueError(
            f"The prompt has {prompt_length} tokens, but the decoder has {config.max_position_embeddings} "
            f"positions: read at most {config.max_position_embeddings // config.image_token_len - 1} "
            "pages or tiles at once."
        )
    return max_new_tokens if max_new_tokens < room else room


def count_prompts(inputs: "BatchFeature", on_prompts: Callable[[list[int]], None] | None) -> None:
    """Tell how long prompts are.

    Args:
        inputs: What the processor made.
        on_prompts: Called with the tokens of each; None: nobody wants to know.
    """
    if on_prompts is not None:
        on_prompts(inputs["attention_mask"].sum(dim=1).tolist())


class EngineSlices:
    """What reads slices by an engine; see :class:`got_ocr.reading.generating.SliceGenerator`.

    Args:
        engine: What generates.
        processor: The checkpoint's.
    """

    def __init__(self, engine: Engine, processor: "GotOcrProcessor") -> None:
        self.engine = engine
        self.processor = processor
        self.config = engine.config

    def encode(self, text: str) -> list[int]:
        """Encode plain text. Returns: its ids."""
        ids: list[int] = self.processor.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def read_slices(self, slices: list[Image.Image], mode: Mode, generation: Generation) -> list[GotOcrAnswer]:
        """Read slices of one height.

        Args:
            slices: Canvases.
            mode: What to read of each.
            generation: How.

        Returns:
            One answer each.

        Raises:
            ValueError: As :meth:`Engine.generate`.
        """
        inputs = self.processor(slices, mode=mode, low_canvases=True, return_tensors="pt")
        count_prompts(inputs, generation.on_prompts)
        return self.engine.generate(inputs, generation)
