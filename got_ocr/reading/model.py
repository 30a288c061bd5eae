"""The model as people use it: the network, and reading pages with it."""

from ..modeling.language_model import GotOcrLanguageModel
from ..modeling.network import GotOcrModel, GotOcrPreTrainedModel
from .chat import GotOcrChatMixin

# Loaders ask this module for all models: `auto_map` names its flat file.
__all__ = ["GotOcrForConditionalGeneration", "GotOcrModel", "GotOcrPreTrainedModel"]


class GotOcrForConditionalGeneration(GotOcrChatMixin, GotOcrLanguageModel):
    """The whole model: images and a prompt in, text out.

    Args:
        config: The model's configuration.
    """
