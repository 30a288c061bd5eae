"""What a page says: running prose of the corpus in words, headings, list items, page numbers; English or Chinese."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from got_ocr.synthesis.text.corpus import Corpus
from got_ocr.synthesis.text.typesetting import Word

# Chinese characters stand alone; marks stay with the character that they may not be parted from.
_CJK = r"\u2e80-\u2fdf\u3007\u3021-\u3029\u3400-\u9fff\uf900-\ufaff"
_OPENING, _CLOSING = r"（《〈「『【〔“‘", r"，。、；：！？）》〉」』】〕”’…—～·"
_CHINESE_WORD = re.compile(rf"[{_OPENING}]*(?:[{_CJK}][,.;:!?)\]]*|[^\s{_CJK}{_OPENING}{_CLOSING}]+)?[{_CLOSING}]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“(])|(?<=[。！？])")
_MONTHS = ("January", "March", "April", "May", "June", "July", "August", "September", "October", "November")
_CHINESE_DIGITS = "一二三四五六七八九十"
_PLACES_OF_DATA = 0.04  # of words that a number-rich paragraph gets


class Prose:
    """Draws the words of one page: neighbouring paragraphs of the corpus for the most part, all of them drawable."""

    def __init__(
        self, rng: np.random.Generator, corpus: Corpus, language: str, can_draw: Callable[[str], bool]
    ) -> None:
        """Choose where the page's text begins.

        Args:
            rng: decides everything.
            corpus: paragraphs and words.
            language: `en` or `zh`.
            can_draw: whether the page's faces have a character; words with others are left out.
        """
        self.rng = rng
        self.corpus = corpus
        self.is_chinese = language == "zh"
        self._can_draw = can_draw
        self._drawable: dict[str, bool] = {}
        self._curly = rng.random() < 0.4
        self._data_rich = rng.random() < 0.25
        self._at = int(rng.integers(len(corpus.paragraphs)))

    def paragraph(self, least: int = 40, most: int = 900) -> list[Word]:
        """Draw a paragraph.

        Args:
            least: characters that it should have; two paragraphs of the corpus become one where one is short.
            most: characters to end it at, after a sentence where one ends.

        Returns:
            At least one word.
        """
        words: list[Word] = []
        for _ in range(50):
            words += self._words(self._next_text(most))
            if _length(words) >= least:
                break
        if not words:
            raise ValueError(
                "the page's faces have no characters of the text: name fonts for its language, or other text "
                "(`font_families`, `corpus_files` of Resources)"
            )
        return words

    def phrase(self, least: int, most: int, capital: bool = True) -> list[Word]:
        """Draw a few words, as of a heading.

        Args:
            least: words (Chinese: characters).
            most: the same.
            capital: whether the first letter is made a capital.

        Returns:
            At least one word, without a full stop at the end.
        """
        wanted = int(self.rng.integers(least, most + 1)) * (2 if self.is_chinese else 1)
        words = self.paragraph(most=400)
        start = int(self.rng.integers(max(1, len(words) - wanted)))
        words = words[start : start + wanted]
        last = words[-1].text.rstrip(".,;:!?([-–—，。、；：！？（《“") or words[-1].text
        words[-1] = replace(words[-1], text=last)
        if capital and not self.is_chinese:
            words[0] = replace(words[0], text=words[0].text[:1].upper() + words[0].text[1:])
        return words

    def name(self) -> list[Word]:
        """Draw what stands where an author's name would.

        Returns:
            Two or three words.
        """
        if self.is_chinese:
            return self.plain("".join(self._dictionary_word() for _ in range(2))[:4] or "文")
        count = 2 + int(self.rng.random() < 0.3)
        words = [self._dictionary_word().removesuffix("'s") for _ in range(count)]
        return self.plain(" ".join(word.capitalize() for word in words))

    def marker(self, style: str, number: int) -> list[Word]:
        """Write a list item's mark.

        Args:
            style: `bullet:•` and so on, or a pattern such as `1.`, `(1)`, `a)`, `i.`, `一、`.
            number: the item's, from 0.

        Returns:
            One word.
        """
        if style.startswith("bullet:"):
            return [Word(style[-1])]
        core = style.strip("().、")
        numerals = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
        value = {
            "a": chr(ord("a") + number % 26),
            "i": numerals[number % len(numerals)],
            "一": _CHINESE_DIGITS[number % 10],
        }.get(core, str(number + 1))
        return [Word(style.replace(core, value))]

    def plain(self, text: str) -> list[Word]:
        """Take words as they are.

        Args:
            text: what to set.

        Returns:
            Its words; those that can't be drawn are left out.
        """
        return [word for word in self._split(text) if self._is_drawable(word.text)]

    def emphasise(self, words: list[Word]) -> list[Word]:
        """Make one or two runs of words bold or italic.

        Args:
            words: regular words.

        Returns:
            As many words.
        """
        words = list(words)
        for _ in range(int(self.rng.integers(1, 3))):
            start = int(self.rng.integers(len(words)))
            end = start + int(self.rng.integers(1, 6)) * (2 if self.is_chinese else 1)
            bold = bool(self.rng.random() < 0.5)
            italic = not bold or bool(self.rng.random() < 0.1)
            words[start:end] = [replace(word, bold=bold, italic=italic) for word in words[start:end]]
        return words

    def _next_text(self, most: int) -> str:
        if self.rng.random() < 0.25:
            self._at = int(self.rng.integers(len(self.corpus.paragraphs)))
        text = self.corpus.paragraphs[self._at % len(self.corpus.paragraphs)]
        self._at += 1
        if self.is_chinese and self.corpus.words and self.rng.random() < 0.3:
            text = self._word_salad(int(self.rng.integers(40, 200)))
        if len(text) <= most:
            return text
        kept = ""
        for sentence in _SENTENCE_END.split(text):
            if kept and len(kept) + len(sentence) > most:
                return kept
            kept += ("" if self.is_chinese or not kept else " ") + sentence
            if len(kept) > most:
                break
        return kept[:most].rsplit(" ", 1)[0]

    def _word_salad(self, length: int) -> str:
        """Dictionary words with marks: every character of the dictionary gets its turn."""
        text = ""
        while len(text) < length:
            text += "".join(self._dictionary_word() for _ in range(int(self.rng.integers(2, 7))))
            text += "，，，、。；"[int(self.rng.integers(6))]
        return text[:-1] + "。"

    def _dictionary_word(self) -> str:
        return self.corpus.words[int(self.rng.integers(len(self.corpus.words)))]

    def _split(self, text: str) -> list[Word]:
        if self._curly:
            text = _curl(text)
        return _chinese_words(text) if self.is_chinese else [Word(part) for part in text.split()]

    def _words(self, text: str) -> list[Word]:
        words = self._split(text)
        if self._data_rich:
            share = self.rng.random(len(words))
            words = [
                Word(self.data()) if chance < _PLACES_OF_DATA else word
                for word, chance in zip(words, share, strict=True)
            ]
        return [word for word in words if self._is_drawable(word.text)]

    def _is_drawable(self, text: str) -> bool:
        for character in text:
            if character not in self._drawable:
                self._drawable[character] = self._can_draw(character)
            if not self._drawable[character]:
                return False
        return True

    def data(self) -> str:
        """Write a number, sum, date, percentage or code, as documents are full of.

        Returns:
            No space in it.
        """
        rng = self.rng
        value, kind = int(rng.integers(0, 10 ** int(rng.integers(1, 7)))), int(rng.integers(10))
        if kind == 0:
            return f"${value:,}.{rng.integers(100):02d}"
        if kind == 1:
            return f"{rng.integers(100)}.{rng.integers(10)}%"
        if kind == 2:
            return f"{rng.integers(1, 29):02d}/{rng.integers(1, 13):02d}/{rng.integers(1900, 2030)}"
        if kind == 3:
            return f"({rng.integers(1900, 2030)})"
        if kind == 4:
            return f"[{rng.integers(1, 80)}]"
        if kind == 5:
            return f"{'ABCDEFGHJKMNPRSTUVWXYZ'[rng.integers(22)]}{rng.integers(10, 99)}-{rng.integers(1000, 9999)}"
        if kind == 6:
            return f"{rng.integers(24)}:{rng.integers(60):02d}"
        if kind == 7:
            return f"€{value / 100:.2f}"
        return f"{value:,}" if kind == 8 else str(value)

    def date(self) -> list[Word]:
        """Write a date as a letter has it.

        Returns:
            Its words.
        """
        day, year = int(self.rng.integers(1, 29)), int(self.rng.integers(1950, 2030))
        if self.is_chinese:
            return self._words(f"{year}年{self.rng.integers(1, 13)}月{day}日")
        month = _MONTHS[self.rng.integers(len(_MONTHS))]
        return self._words(f"{month} {day}, {year}" if self.rng.random() < 0.5 else f"{day} {month} {year}")


def _length(words: list[Word]) -> int:
    return sum(len(word.text) + word.after_space for word in words)


def _chinese_words(text: str) -> list[Word]:
    words, end = [], 0
    for match in _CHINESE_WORD.finditer(text):
        if match.group():
            words.append(Word(match.group(), after_space=match.start() > end))
            end = match.end()
    return words


def _curl(text: str) -> str:
    text = re.sub(r"(?<=\w)'", "’", text)
    text = re.sub(r'(^|[\s(\[])"(?=\w)', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[])'(?=\w)", r"\1‘", text).replace("'", "’")
