"""Whole documents of business: receipts, forms and screens, with every printed line as their truth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.documents.lines import COLUMN_GAP, DocumentText, plain_text
from got_ocr.synthesis.documents.printing import ABOVE_EM, BELOW_EM, PROCESSES, PrintStyle
from got_ocr.synthesis.documents.sheet import CENTRE, LEFT, RIGHT, Color, Sheet, Type
from got_ocr.synthesis.documents.slices import MONOSPACED_FAMILIES, NARROW_FAMILIES
from got_ocr.synthesis.resources import LATIN, Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace, can_draw, is_small_capitals

_HEIGHT_EM = ABOVE_EM + BELOW_EM
_MOST_TRIES = 20
_LIGHT_SHADES = (255, 250, 245, 240)
_BUTTON_COLORS: tuple[Color, ...] = (
    (33, 111, 219), (40, 140, 70), (200, 50, 50), (90, 90, 90), (225, 225, 225), (250, 190, 40), (60, 40, 120),
)  # fmt: skip


class _Documents:
    """What the three kinds share: faces, lines, and the way from a sheet to a sample."""

    name = ""

    def __init__(self, resources: Resources) -> None:
        """Keep what to draw with.

        Args:
            resources: fonts, text and degradations; lines are written in English forms, with the corpus's words.
        """
        self.resources = resources
        self.text = DocumentText(resources.corpus, LATIN)
        families = {name: faces for name, faces in resources.text_families.items() if not is_small_capitals(name)}
        narrow = [families[name] for name in (*MONOSPACED_FAMILIES, *NARROW_FAMILIES) if name in families]
        self.families = list(families.values())
        self.machine_families = narrow or self.families

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a document.

        Args:
            rng: the only source of chance.

        Returns:
            A sample with the instruction `OCR: `; `source` has each text's box before the picture was degraded.
        """
        sheet, facts = self.fill(rng)
        image = sheet.image(round(sheet.y_px))
        image, applied = degrade_share(image, rng, self.resources.degradations)
        lines = [{"text": one.text, "box": list(one.box), "row": one.row} for one in sheet.placed]
        source = {**facts, "lines": lines, "degradations": applied}
        return Sample(self.name, (image,), (Turn(instruction(), sheet.text()),), source)

    def fill(self, rng: np.random.Generator) -> tuple[Sheet, Mapping[str, Any]]:
        """Fill a sheet. Args: rng: decides. Returns: the sheet, `y_px` its height, and facts for `source`."""
        raise NotImplementedError

    def face(self, rng: np.random.Generator, families: Sequence[Sequence[FontFace]], bold: bool = False) -> FontFace:
        """Draw a face. Args: rng: decides. families: from these. bold: of that weight, if any. Returns: the face."""
        faces = families[int(rng.integers(len(families)))]
        wanted = [
            face for face in faces if ("bold" in face.style.lower()) == bold and "ital" not in face.style.lower()
        ]
        pool = wanted or list(faces)
        return pool[int(rng.integers(len(pool)))]

    def line(self, rng: np.random.Generator, kind: str, face: FontFace) -> str:
        """Write a line that a face can draw. Args: rng: decides. kind: of lines.py. face: the face. Returns: it."""
        for _ in range(_MOST_TRIES):
            line = self.text.line(rng, kind)
            if all(can_draw(face, character) for character in plain_text(line)):
                return line
        return str(rng.integers(1, 10_000))


def _resized(style: PrintStyle, factor: float, least_px: float = 8.0) -> PrintStyle:
    """The same print in another size, in whole px."""
    em_px = max(least_px, float(round(style.em_px * factor)))
    return replace(style, em_px=em_px, dots_em=style.dots_em * em_px / style.em_px)


def _style(rng: np.random.Generator, process: str, em_px: float) -> PrintStyle:
    """A style of one process at one size, with no more damage than people read through."""
    dots = {
        "screen": em_px, "matrix": float(rng.uniform(11.0, 14.0)), "thermal": float(round(rng.uniform(18.0, 32.0))),
        "fax": float(round(rng.uniform(22.0, 36.0))),
    }.get(process, float(round(em_px * (3.0 if em_px < 26 else 2.0))))  # fmt: skip
    return PrintStyle(process, em_px, dots, 0.0, 1.0, float(0.7 * rng.beta(1.1, 2.5)))


