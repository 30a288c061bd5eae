"""The tokenizer that vLLM gets: a checkpoint's own, whose chat prompts can't be forged and whose answers end."""

import copy
from typing import Any

from transformers import AutoTokenizer

from ...processing.chat_template import CHAT_TEMPLATE, guard
from ...processing.given_prompts import encode_prompt
from ...processing.prompt import TURN_END
from ...processing.tokenizer import SPECIAL_TOKENS


class GotOcrVllmTokenizer:
    """Makes tokenizers, by the name under which vLLM's registry finds it."""

    @classmethod
    def from_pretrained(
        cls, path_or_repo_id: str, *args: Any, trust_remote_code: bool = False, download_dir: Any = None, **kwargs: Any
    ) -> Any:
        """Load a checkpoint's tokenizer.

        Args:
            path_or_repo_id: A folder or Hub id.
            *args: As vLLM gives them.
            trust_remote_code: Means nothing: no code of a repository is run.
            download_dir: Where the Hub's files are kept.
            **kwargs: As vLLM gives them: `revision` ...

        Returns:
            The tokenizer.
        """
        from vllm.tokenizers.hf import get_cached_tokenizer

        for name in ("mistral_format", "code_revision"):
            kwargs.pop(name, None)
        tokenizer = AutoTokenizer.from_pretrained(path_or_repo_id, *args, cache_dir=download_dir, **kwargs)
        return get_cached_tokenizer(make_vllm_tokenizer(tokenizer))


def make_vllm_tokenizer(tokenizer: Any) -> Any:
    """Make a tokenizer of a checkpoint's own that writes chats as ids.

    Engines end an answer at a tokenizer's one end token and at those of generation_config.json. An answer ends with
    ``<|im_end|>``, which the original's files don't say: so that is the end token here.

    Args:
        tokenizer: The checkpoint's. Not changed.

    Returns:
        A copy of another class.
    """
    made = copy.deepcopy(tokenizer)
    made.__class__ = type(f"{type(tokenizer).__name__}ForVllm", (_ChatByIds, type(tokenizer)), {})
    made.eos_token = TURN_END
    return made


class _ChatByIds:
    """Writes a conversation as ids, so that no text in it becomes a special token on its way."""

    def apply_chat_template(self, conversation: Any, *args: Any, **kwargs: Any) -> Any:
        """Write a conversation.

        Args:
            conversation: Messages.
            *args: As transformers' tokenizers.
            **kwargs: As there; `tokenize=False` gives ids nonetheless, which vLLM takes as well.

        Returns:
            The prompt's ids, with one ``<imgpad>`` for each picture.
        """
        options = {**kwargs, "tokenize": False}
        options.pop("return_dict", None)
        options["chat_template"] = options.get("chat_template") or CHAT_TEMPLATE
        text = super().apply_chat_template(guard(conversation), *args, **options)  # type: ignore[misc]
        return encode_prompt(text, self, {one: self.convert_tokens_to_ids(one) for one in SPECIAL_TOKENS})  # type: ignore[attr-defined]
