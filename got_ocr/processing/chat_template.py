"""The chat template of a checkpoint: messages to the prompt that the model was trained on.

It is saved as chat_template.jinja, for `apply_chat_template`, engines and servers. A user's message without text asks
for what the template's variables choose: `ocr_type` or `format`, `color`, `box_per_mille`, `crop`, `multi_page`,
`instruction`; without any of them for plain text, or for all pages together where there are several pictures.
"""

from collections.abc import Mapping
from typing import Any

from .prompt import SYSTEM_MESSAGE
from .ranks import SPECIAL_TOKENS

CHAT_TEMPLATE_FILE = "chat_template.jinja"
# A character that is none: it parts the spelling of a special token in a message from the token itself.
_GUARD = "\ufdd0"

CHAT_TEMPLATE = (
    """\
{%- if messages[0]['role'] != 'system' -%}
{{ '<|im_start|>system\\n"""
    + SYSTEM_MESSAGE
    + """<|im_end|>' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- set found = namespace(images=0, text='') -%}
{%- for part in message['content'] -%}
{%- if part['type'] in ('image', 'image_url') -%}
{%- set found.images = found.images + 1 -%}
{%- elif part['type'] == 'text' -%}
{%- set found.text = found.text + part['text'] -%}
{%- endif -%}
{%- endfor -%}
{%- if found.images -%}
{{ '<img>' + '<imgpad>' * found.images + '</img>\\n' }}
{%- endif -%}
{%- if found.text -%}
{{ found.text }}
{%- elif found.images and message['role'] == 'user' -%}
{%- if box_per_mille -%}{{ '[' + box_per_mille | join(', ') + '] ' }}{%- endif -%}
{%- if color -%}{{ '[' + color + '] ' }}{%- endif -%}
{%- if instruction -%}{{ instruction }}
{%- elif multi_page or (found.images > 1 and not crop) -%}{{ 'OCR with format across multi pages: ' }}
{%- else -%}
{{ 'OCR' }}
{%- if ocr_type == 'format' or format -%}{{ ' with format' }}{%- endif -%}
{%- if crop -%}{{ ' upon the patch reference' }}{%- endif -%}
{{ ': ' }}
{%- endif -%}
{%- endif -%}
{%- endif -%}
{{ '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""
)


def guard(value: Any) -> Any:
    """Part the special tokens that are spelled in a conversation's texts, so that they stay text.

    Args:
        value: A conversation, a batch of them, or a part of one; pictures are left alone. Not changed.

    Returns:
        The same with a guard in each spelled token.
    """
    if isinstance(value, str):
        for token in SPECIAL_TOKENS:
            if token in value:
                value = value.replace(token, f"{token[0]}{_GUARD}{token[1:]}")
        return value
    if isinstance(value, Mapping):
        texts = ("content", "text", "role")
        return {name: guard(item) if name in texts else item for name, item in value.items()}
    return [guard(item) for item in value] if isinstance(value, (list, tuple)) else value


def unguard(text: str) -> str:
    """Take the guards out of a text.

    Args:
        text: The text.

    Returns:
        It as it was written.
    """
    return text.replace(_GUARD, "")
