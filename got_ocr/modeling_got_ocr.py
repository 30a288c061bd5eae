"""GOT-OCR 2.0: a vision tower whose tokens stand in a Qwen2 decoder's input.

Deviations from the published code:
- any device, any dtype, batches with left padding, caches of today's transformers;
- tiles and pages are encoded as one batch, with gradient where the tower trains;
- answers stop at ``<|im_end|>`` too, and the attention mask and pad token are always set;
- n-gram blocking costs the same at every step (see generation_got_ocr.py).

Tensor names are those of the original checkpoint, so `save_pretrained` writes a folder that every reader of that
layout understands.

Shape legend:
    B  sequences
    L  tokens of a sequence
    I  images: all tiles or pages of all sequences, in reading order
    T  image tokens of one image (256 in the published model)
    D  width of the decoder
    V  vocabulary
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2Model
from transformers.cache_utils import Cache
from transformers.generation import GenerationConfig, GenerationMixin, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel

# Transformers 4 loads remote code with only those files that are imported here, so all that those import stands here.
from .answer_got_ocr import GotOcrAnswer  # noqa: F401
from .chat_got_ocr import GotOcrChatMixin
from .checkpoint_got_ocr import GotOcrCheckpointMixin
from .configuration_got_ocr import GotOcrConfig
from .decoding_got_ocr import GotOcrDecodingMixin  # noqa: F401
from .export_got_ocr import save_code  # noqa: F401
from .formula_rows_got_ocr import join_stacks  # noqa: F401
from .formula_text_got_ocr import join_formulas  # noqa: F401
from .generation_got_ocr import CACHE_NAME, NoRepeatNGramProcessor, name_cache
from .image_processing_got_ocr import GotOcrImageProcessor  # noqa: F401
from .ink_got_ocr import ink_mask  # noqa: F401
from .line_facts_got_ocr import LineFacts  # noqa: F401
from .lines_got_ocr import find_lines  # noqa: F401
from .orientation_got_ocr import lies_sideways  # noqa: F401
from .pages_got_ocr import iter_pages  # noqa: F401
from .pictures_got_ocr import load_image  # noqa: F401
from .pieces_got_ocr import cut_line  # noqa: F401
from .processing_got_ocr import GotOcrProcessor  # noqa: F401
from .prompt_got_ocr import instruction  # noqa: F401
from .reading_order_got_ocr import order_lines  # noqa: F401
from .region_got_ocr import cut_region  # noqa: F401
from .rows_got_ocr import join_rows  # noqa: F401
from .slice_reading_got_ocr import GotOcrSliceMixin  # noqa: F401
from .sliced_page_got_ocr import SlicedPage  # noqa: F401
from .slicing_got_ocr import slice_page  # noqa: F401
from .sources_got_ocr import PageError  # noqa: F401
from .streaming_got_ocr import PageStream  # noqa: F401
from .structure_got_ocr import join_formatted  # noqa: F401
from .tables_got_ocr import part_tables  # noqa: F401
from .tokenization_got_ocr import GotOcrTokenizer  # noqa: F401
from .vision_got_ocr import GotOcrVisionAttention, GotOcrVisionTower

# Patches that a CPU encodes at once while nothing is learned: what a block makes of more does not stay in its caches.
CPU_PATCHES = 8192


class GotOcrPreTrainedModel(GotOcrCheckpointMixin, PreTrainedModel):
    """What both models share: configuration class, attention back ends, initial weights."""

    config_class = GotOcrConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ["Qwen2DecoderLayer", "GotOcrVisionBlock"]
    _skip_keys_device_placement = ["cache", "past_key_values"]
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, GotOcrVisionAttention) and module.use_rel_pos:
            nn.init.zeros_(module.rel_pos_h)
            nn.init.zeros_(module.rel_pos_w)
        elif isinstance(module, GotOcrVisionTower) and module.pos_embed is not None:
            nn.init.zeros_(module.pos_embed)


class GotOcrModel(GotOcrPreTrainedModel, Qwen2Model):
    """Tower, projector and decoder, without the language-model head.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: GotOcrConfig) -> None:
        super().__init__(config)
        vision_width = config.vision_config.compressor_channels[1]
        self.vision_tower_high = GotOcrVisionTower(config.vision_config)
        self.mm_projector_vary = nn.Linear(vision_width, config.hidden_size)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor) -> BaseModelOutputWithPooling:
        """Encode images into the decoder's input space.

        Args:
            pixel_values: (I, 3, height, image_size) float, CLIP-normalised, of one height that the tower takes; cast
                to the tower's dtype.

        Returns:
            `last_hidden_state`, (I, T, compressor_channels[1]): the tower's tokens; `pooler_output`, (I, T, D): the
            projected tokens that replace ``<imgpad>``.
        """
        tower = self.vision_tower_high
        pixel_values = pixel_values.to(dtype=tower.net_3.weight.dtype)
        if pixel_values.device.type == "cpu" and not torch.is_grad_enabled():
            patches = pixel_values[0, 0].numel() // self.config.vision_config.patch_size**2
            images = max(1, CPU_PATCHES // max(1, patches))
            tokens = torch.cat([tower(part) for part in pixel_values.split(images)])
        else:
            tokens = tower(pixel_values)
        return BaseModelOutputWithPooling(last_hidden_state=tokens, pooler_output=self.mm_projector_vary(tokens))

    def splice_image_features(self, input_ids: Tensor, inputs_embeds: Tensor, features_ITD: Tensor) -> Tensor:
        """Put image tokens in the place of ``<imgpad>``, in order.

        Args:
            input_ids: (B, L) int64.
            inputs_embeds: (B, L, D) float, embeddings of `input_ids`.
            features_ITD: (I, T, D) float.

        Returns:
            (B, L, D) float.

        Raises:
            ValueError: If there are not as many place holders as image tokens.
        """
        is_image = input_ids == self.config.im_patch_token
        features = features_ITD.flatten(0, 1).to(inputs_embeds)
        found = int(is_image.sum())
        if found != features.shape[0]:
            raise ValueError(
                f"input_ids hold {found} <imgpad> tokens, but pixel_values give {features.shape[0]} image tokens "
                f"({features_ITD.shape[0]} images of {features_ITD.shape[1]}): put {features_ITD.shape[1]} "
                "<imgpad> in the prompt for every image, tile or page."
            )
        return inputs_embeds.masked_scatter(is_image.unsqueeze(-1), features)

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run the decoder over text and images.

        Args:
            input_ids: (B, L) int64, with as many ``<imgpad>`` for every image as it becomes tokens.
            pixel_values: (I, 3, height, image_size) float: the images of all sequences in one run, of one height.
            attention_mask: (B, past + L) int64 or bool, 0 at padding.
            position_ids: (B, L) int64.
            past_key_values: Another name for `cache`, the only one before transformers 5.24.
            inputs_embeds: (B, L, D) float in place of `input_ids`; then images must be spliced in already.
            use_cache: Whether to return keys and values.
            cache: Keys and values of the tokens before.
            **kwargs: Passed to the decoder.

        Returns:
            The decoder's output: `last_hidden_state` (B, L, D), `cache` (`past_key_values` before 5.24) ...

        Raises:
            ValueError: If both or neither of `input_ids` and `inputs_embeds` are given, if `pixel_values` come with
                `inputs_embeds`, or if place holders and image tokens differ in number.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Give exactly one of input_ids and inputs_embeds.")
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
            if pixel_values is not None:
                features = self.get_image_features(pixel_values).pooler_output
                inputs_embeds = self.splice_image_features(input_ids, inputs_embeds, features)
        elif pixel_values is not None:
            raise ValueError("pixel_values need input_ids: inputs_embeds do not show where images belong.")
        return super().forward(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=use_cache,
            **name_cache(past_key_values, cache),
            **kwargs,
        )


class GotOcrForConditionalGeneration(GotOcrChatMixin, GotOcrPreTrainedModel, GenerationMixin):
    """The whole model: images and a prompt in, text out.

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
            **kwargs: Passed to the decoder and the loss (`num_items_in_batch`).

        Returns:
            `loss` (a scalar, with `labels`), `logits` (B, kept, V), `cache` (`past_key_values` before 5.24) ...
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **name_cache(past_key_values, cache),
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, kept, :])
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
        inputs = super().prepare_inputs_for_generation(input_ids, **named, **kwargs)
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
        second), the pad token is set, a missing attention mask is derived from it, and `no_repeat_ngram_size` is
        served by :class:`NoRepeatNGramProcessor`, which gives the same tokens at a constant cost a step.

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
        base = generation_config if generation_config is not None else self.generation_config
        if "eos_token_id" not in kwargs and generation_config is None:
            kwargs["eos_token_id"] = self.config.stop_token_ids
        if kwargs.get("pad_token_id", base.pad_token_id) is None:
            kwargs["pad_token_id"] = self.config.pad_token_id
        input_ids = inputs if inputs is not None else kwargs.get("input_ids")
        if input_ids is not None and kwargs.get("attention_mask") is None:
            kwargs["attention_mask"] = (input_ids != kwargs.get("pad_token_id", base.pad_token_id)).long()

        ngram_size = kwargs.get("no_repeat_ngram_size", base.no_repeat_ngram_size) or 0
        num_beams = kwargs.get("num_beams", base.num_beams) or 1
        if ngram_size > 0 and num_beams == 1:
            kwargs["no_repeat_ngram_size"] = 0
            logits_processor = LogitsProcessorList([NoRepeatNGramProcessor(ngram_size), *(logits_processor or [])])
        return super().generate(
            inputs, generation_config=generation_config, logits_processor=logits_processor, **kwargs
        )

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
