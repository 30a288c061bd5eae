"""Sets a page: titles, paragraphs, lists, quotes, pictures with captions, notes, margins; column after column."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.synthesis.pages.blocks import Box, PageDrawing, TextBlock, TextLine
from got_ocr.synthesis.pages.style import Color, PageStyle
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.ink import PlacedWord, draw_words, quarter
from got_ocr.synthesis.text.prose import Prose
from got_ocr.synthesis.text.typesetting import (
    END,
    SetLine,
    Typeface,
    Word,
    break_lines,
    line_box,
    place_line,
    text_width_px,
)

_MARKERS = {
    "en": ("bullet:•", "bullet:•", "bullet:-", "bullet:–", "bullet:*", "1.", "1)", "(1)", "a)", "(a)", "i.", "(i)"),
    "zh": ("bullet:•", "bullet:-", "1.", "1、", "（1）", "(1)", "一、", "（一）"),
}
_ENDINGS = {"en": ("Sincerely,", "Yours faithfully,", "Best regards,", "With kind regards,"), "zh": ("此致敬礼",)}
_FOOTERS = {
    "en": ("{0}", "{0}", "{0}", "- {0} -", "Page {0}", "Page {0} of {1}", "{0}/{1}", "[{0}]"),
    "zh": ("{0}", "{0}", "- {0} -", "第 {0} 页", "第{0}页 共{1}页", "{0}/{1}"),
}
# Less room than that is left empty.
LEAST_CHARACTERS = 20


class PageComposer:
    """Sets blocks one after the other into the page's frames (columns)."""

    def __init__(
        self, rng: np.random.Generator, resources: Resources, style: PageStyle, max_characters: int | None
    ) -> None:
        """Take an empty sheet.

        Args:
            rng: decides everything.
            resources: text and language.
            style: how the page looks.
            max_characters: the page ends early after so many.
        """
        self.rng = rng
        self.style = style
        faces = {style.body, style.display}
        self.prose = Prose(
            rng, resources.corpus, resources.language, lambda text: all(face.can_draw(text) for face in faces)
        )
        self.left = 10**9 if max_characters is None else max_characters
        self.image = Image.new("RGB", (style.width_px, style.height_px), style.paper)
        self.pencil = ImageDraw.Draw(self.image)
        self.inks: list[PlacedWord] = []
        self.blocks: list[TextBlock] = []
        self.decorations: list[Box] = []
        left, top, right, bottom = style.margins_px
        self.frames: list[tuple[int, int, int, int]] = [(left, top, style.width_px - right, style.height_px - bottom)]
        self.y = float(top)
        self.after_heading = False

    # What a page is made of

    def compose(self) -> None:
        """Fill the page."""
        rng, style = self.rng, self.style
        has_footer = rng.random() < 0.5
        if rng.random() < 0.25:
            self._header()
        if style.layout == "letter":
            self._letter_head()
        elif rng.random() < 0.4:
            self._title()
        if not self.frames:  # a title or an address alone fills a very low page
            return
        footer = self._footer_words() if has_footer else []
        self.left -= _count(footer)
        footnote = self._footnote() if style.layout == "one-column" and rng.random() < 0.12 else None
        self._columns()
        _, y1, _, y2 = self.frames[0]
        end = y2 - (rng.uniform(0.1, 0.6) * (y2 - y1) if rng.random() < 0.15 else 0.0)
        self.frames[-1] = (*self.frames[-1][:3], max(int(end), y1 + round(4 * self._pitch_px())))
        while self.frames and self.left >= LEAST_CHARACTERS:
            self._next_block()
        if style.layout == "letter":
            self._closing()
        self.blocks += [footnote] if footnote else []
        if footer:
            self._margin_line("footer", footer, style.height_px - style.margins_px[3] * 0.45)

    def _next_block(self) -> None:
        kind, rng = self.rng.random(), self.rng
        if self.after_heading or kind < 0.62 or not self.blocks:
            self._paragraph()
        elif kind < 0.76:
            self._heading()
        elif kind < 0.87:
            self._list()
        elif kind < 0.92:
            self._quote()
        elif kind < 0.97 and self.left > 200 and self.style.layout != "letter":
            self._figure()
        else:
            self._paragraph(most=int(rng.integers(50, 160)))

    def _paragraph(self, most: int = 900) -> None:
        words = self._fit(self.prose.paragraph(most=min(most, self.left)))
        if self.rng.random() < 0.12:
            words = self.prose.emphasise(words)
        indent = self.style.indent_px
        if self.after_heading and self.rng.random() < 0.5 and self.style.language == "en":
            indent = 0.0
        self._flow("paragraph", [(words, indent, 0.0)])
        self.after_heading = False

    def _heading(self) -> None:
        rng, style = self.rng, self.style
        words = self.prose.phrase(1, 7)
        if rng.random() < 0.35:
            number = f"{rng.integers(1, 10)}" + "".join(f".{rng.integers(1, 9)}" for _ in range(rng.integers(0, 3)))
            words = self.prose.plain(number + ("." if rng.random() < 0.4 else "")) + words
        if rng.random() < 0.12 and style.language == "en":
            words = [replace(word, text=word.text.upper()) for word in words if word.text.upper().isascii()] or words
        bold, italic = bool(rng.random() < 0.75), bool(rng.random() < 0.12)
        words = self._fit([replace(word, bold=bold, italic=italic) for word in words])
        size_px = quarter(style.body_px * rng.uniform(1.0 if bold else 1.15, 1.6))
        gap = style.body_px * rng.uniform(0.5, 1.3)
        lines = break_lines(words, style.display, size_px, self._width_px())
        needed = gap + len(lines) * size_px * style.pitch_em + 2.2 * self._pitch_px()
        if self.y + needed > self.frames[0][3] and not self._next_frame():
            return
        if self.blocks and self.y > self.frames[0][1]:
            self.y += gap
        align = "centre" if style.centred else "left"
        self._put_lines("heading", lines, style.display, size_px, align, 0.0, 0.0, style.accent)
        self.y += style.body_px * rng.uniform(0.15, 0.6)
        self.after_heading = True

    def _list(self) -> None:
        rng, style = self.rng, self.style
        usable = [
            name
            for name in _MARKERS[style.language]
            if not name.startswith("bullet:") or style.body.can_draw(name[-1])
        ]
        marker = usable[rng.integers(len(usable))]
        hang_px = style.body_px * rng.uniform(1.3, 2.4) + (style.body_px if len(marker) < 4 else 0.0) * 0.4
        offset_px = style.body_px * rng.uniform(0.0, 1.8)
        most, items, left = int(rng.integers(40, 220)), [], self.left
        for number in range(int(rng.integers(2, 8))):
            if left < 2 * LEAST_CHARACTERS:
                break
            item = self.prose.marker(marker, number) + self.prose.paragraph(least=10, most=min(most, left - 5))
            item = _cut(item, left)
            left -= _count(item)
            items.append((item, offset_px, offset_px + hang_px))
        if items:
            self._flow("list", items, marked=True)

    def _quote(self) -> None:
        inset = self.style.body_px * self.rng.uniform(1.5, 3.5)
        italic = bool(self.rng.random() < 0.6)
        words = self._fit(self.prose.paragraph(most=min(420, self.left)))
        words = [replace(word, italic=italic) for word in words]
        size_px = quarter(self.style.body_px * self.rng.uniform(0.9, 1.0))
        self._flow("quote", [(words, inset, inset)], right_px=inset, size_px=size_px)

    def _figure(self) -> None:
        """A picture without text, and its caption."""
        rng, style = self.rng, self.style
        height = int(style.body_px * rng.uniform(6.0, 14.0))
        label = (
            f"{rng.choice(('Figure', 'Fig.', 'Plate'))} {rng.integers(1, 30)}{rng.choice(('.', ':', ' –'))}"
            if style.language == "en"
            else f"图{rng.integers(1, 30)}"
        )
        words = self._fit(self.prose.plain(label) + self.prose.phrase(3, 24))
        size_px = quarter(max(style.body_px * rng.uniform(0.85, 1.0), 10.0 * style.supersampling))
        lines = break_lines(words, style.body, size_px, self._width_px())
        needed = height + style.body_px * 2.0 + len(lines) * size_px * style.pitch_em
        if self.y + needed > self.frames[0][3] and not self._next_frame():
            return
        if self.y + needed > self.frames[0][3]:
            return
        x1, y1, x2, _ = self.frames[0]
        self.y += style.body_px * 0.8 if self.y > y1 else 0.0
        width = int((x2 - x1) * rng.uniform(0.5, 1.0))
        start = x1 + (x2 - x1 - width) // 2
        self._draw_figure((start, round(self.y), start + width, round(self.y) + height))
        self.y += height + style.body_px * 0.5
        align = "centre" if rng.random() < 0.6 and len(lines) == 1 else "left"
        self._put_lines("caption", lines, style.body, size_px, align, 0.0, 0.0, style.ink)
        self.y += style.body_px * 0.7

    def _draw_figure(self, box: tuple[int, int, int, int]) -> None:
        rng, (x1, y1, x2, y2) = self.rng, box
        color = tuple(int(value) for value in rng.integers(60, 215, 3))
        self.decorations.append((x1, y1, x2 + 1, y2 + 1))
        kind = rng.integers(3)
        self.pencil.rectangle(box, fill=color if kind == 0 else None, outline=self.style.ink)
        if kind == 0:
            for _ in range(int(rng.integers(3, 9))):
                cx, cy = rng.uniform(x1, x2), rng.uniform(y1, y2)
                reach = rng.uniform(0.1, 0.4) * (y2 - y1)
                shape = (max(cx - reach, x1), max(cy - reach, y1), min(cx + reach, x2), min(cy + reach, y2))
                self.pencil.ellipse(shape, fill=tuple(int(value) for value in rng.integers(40, 235, 3)))
        elif kind == 1:
            heights = rng.uniform(0.1, 0.9, int(rng.integers(3, 12)))
            step = (x2 - x1) / (len(heights) + 0.5)
            for number, share in enumerate(heights):
                left = x1 + (number + 0.4) * step
                self.pencil.rectangle((left, y2 - share * (y2 - y1), left + 0.6 * step, y2), fill=color)
        else:
            xs = np.linspace(x1 + 4, x2 - 4, 24)
            ys = y2 - (y2 - y1) * np.clip(0.5 + np.cumsum(rng.normal(0.0, 0.09, 24)), 0.05, 0.95)
            self.pencil.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=color, width=2)

    # The frame around the text

    def _title(self) -> None:
        rng, style = self.rng, self.style
        bold = bool(rng.random() < 0.7)
        words = self._fit([replace(word, bold=bold) for word in self.prose.phrase(2, 10)])
        size_px = quarter(style.body_px * rng.uniform(1.5, 2.3))
        size_px = quarter(min(size_px, self._width_px() / 9.0))
        align = "centre" if style.centred or rng.random() < 0.4 else "left"
        lines = break_lines(words, style.display, size_px, self._width_px())
        self._put_lines("title", lines, style.display, size_px, align, 0.0, 0.0, style.accent)
        if rng.random() < 0.5:
            self.y += style.body_px * rng.uniform(0.2, 0.8)
            name = self._fit([replace(word, italic=True) for word in self.prose.name()])
            lines = break_lines(name, style.body, style.body_px, self._width_px())
            self._put_lines("byline", lines, style.body, style.body_px, align, 0.0, 0.0, style.ink)
        if rng.random() < 0.2:
            self.y += style.body_px * 0.4
            self._rule(self.frames[0][0], self.frames[0][2], round(self.y))
        self.y += style.body_px * rng.uniform(0.8, 2.0)

    def _letter_head(self) -> None:
        rng, style = self.rng, self.style
        sides = ("right", "left") if rng.random() < 0.6 else ("left", "left")
        for align in sides:
            address = [self.prose.name(), self.prose.phrase(1, 3)]
            address += [self.prose.plain(f"{rng.integers(1, 900)}") + self.prose.name()]
            address += [self.prose.date()] if align == sides[0] else []
            self._flow("paragraph", [(self._fit(words), 0.0, 0.0) for words in address if words], align=align)
            self.y += style.body_px * rng.uniform(0.6, 1.4)
        greeting = "您好：" if style.language == "zh" else "Dear "
        words = self.prose.plain(greeting)
        if style.language == "en":
            name = self.prose.name()
            words += [*name[:-1], replace(name[-1], text=name[-1].text + ",")] if name else []
        if words:
            self._flow("paragraph", [(self._fit(words), 0.0, 0.0)], align="left")

    def _closing(self) -> None:
        endings = {
            "en": ("Sincerely,", "Yours faithfully,", "Best regards,", "With kind regards,"),
            "zh": ("此致敬礼",),
        }
        options = endings[self.style.language]
        lines = [self.prose.plain(str(self.rng.choice(options))), self.prose.name()]
        words = [(self._fit(line), 0.0, 0.0) for line in lines if line]
        if self.frames and words and self.y + 4 * self._pitch_px() < self.frames[0][3]:
            self.y += self._pitch_px()
            self._flow("paragraph", words, align="left")

    def _header(self) -> None:
        words = self.prose.phrase(2, 6, capital=False)
        if self.rng.random() < 0.4:
            words += self.prose.plain(str(self.rng.integers(1, 500)))
        self._margin_line("header", self._fit(words), self.style.margins_px[1] * 0.45)
        if self.rng.random() < 0.4 and self.blocks:
            y = round(self.blocks[-1].box[3] + self.style.body_px * 0.35)
            if y < self.style.margins_px[1]:
                self._rule(self.style.margins_px[0], self.style.width_px - self.style.margins_px[2], y)

    def _footer_words(self) -> list[Word]:
        page = int(self.rng.integers(1, 600))
        patterns = _FOOTERS[self.style.language]
        pattern = patterns[self.rng.integers(len(patterns))]
        return self.prose.plain(pattern.format(page, page + int(self.rng.integers(0, 200))))

    def _footnote(self) -> TextBlock | None:
        """Set a footnote at the foot of the only column, and shorten the column."""
        style, (x1, y1, x2, y2) = self.style, self.frames[0]
        mark = self.prose.plain(str(self.rng.choice(("1", "2", "*", "†", "12"))))
        words = self._fit(mark + self.prose.paragraph(most=min(260, self.left)))
        size_px = quarter(max(style.body_px * 0.85, 11.0 * style.supersampling))
        lines = break_lines(words, style.body, size_px, x2 - x1)
        height = len(lines) * size_px * style.pitch_em + style.body_px
        if height > 0.3 * (y2 - self.y):
            return None
        self._rule(x1, x1 + (x2 - x1) // 3, round(y2 - height + 0.4 * style.body_px))
        kept, self.y = self.y, y2 - height + style.body_px
        self._put_lines("footnote", lines, style.body, size_px, "left", 0.0, 0.0, style.ink)
        self.frames[0], self.y = (x1, y1, x2, round(y2 - height)), kept
        return self.blocks.pop()

    def _margin_line(self, kind: str, words: list[Word], middle_px: float) -> None:
        style = self.style
        size_px = quarter(max(style.body_px * float(self.rng.uniform(0.85, 1.0)), 11.0 * style.supersampling))
        left, right = style.margins_px[0], style.width_px - style.margins_px[2]
        while words and break_lines(words, style.body, size_px, right - left)[0].end != END:
            words = words[:-1]
        if not words:
            return
        line = break_lines(words, style.body, size_px, right - left)[0]
        align = str(self.rng.choice(("left", "centre", "right")))
        baseline = middle_px + 0.35 * size_px
        inks = place_line(line, style.body, size_px, style.ink, left, baseline, right - left, align)
        if line_box(inks)[1] < 0 or line_box(inks)[3] > style.height_px:
            return
        self._keep(kind, [(line, inks)])

    def _rule(self, x1: int, x2: int, y: int) -> None:
        thickness = int(self.rng.integers(1, 3)) * self.style.supersampling
        self.pencil.rectangle((x1, y, x2 - 1, y + thickness - 1), fill=self.style.ink)
        self.decorations.append((x1, y, x2, y + thickness))

    # How blocks get their place

    def _columns(self) -> None:
        """Part what is left of the page into columns."""
        x1, _, x2, y2 = self.frames[0]
        count, gutter, top = self.style.columns, self.style.gutter_px, round(self.y)
        width = (x2 - x1 - gutter * (count - 1)) // count
        starts = [x1 + number * (width + gutter) for number in range(count)]
        self.frames = [(start, top, start + width, y2) for start in starts]
        if count > 1 and self.rng.random() < 0.12:
            for start in starts[1:]:
                x = start - gutter // 2
                self.pencil.rectangle((x, top, x + self.style.supersampling - 1, y2 - 1), fill=self.style.ink)
                self.decorations.append((x, top, x + self.style.supersampling, y2))

    def _next_frame(self) -> bool:
        self.frames.pop(0)
        if self.frames:
            self.y = float(self.frames[0][1])
        return bool(self.frames)

    def _width_px(self) -> float:
        return self.frames[0][2] - self.frames[0][0]

    def _pitch_px(self) -> float:
        return self.style.body_px * self.style.pitch_em

    def _fit(self, words: list[Word]) -> list[Word]:
        """Cut words to what the page may still hold, at least one."""
        return _cut(words, self.left)

    def _flow(
        self,
        kind: str,
        paragraphs: list[tuple[list[Word], float, float]],
        *,
        align: str | None = None,
        right_px: float = 0.0,
        size_px: float | None = None,
        marked: bool = False,
    ) -> None:
        """Set paragraphs in the frames, over a frame's end into the next; what the last can't hold is left out.

        Args:
            kind: of the block.
            paragraphs: words, where the first line begins and where the others do, in px from the frame's edge.
            align: other than the page's.
            right_px: inset on the right.
            size_px: other than the body's.
            marked: whether the first word is a list mark, which hangs before the others.
        """
        if not self.frames:
            return
        style, size_px = self.style, size_px or self.style.body_px
        align = align or style.align
        pitch_px = size_px * style.pitch_em
        placed: list[tuple[SetLine, list[PlacedWord]]] = []
        for words, first_px, other_px in paragraphs:
            mark, words = (words[:1], words[1:]) if marked and len(words) > 1 else ([], words)
            first_px = self._after_mark_px(mark[0], first_px, other_px) if mark else first_px
            width = self._width_px() - right_px
            lines = break_lines(words, style.body, size_px, width - other_px, width - first_px, style.hyphenate)
            for number, line in enumerate(lines):
                if self.y + pitch_px > self.frames[0][3]:
                    self._keep(kind, placed, is_continued=number > 0)
                    placed = []
                    if not self._next_frame():
                        return
                x1, room = self.frames[0][0], self._width_px() - right_px
                start = first_px if number == 0 else other_px
                baseline = self.y + style.ascent_em * size_px
                inks = place_line(line, style.body, size_px, style.ink, x1 + start, baseline, room - start, align)
                if mark and number == 0:
                    edge = x1 + paragraphs[0][1]
                    face = style.body.regular
                    inks.insert(0, PlacedWord(mark[0].text, round(edge), round(baseline), face, size_px, style.ink))
                    line = replace(line, words=(mark[0], *line.words))
                placed.append((line, inks))
                self.y += pitch_px
            if kind == "list":
                self.y += style.gap_px * 0.3
        self._keep(kind, placed)
        self.y += style.gap_px

    def _after_mark_px(self, mark: Word, first_px: float, other_px: float) -> float:
        """Where a list item's text begins: at the hanging indent, or after a mark that is wider."""
        width_px = text_width_px(self.style.body.regular, self.style.body_px, mark.text)
        return max(other_px, first_px + width_px + 0.35 * self.style.body_px)

    def _put_lines(
        self,
        kind: str,
        lines: list[SetLine],
        typeface: Typeface,
        size_px: float,
        align: str,
        left_px: float,
        right_px: float,
        color: Color,
    ) -> None:
        """Set lines that stay together at the cursor."""
        x1, placed = self.frames[0][0], []
        for line in lines:
            baseline = self.y + self.style.ascent_em * size_px
            room = self._width_px() - left_px - right_px
            placed.append((line, place_line(line, typeface, size_px, color, x1 + left_px, baseline, room, align)))
            self.y += size_px * self.style.pitch_em
        self._keep(kind, placed)

    def _keep(self, kind: str, placed: list[tuple[SetLine, list[PlacedWord]]], is_continued: bool = False) -> None:
        if not placed:
            return
        lines = []
        for line, inks in placed:
            self.inks += inks
            lines.append(TextLine(line.text, line_box(inks), line.end))
            self.left -= len(line.text) + 1
        self.blocks.append(TextBlock(kind, tuple(lines), is_continued))

    def drawing(self) -> PageDrawing:
        """Draw what was set.

        Returns:
            The page; boxes are in px of the final picture.
        """
        draw_words(self.image, self.inks)
        scale, image = self.style.supersampling, self.image
        if scale > 1:
            image = image.reduce(scale)
        blocks = tuple(
            replace(block, lines=tuple(replace(line, box=_shrink(line.box, scale)) for line in block.lines))
            for block in self.blocks
        )
        faces = sorted({f"{ink.face.family} {ink.face.style}" for ink in self.inks})
        decorations = tuple(_shrink(box, scale) for box in self.decorations)
        body_px = self.style.body_px / scale
        return PageDrawing(image, blocks, tuple(faces), self.style.layout, self.style.dpi, body_px, decorations)


def _shrink(box: Box, scale: int) -> Box:
    x1, y1, x2, y2 = (value / scale for value in box)
    return x1, y1, x2, y2


def _cut(words: list[Word], most: int) -> list[Word]:
    while len(words) > 1 and _count(words) > most:
        words = words[:-1]
    return words


def _count(words: list[Word]) -> int:
    return sum(len(word.text) + word.after_space for word in words)
