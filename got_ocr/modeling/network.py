"""GOT-OCR 2.0: a vision tower whose tokens stand in a Qwen2 decoder's input.

Deviations from the published code:
- any device, any dtype, batches with left padding, caches of today's transformers;
- tiles and pages are encoded as one batch, with gradient where the tower trains;
- answers stop at ``<|im_end|>`` too, and the attention mask and pad token are always set;
- n-gram blocking costs the same at every step (see modeling/generation.py).

Tensor names are those of the original checkpoint, so `save_pretrained` writes a folder that every reader of that
layout understands.

Shape legend:
    B  sequences
    L  tokens of a sequence
    I  images: all tiles or pages of all sequences, in reading order
    T  image tokens of one image (256 in the published model)
    D  width of the decoder
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2Model
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling
from transformers.modeling_utils import PreTrainedModel
from transformers.utils.generic import can_return_tuple

from ..configuration.config import GotOcrConfig
from .checkpoint import GotOcrCheckpointMixin
from .decode_step import can_step, run_step
from .generation import CACHE_NAME, name_cache
from .vision import GotOcrVisionAttention, GotOcrVisionTower

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
        # A graph that is traced can't ask how many there are.
        if not torch.compiler.is_compiling():
            found = int(is_image.sum())
            if found != features.shape[0]:
                raise ValueError(
                    f"input_ids hold {found} <imgpad> tokens, but pixel_values give {features.shape[0]} image tokens "
                    f"({features_ITD.shape[0]} images of {features_ITD.shape[1]}): put {features_ITD.shape[1]} "
                    "<imgpad> in the prompt for every image, tile or page."
                )
        return inputs_embeds.masked_scatter(is_image.unsqueeze(-1), features)

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        """Find what encodes.

        Args:
            modality: `image` for the tower; for any other, or None, this model itself, by which transformers says
                that there is none.

        Returns:
            The module.
        """
        tower: nn.Module = self.vision_tower_high
        return tower if modality == "image" else self

    def get_decoder(self) -> nn.Module:
        """Find what decodes. Returns: this model, which is a Qwen2 decoder with a tower."""
        return self

    @can_return_tuple
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
            **kwargs: Passed to the decoder; `return_dict=False` gives a tuple.

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
        cached = name_cache(past_key_values, cache)
        before = cached[CACHE_NAME]
        if can_step(self, inputs_embeds, attention_mask, before, kwargs):
            hidden = run_step(self, inputs_embeds, attention_mask, position_ids, before)
            return BaseModelOutputWithPast(last_hidden_state=hidden, **cached)
        return super().forward(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=use_cache,
            return_dict=True,
            **cached,
            **kwargs,
        )