class Receipts(_Documents):
    """Till receipts: letterhead, numbers, articles with prices, sums, thanks."""

    name = "receipts"

    def fill(self, rng: np.random.Generator) -> tuple[Sheet, Mapping[str, Any]]:
        """Fill a slip. Args: rng: decides. Returns: the sheet and facts."""
        process = str(rng.choice(["thermal", "thermal", "thermal", "scan", "matrix", "render", "bilevel"]))
        low, high = max(15.0, PROCESSES[process][2][0]), min(34.0, PROCESSES[process][2][1])
        em_px = float(round(rng.uniform(low, high)))
        body = Type(
            self.face(rng, self.machine_families if rng.random() < 0.75 else self.families),
            _style(rng, process, em_px),
        )
        shade = _LIGHT_SHADES[int(rng.integers(len(_LIGHT_SHADES)))]
        dark = int(rng.integers(0, 60))
        sheet = Sheet(
            round(em_px * rng.uniform(17.0, 26.0)), (shade,) * 3, (dark,) * 3, em_px * float(rng.uniform(0.5, 2.0))
        )
        margin = em_px * float(rng.uniform(0.5, 1.5))
        room = margin, sheet.width - margin
        pitch = em_px * float(rng.uniform(1.15, 1.5))

        def row(parts: Sequence[tuple[str, str]], kind: Type = body) -> None:
            sheet.begin_row()
            _print_apart(rng, sheet, parts, kind, room)
            sheet.y_px += pitch * kind.style.em_px / em_px

        align = CENTRE if rng.random() < 0.75 else LEFT
        large = replace(body, style=_resized(body.style, float(rng.uniform(1.0, 1.5))))
        row([(self.line(rng, "address", body.face), align)], large)
        for _ in range(int(rng.integers(1, 5))):
            kind = "address" if rng.random() < 0.7 else "contact"
            row([(self.line(rng, kind, body.face), align)])
        self._rule(rng, sheet, room, pitch)
        for _ in range(int(rng.integers(1, 6))):
            row(_columns(self.line(rng, "receipt-label", body.face)))
        self._rule(rng, sheet, room, pitch)
        for _ in range(int(rng.integers(1, 10))):
            row(_columns(self.line(rng, "receipt-item", body.face)))
        self._rule(rng, sheet, room, pitch)
        for _ in range(int(rng.integers(2, 8))):
            row(_columns(self.line(rng, "receipt-total", body.face)))
        self._rule(rng, sheet, room, pitch)
        for _ in range(int(rng.integers(0, 5))):
            row([(self.line(rng, "receipt-ending", body.face), align)])
        sheet.y_px += em_px * float(rng.uniform(0.3, 2.0))
        return sheet, {"process": process, "em_px": em_px, "face": f"{body.face.family} {body.face.style}"}

    def _rule(self, rng: np.random.Generator, sheet: Sheet, room: tuple[float, float], pitch: float) -> None:
        """Part two blocks by white, a line, or dashes."""
        kind, y = rng.random(), sheet.y_px + 0.45 * pitch
        if kind < 0.35:
            sheet.shape((room[0], y, room[1], y + 1), fill=sheet.ink)
        elif kind < 0.6:
            for x in np.arange(room[0], room[1] - pitch / 3, pitch / 2):
                sheet.shape((x, y, x + pitch / 3, y + 1), fill=sheet.ink)
        sheet.y_px += pitch * (0.9 if kind < 0.6 else 0.4)


