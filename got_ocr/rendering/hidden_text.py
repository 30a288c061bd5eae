"""What text a PDF page has already, seen or hidden, and how a hidden layer is taken out again.

Hidden text is what is set in text render mode 3, as every OCR program writes it: ours, Tesseract's, OCRmyPDF's. Read
by pikepdf alone, so that PDFium, which no two threads may use at once, is left out of it.
"""

from dataclasses import dataclass
from typing import Any

from got_ocr.rendering.page_geometry import inherited

HIDDEN_MODE = 3
MAX_FORM_DEPTH = 6
MAX_FORMS = 200  # Drawn on a page; forms that draw each other many times over multiply.
MAX_CONTENT_BYTES = 20_000_000  # Of a page's content that is looked through; drawings of millions of lines have more.
_SHOWING = frozenset({"Tj", "TJ", "'", '"'})


@dataclass
class TextCount:
    """How many bytes of text a page shows and hides; True for `unknown` where its content is too long to tell."""

    seen: int = 0
    hidden: int = 0
    unknown: bool = False


def count_text(page: Any) -> TextCount:
    """Count the text on a page, in forms drawn on it as well.

    Args:
        page: The `pikepdf.Page`.

    Returns:
        The count.
    """
    walker = _Walker()
    walker.walk(page.obj, inherited(page, "/Resources"), _State(), 0)
    return walker.count


def remove_hidden_text(document: Any, page: Any) -> bool:
    """Take the hidden text out of a page; whatever else it draws stays.

    Args:
        document: The `pikepdf.Pdf`.
        page: Its page. Forms that hold hidden text are copied first, since other pages may draw them too.

    Returns:
        Whether there was any.
    """
    walker = _Walker(document)
    instructions = walker.walk(page.obj, inherited(page, "/Resources"), _State(), 0)
    if not walker.count.hidden or walker.count.unknown:
        return False
    if instructions is not None:
        import pikepdf

        page.obj.Contents = pikepdf.Stream(document, pikepdf.unparse_content_stream(instructions))
    if walker.replaced:
        give_own_resources(page, "/XObject")
        for name, form in walker.replaced.items():
            page.obj.Resources.XObject[name] = form
    return True


def give_own_resources(page: Any, kind: str) -> Any:
    """Give a page resources of its own, which may be inherited or shared with others.

    Args:
        page: The `pikepdf.Page`.
        kind: Which of them is about to be changed, such as ``/Font``.

    Returns:
        The page's own dictionary of that kind.
    """
    import pikepdf

    shared = inherited(page, "/Resources")
    resources = pikepdf.Dictionary(dict(shared.items()) if isinstance(shared, pikepdf.Dictionary) else {})
    inner = resources.get(kind)
    resources[kind] = pikepdf.Dictionary(dict(inner.items()) if isinstance(inner, pikepdf.Dictionary) else {})
    page.obj.Resources = resources
    return page.obj.Resources[kind]


@dataclass
class _State:
    """The text render mode, and those kept by q."""

    mode: int = 0
    kept: tuple[int, ...] = ()


class _Walker:
    """Reader of content: counts text, and collects what is left without the hidden one where it may write.

    Args:
        document: The PDF, where hidden text is to be taken out.
    """

    def __init__(self, document: Any = None) -> None:
        self.document = document
        self.count = TextCount()
        self.bytes_left = MAX_CONTENT_BYTES
        self.forms_left = MAX_FORMS
        self.replaced: dict[str, Any] = {}  # Forms of the page itself that hold hidden text.

    def walk(self, holder: Any, resources: Any, state: _State, depth: int) -> list[Any] | None:
        """Walk through a page's or a form's content.

        Args:
            holder: The page's dictionary, or the form.
            resources: What its names mean.
            state: Where it begins; changed.
            depth: In how many forms it stands.

        Returns:
            Its instructions without those that show hidden text; None where none does.
        """
        import pikepdf

        if not self._is_readable(holder, resources):
            return None
        kept: list[Any] = []
        hidden_before = self.count.hidden
        try:
            instructions = pikepdf.parse_content_stream(holder)
        except (pikepdf.PdfError, TypeError, ValueError):
            return None
        removed = False
        for instruction in instructions:
            operator, operands = str(instruction.operator), instruction.operands
            if operator == "q":
                state.kept = (*state.kept[-200:], state.mode)
            elif operator == "Q" and state.kept:
                state.mode, state.kept = state.kept[-1], state.kept[:-1]
            elif operator == "Tr" and len(operands):
                state.mode = _whole(operands[0])
            elif operator == "Do" and len(operands):
                self._walk_form(str(operands[0]), resources, state, depth)
            elif operator in _SHOWING:
                size = _text_size(operands)
                if state.mode != HIDDEN_MODE:
                    self.count.seen += size
                else:
                    self.count.hidden += size
                    removed = True
                    kept += _moves_of(operator, operands)
                    continue
            kept.append(instruction)
        return kept if removed and self.count.hidden > hidden_before else None

    def _is_readable(self, holder: Any, resources: Any) -> bool:
        """Say whether content may hold text at all, and is short enough to be walked through."""
        import pikepdf

        if not isinstance(resources, pikepdf.Dictionary):
            return False
        if not resources.get("/Font") and not resources.get("/XObject"):
            return False
        contents = holder if isinstance(holder, pikepdf.Stream) else holder.get("/Contents")
        streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
        has_text = False
        for stream in streams:
            if not isinstance(stream, pikepdf.Stream):
                continue
            try:
                data = stream.read_bytes()
            except pikepdf.PdfError:
                continue
            self.bytes_left -= len(data)
            has_text = has_text or b"BT" in data or b"Do" in data
            if self.bytes_left < 0:
                self.count.unknown = self.count.unknown or b"BT" in data
                return False
        return has_text

    def _walk_form(self, name: str, resources: Any, state: _State, depth: int) -> None:
        import pikepdf

        forms = resources.get("/XObject")
        form = forms.get(name) if isinstance(forms, pikepdf.Dictionary) else None
        if not isinstance(form, pikepdf.Stream) or form.get("/Subtype") != "/Form" or depth >= MAX_FORM_DEPTH:
            return
        if self.forms_left <= 0:
            return
        self.forms_left -= 1
        inner = _State(state.mode)
        instructions = self.walk(form, form.get("/Resources", resources), inner, depth + 1)
        if instructions is not None and self.document is not None and depth == 0:
            copy = pikepdf.Stream(self.document, pikepdf.unparse_content_stream(instructions))
            for key, value in form.items():
                if key not in ("/Length", "/Filter", "/DecodeParms"):
                    copy[key] = value
            self.replaced[name] = self.document.make_indirect(copy)


def _whole(operand: Any) -> int:
    try:
        return int(operand)
    except (TypeError, ValueError):
        return 0


def _text_size(operands: Any) -> int:
    import pikepdf

    size = 0
    for operand in operands:
        parts = list(operand) if isinstance(operand, pikepdf.Array) else [operand]
        size += sum(len(bytes(part)) for part in parts if isinstance(part, pikepdf.String))
    return size


def _moves_of(operator: str, operands: Any) -> list[Any]:
    """What a showing operator does beside showing: ' and " begin the next line."""
    import pikepdf

    if operator not in ("'", '"'):
        return []
    moves = [pikepdf.ContentStreamInstruction([], pikepdf.Operator("T*"))]
    if operator == '"' and len(operands) == 3:
        spacings = [([operands[0]], "Tw"), ([operands[1]], "Tc")]
        moves = [pikepdf.ContentStreamInstruction(one, pikepdf.Operator(name)) for one, name in spacings] + moves
    return moves
