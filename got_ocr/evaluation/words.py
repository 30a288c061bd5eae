"""What counts as a word, in the manner of the Fox benchmark."""

import logging
import re
import warnings
from functools import cache
from typing import Any

# The published range: the block of CJK ideographs up to where Unicode 1.1 ended, so rare later ones don't count.
CHINESE_CHARACTER = re.compile("[\u4e00-\u9fa5]")


def has_chinese(text: str) -> bool:
    """Tell whether a text has a Chinese character (U+4E00..U+9FA5)."""
    return CHINESE_CHARACTER.search(text) is not None


def split_words(*texts: str) -> list[list[str]]:
    """Split texts into words, all by the same rule: by jieba where one of them has Chinese, else at white space.

    Args:
        texts: The texts that are compared with one another.

    Returns:
        The words of each. jieba's words include spaces and line breaks, as in the published scripts.

    Raises:
        ModuleNotFoundError: If there is Chinese and jieba is not installed.
    """
    if any(has_chinese(text) for text in texts):
        segmenter = _jieba()
        return [segmenter.lcut(text) for text in texts]
    return [text.split() for text in texts]


def split_characters(*texts: str) -> list[list[str]]:
    """Split texts into characters, the words of scene text."""
    return [list(text) for text in texts]


@cache
def _jieba() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jieba 0.42 has unescaped backslashes and asks for pkg_resources
            import jieba
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "scoring Chinese text needs jieba, which cuts it into words: pip install jieba"
        ) from error
    jieba.setLogLevel(logging.WARNING)  # it announces on stderr that it loads its dictionary
    return jieba