class Forms(_Documents):
    """Forms that are filled in: names of fields in small print, boxes or lines, values typed or printed."""

    name = "forms"

    def fill(self, rng: np.random.Generator) -> tuple[Sheet, Mapping[str, Any]]:
        """Fill a form. Args: rng: decides. Returns: the sheet and facts."""
        process = str(rng.choice(["render", "render", "scan", "bilevel", "fax", "screen"]))
        em_px = float(round(rng.uniform(max(14.0, PROCESSES[process][2][0]), 30.0 if process != "screen" else 20.0)))
        print_face, value_face = self.face(rng, self.families), self.face(rng, self.machine_families)
        filled = str(rng.choice([process, "typewriter" if process in ("scan", "bilevel", "fax") else process]))
        names = Type(print_face, _style(rng, process, em_px))
        small = Type(print_face, _resized(names.style, float(rng.uniform(0.7, 1.0)), 11.0))
        values = Type(value_face, _style(rng, filled, em_px))
        sheet = Sheet(round(em_px * rng.uniform(34.0, 56.0)), (255,) * 3, (int(rng.integers(0, 50)),) * 3, 1.5 * em_px)
        margin = em_px * float(rng.uniform(1.5, 3.0))
        room = margin, sheet.width - margin
        heading = Type(
            self.face(rng, self.families, bold=True), _style(rng, process, round(em_px * rng.uniform(1.1, 1.6)))
        )
        for number in range(int(rng.integers(1, 3))):
            sheet.begin_row()
            sheet.print(rng, self.line(rng, "heading" if number else "capitals", heading.face), heading, room, CENTRE)
            sheet.y_px += 1.5 * heading.style.em_px
        boxed = rng.random() < 0.55
        for _ in range(int(rng.integers(4, 14))):
            if rng.random() < 0.12:
                sheet.begin_row()
                sheet.print(rng, self.line(rng, "prose", names.face), names, room)
                sheet.y_px += 1.5 * em_px
            elif boxed:
                self._boxes(rng, sheet, small, values, room)
            else:
                self._fields(rng, sheet, names, values, room)
        sheet.y_px += margin
        facts = {"process": process, "em_px": em_px, "boxed": boxed}
        return sheet, {**facts, "faces": sorted({f"{face.family} {face.style}" for face in (print_face, value_face)})}

    def _boxes(
        self, rng: np.random.Generator, sheet: Sheet, small: Type, values: Type, room: tuple[float, float]
    ) -> None:
        """A row of one to four boxes, each with its field's name above what is filled in."""
        count = int(rng.integers(1, 5))
        shares = rng.uniform(0.6, 1.6, count)
        edges = room[0] + np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * (room[1] - room[0])
        top, pad = sheet.y_px, 0.35 * values.style.em_px
        height = _HEIGHT_EM * (small.style.em_px + values.style.em_px) + 1.2 * pad
        sheet.begin_row()
        sheet.y_px = top + 0.4 * pad
        for begin, end in pairwise(edges.tolist()):
            sheet.shape((begin, top, end, top + height), outline=sheet.ink, px=1 + int(rng.random() < 0.3))
            sheet.print(rng, self.line(rng, "form-label", small.face), small, (begin + pad, end - pad))
        sheet.begin_row()
        sheet.y_px += _HEIGHT_EM * small.style.em_px + 0.2 * pad
        for begin, end in pairwise(edges.tolist()):
            if rng.random() < 0.85:
                sheet.print(rng, self.line(rng, "form-value", values.face), values, (begin + pad, end - pad))
        sheet.y_px = top + height

    def _fields(
        self, rng: np.random.Generator, sheet: Sheet, names: Type, values: Type, room: tuple[float, float]
    ) -> None:
        """A row of one or two fields: the name, a line, and what is filled in on it."""
        count = int(rng.choice([1, 1, 2]))
        wide = (room[1] - room[0]) / count
        sheet.begin_row()
        for number in range(count):
            begin, end = room[0] + number * wide, room[0] + (number + 1) * wide - names.style.em_px
            label = self.line(rng, "form-label", names.face) + (":" if rng.random() < 0.7 else "")
            placed = sheet.print(rng, label, names, (begin, begin + 0.55 * wide))
            begin = (placed.box[2] if placed else begin) + 0.7 * names.style.em_px
            if rng.random() < 0.8:
                sheet.print(rng, self.line(rng, "form-value", values.face), values, (begin, end))
            if rng.random() < 0.7:
                y = sheet.baseline_px(names) + 0.3 * names.style.em_px
                sheet.shape((begin, y, end, y + 1), fill=sheet.ink)
        sheet.y_px += names.style.em_px * float(rng.uniform(1.6, 2.4))


