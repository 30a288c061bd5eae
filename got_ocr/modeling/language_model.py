"""The network with its language-model head: logits, loss, and generation as every transformers model does it.

Shape legend:
    B  sequences
    L  tokens of a sequence
    I  images: all tiles or pages of all sequences, in reading order
    D  width of the decoder
    V  vocabulary
"""

import copy
import logging
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.generation import GenerationConfig, GenerationMixin, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutputWithPooling, CausalLMOutputWithPast
from transformers.utils.generic import can_return_tuple

from ..configuration.config import GotOcrConfig
from .decode_step import apply_head
from .generation import CACHE_NAME, NoRepeatNGramProcessor, name_cache
from .network import GotOcrModel, GotOcrPreTrainedModel
from .quantization import Int8Embedding

logger = logging.getLogger(__name__)
# Names that others have for pixel values, and that would be ignored in silence.
WRONG_NAMES = ("image", "pixel_value", "images_tensor", "image_tensor")


def take_images(kwargs: dict[str, Any], pixel_values: Tensor | None) -> Tensor | None:
    """Take pixel values by the original code's name.

    Args:
        kwargs: A call's further arguments; `images` is taken out of them.
        pixel_values: (I, 3, height, image_size) float, or None.

    Returns:
        The pixel values by either name.

    Raises:
        TypeError: If there is an argument of a name like theirs, or `images` is no list of tensors.
        ValueError: If both names are used.
    """
    for name in WRONG_NAMES:
        if kwargs.get(name) is not None:
            raise TypeError(f"there is no argument {name!r}: pixel values are given as pixel_values.")
    images = kwargs.pop("images", None)
    if images is None:
        return pixel_values
    if pixel_values is not None:
        raise ValueError("images and pixel_values are two names of one thing: give pixel_values alone.")
    parts = [images] if isinstance(images, Tensor) else list(images)
    if not parts or not all(isinstance(part, Tensor) and part.ndim in (3, 4) for part in parts):
        raise TypeError(
            "images must be a list of tensors (n, 3, height, width), one a sequence: processor(picture) makes them, "
            "as pixel_values."
        )
    return torch.cat([part if part.ndim == 4 else part.unsqueeze(0) for part in parts])