class Screens(_Documents):
    """Windows of programs and web pages: bars, menus, buttons light on dark, lists, coloured words."""

    name = "screens"

    def fill(self, rng: np.random.Generator) -> tuple[Sheet, Mapping[str, Any]]:
        """Fill a screen. Args: rng: decides. Returns: the sheet and facts."""
        em_px = float(round(rng.uniform(11.0, 20.0)))
        night = rng.random() < 0.25
        shade, dark = int(rng.integers(240, 256)), int(rng.integers(0, 70))
        paper, ink = ((dark // 2 + 10,) * 3, (shade,) * 3) if night else ((shade,) * 3, (dark,) * 3)
        sheet = Sheet(round(em_px * rng.uniform(34.0, 64.0)), paper, ink)
        body = Type(self.face(rng, self.families), _style(rng, "screen", em_px))
        bold = Type(self.face(rng, self.families, bold=True), _style(rng, "screen", em_px))
        margin = em_px * float(rng.uniform(0.6, 2.0))
        room = margin, sheet.width - margin
        self._bar(rng, sheet, body, room, night)
        for _ in range(int(rng.integers(4, 16))):
            kind = rng.random()
            if kind < 0.18:
                self._buttons(rng, sheet, body, room)
                continue
            sheet.begin_row()
            color = (40, 90, 220) if kind > 0.85 and not night else None
            name = str(rng.choice(["prose", "heading", "form-field", "table-row", "contact", "program", "numbers"]))
            chosen = bold if name == "heading" else body
            _print_apart(rng, sheet, _columns(self.line(rng, name, chosen.face)), chosen, room, color)
            sheet.y_px += em_px * float(rng.uniform(1.4, 2.2))
        sheet.y_px += margin
        return sheet, {"em_px": em_px, "night": bool(night), "face": f"{body.face.family} {body.face.style}"}

    def _bar(self, rng: np.random.Generator, sheet: Sheet, kind: Type, room: tuple[float, float], night: bool) -> None:
        """A title bar in a colour of its own, and the words of a menu."""
        color = _BUTTON_COLORS[int(rng.integers(len(_BUTTON_COLORS)))]
        height = 1.9 * kind.style.em_px
        sheet.shape((0, 0, sheet.width, height), fill=color)
        sheet.begin_row()
        sheet.y_px = (height - _HEIGHT_EM * kind.style.em_px) / 2.0
        sheet.print(rng, self.line(rng, "heading", kind.face), kind, room, LEFT, _readable_on(color))
        sheet.y_px = height + 0.2 * kind.style.em_px
        if rng.random() < 0.7:
            sheet.begin_row()
            x = room[0]
            for _ in range(int(rng.integers(2, 8))):
                placed = sheet.print(rng, self.line(rng, "words1", kind.face).capitalize(), kind, (x, room[1]))
                x = (placed.box[2] if placed else room[1]) + 1.2 * kind.style.em_px
            sheet.y_px += 1.7 * kind.style.em_px

    def _buttons(self, rng: np.random.Generator, sheet: Sheet, kind: Type, room: tuple[float, float]) -> None:
        """A row of buttons."""
        x, em_px = room[0], kind.style.em_px
        top = sheet.y_px
        sheet.begin_row()
        sheet.y_px = top + 0.4 * em_px
        for _ in range(int(rng.integers(1, 4))):
            color = _BUTTON_COLORS[int(rng.integers(len(_BUTTON_COLORS)))]
            line = self.line(rng, str(rng.choice(["words1", "words2"])), kind.face).title()
            placed = sheet.print(rng, line, kind, (x + em_px, room[1] - em_px), LEFT, _readable_on(color))
            if placed is None:
                break
            end = placed.box[2] + em_px
            sheet.shape((x, top, end, top + (_HEIGHT_EM + 0.8) * em_px), fill=color)
            x = end + em_px
        sheet.y_px = top + (_HEIGHT_EM + 1.4) * em_px


def _columns(line: str) -> list[tuple[str, str]]:
    """Part a line at its gaps: the first part stands left, the others right."""
    parts = [part for part in line.split(COLUMN_GAP) if plain_text(part)]
    return [(part, RIGHT if number else LEFT) for number, part in enumerate(parts)]


def _print_apart(
    rng: np.random.Generator,
    sheet: Sheet,
    parts: Sequence[tuple[str, str]],
    kind: Type,
    room: tuple[float, float],
    color: Color | None = None,
) -> None:
    """Print parts of a row into shares of its room; the first one gets what the others don't need."""
    if len(parts) <= 1:
        for text, align in parts:
            sheet.print(rng, text, kind, room, align, color)
        return
    share = min(0.3, 0.62 / (len(parts) - 1)) * (room[1] - room[0])
    first_end = room[1] - share * (len(parts) - 1)
    gap = 0.8 * kind.style.em_px
    for number, (text, align) in enumerate(parts):
        begin = room[0] if not number else first_end + share * (number - 1)
        end = first_end - gap if not number else first_end + share * number - (gap if number < len(parts) - 1 else 0.0)
        sheet.print(rng, text, kind, (begin, end), align, color)


def _readable_on(color: Color) -> Color:
    """White on dark colours, black on light ones."""
    return (255, 255, 255) if 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2] < 140 else (0, 0, 0)