class GotOcrLanguageModel(GotOcrPreTrainedModel, GenerationMixin):
    """Images and a prompt in, logits of the next tokens out.

    Args:
        config: The model's configuration.
    """

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: GotOcrConfig) -> None:
        super().__init__(config)
        self.model = GotOcrModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor) -> BaseModelOutputWithPooling:
        """Encode images; see :meth:`GotOcrModel.get_image_features`."""
        return self.model.get_image_features(pixel_values)

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        """Find what encodes; see :meth:`GotOcrModel.get_encoder`."""
        return self.model.get_encoder(modality) if modality == "image" else self

    def get_decoder(self) -> nn.Module:
        """Find what decodes; see :meth:`GotOcrModel.get_decoder`."""
        return self.model.get_decoder()

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """Make head and embedding one, where they are; quantised layers have settled that themselves."""
        if not isinstance(self.get_input_embeddings(), Int8Embedding):
            super().tie_weights(*args, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict the next token at every position; see :meth:`GotOcrModel.forward` for the inputs.

        Args:
            input_ids: (B, L) int64.
            pixel_values: (I, 3, height, image_size) float.
            attention_mask: (B, past + L).
            position_ids: (B, L) int64.
            past_key_values: Another name for `cache`, the only one before transformers 5.24.
            inputs_embeds: (B, L, D) float in place of `input_ids`.
            labels: (B, L) int64, -100 where nothing is learned; the shift by one is done here.
            use_cache: Whether to return keys and values.
            logits_to_keep: Compute logits of the last so many positions only (0: all), or of these indices.
            cache: Keys and values of the tokens before.
            **kwargs: Passed to the decoder and the loss (`num_items_in_batch`); `return_dict=False` gives a tuple;
                `images`, the original code's name, is a list of pixel values (n, 3, S, S), one a sequence.

        Returns:
            `loss` (a scalar, with `labels`), `logits` (B, kept, V), `cache` (`past_key_values` before 5.24) ...
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=take_images(kwargs, pixel_values),
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            return_dict=True,
            **name_cache(past_key_values, cache),
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = apply_head(self.lm_head, outputs.last_hidden_state[:, kept, :])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            **{CACHE_NAME: outputs.get(CACHE_NAME)},
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: Cache | None = None,
        pixel_values: Tensor | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Pass images on only while their place holders are among the tokens still to be computed."""
        named = name_cache(past_key_values, cache)
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(input_ids, **named, **kwargs)
        before = named[CACHE_NAME]
        done = before.get_seq_length() if before is not None else 0
        waiting = inputs.get("input_ids")
        # What stands before the images may be in the cache already; single tokens are not looked at.
        if done == 0 or (
            waiting is not None and waiting.shape[1] > 1 and (waiting == self.config.im_patch_token).any()
        ):
            inputs["pixel_values"] = pixel_values
        return inputs

    @torch.no_grad()
    def generate(
        self,
        inputs: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        **kwargs: Any,
    ) -> Any:
        """Generate as every transformers model does, with what GOT needs filled in where the caller is silent.

        The end-of-sequence ids are ``<|endoftext|>`` and ``<|im_end|>`` (the original configuration forgets the
        second) and those of `generation_config`, the pad token is set, a missing attention mask is derived from it,
        and `no_repeat_ngram_size` is served by :class:`NoRepeatNGramProcessor`, which gives the same tokens at a
        constant cost a step.

        Args:
            inputs: (B, L) int64, another name for `input_ids`.
            generation_config: Generation options; `kwargs` win over it.
            logits_processor: Further processors.
            **kwargs: Model inputs and generation options. Keys and values may be named `cache` or `past_key_values`
                whatever transformers' version calls them.

        Returns:
            (B, L + new) int64, or transformers' output object with `return_dict_in_generate=True`.
        """
        given = name_cache(kwargs.pop("past_key_values", None), kwargs.pop("cache", None))
        if given[CACHE_NAME] is not None:
            kwargs |= given
        pixel_values = take_images(kwargs, kwargs.get("pixel_values"))
        if pixel_values is not None:
            kwargs["pixel_values"] = pixel_values
            self._warn_of_whole_pages(given[CACHE_NAME])
        # Options go into a configuration where there is one: transformers warns of both at once.
        generation_config = copy.deepcopy(generation_config)
        base = generation_config if generation_config is not None else self.generation_config
        filled = kwargs if generation_config is None else vars(generation_config)
        if "eos_token_id" not in kwargs:
            declared = None if generation_config is None else generation_config.eos_token_id
            others = declared if isinstance(declared, list) else [] if declared is None else [declared]
            filled["eos_token_id"] = sorted({*self.config.stop_token_ids, *others})
        if kwargs.get("pad_token_id", base.pad_token_id) is None:
            filled["pad_token_id"] = self.config.pad_token_id
        input_ids = inputs if inputs is not None else kwargs.get("input_ids")
        if input_ids is not None and kwargs.get("attention_mask") is None:
            kwargs["attention_mask"] = (input_ids != kwargs.get("pad_token_id", base.pad_token_id)).long()

        ngram_size = kwargs.get("no_repeat_ngram_size", base.no_repeat_ngram_size) or 0
        num_beams = kwargs.get("num_beams", base.num_beams) or 1
        if ngram_size > 0 and num_beams == 1:
            if "no_repeat_ngram_size" in kwargs or generation_config is None:
                kwargs["no_repeat_ngram_size"] = 0
            else:
                generation_config.no_repeat_ngram_size = 0
            logits_processor = LogitsProcessorList([NoRepeatNGramProcessor(ngram_size), *(logits_processor or [])])
        return super().generate(
            inputs, generation_config=generation_config, logits_processor=logits_processor, **kwargs
        )

    def _warn_of_whole_pages(self, cache: Cache | None) -> None:
        """Say that a checkpoint for slices is shown a picture as it is; our own reading brings a cache."""
        if self.config.slicing and cache is None:
            logger.warning(
                "This checkpoint reads slices of a few lines, and generate() shows it whole pictures, of which it "
                "reads little or nothing: model.chat(processor, picture), model.read and pipelines cut pages."
            )

    def load_custom_generate(self, pretrained_model_name_or_path: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Load code that generates, which a caller names to `generate`; never what lies beside a model's weights.

        Transformers runs a repository's `custom_generate/generate.py` when a model of a known class is loaded with
        `trust_remote_code=True`.

        Args:
            pretrained_model_name_or_path: Folder or Hub id.
            *args: As transformers.
            **kwargs: As transformers.

        Returns:
            The function.

        Raises:
            OSError: If it lies beside this model's weights; transformers goes on without it.
        """
        if str(pretrained_model_name_or_path) == str(self.name_or_path):
            raise OSError(
                f"{pretrained_model_name_or_path}: custom_generate is not run: GOT's own generation is used."
            )
        return super().load_custom_generate(pretrained_model_name_or_path, *args, **kwargs)

    def _expand_inputs_for_generation(  # transformers' hook, as in Qwen2-VL
        self, expand_size: int = 1, is_encoder_decoder: bool = False, input_ids: Tensor | None = None, **kwargs: Any
    ) -> tuple[Tensor | None, dict[str, Any]]:
        """Repeat each sequence's images with it: a sequence may have several, so rows of both do not correspond."""
        pixel_values = kwargs.pop("pixel_values", None)
        if pixel_values is not None and expand_size > 1 and input_ids is not None:
            placeholders = (input_ids == self.config.im_patch_token).sum(dim=1)
            tokens = self.config.vision_config.count_image_tokens(pixel_values.shape[2])
            images = (placeholders // tokens).tolist()
            parts = [part.repeat(expand_size, 1, 1, 1) for part in pixel_values.split(images)]
            pixel_values = torch.cat(parts)
        input_ids, kwargs = super()._expand_inputs_for_generation(
            expand_size=expand_size, is_encoder_decoder=is_encoder_decoder, input_ids=input_ids, **kwargs
        )
        if pixel_values is not None:
            kwargs["pixel_values"] = pixel_values
        return input_ids, kwargs
