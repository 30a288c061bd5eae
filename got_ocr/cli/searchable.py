"""`--searchable`: what was read, as a PDF whose text can be found.

What is read is kept in a hidden file beside the PDF until the PDF is whole: a full disk or a stop costs no page.
"""

import argparse
from typing import TYPE_CHECKING

from .checks import is_pdf_file
from .identity import PageKey, PageKeys
from .job import ReadingJob
from .json_output import JsonLinesOutput
from .output import Output, PageName, PageRecord
from .render import boxed_lines, load_picture, open_searchable
from .side_outputs import SideOutputs
from .writing import prepare_target, writing

if TYPE_CHECKING:
    from ..processing.pages import FoundPage, Page


class _Kept:
    """An output that also keeps each page's record in a file, and knows what an earlier run kept there."""

    def __init__(self, output: Output, lines: JsonLinesOutput) -> None:
        self.output = output
        self.lines = lines
        self.notices = output.notices
        self.has, self.failure = lines.has, lines.failure

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Give what an earlier run read, and print it as this one's pages are."""
        record = self.lines.read_back(page)
        if record is not None:
            self.output.write(record, PageName("", 1, is_document=False), page)
        return record

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Write and keep a page."""
        self.lines.write(record, page)
        self.output.write(record, name, page)

    def finish(self) -> None:
        """Finish the output; the file is taken away when the PDF is whole."""
        self.output.finish()


def read_searchable(job: ReadingJob, args: argparse.Namespace, keys: PageKeys, beside: SideOutputs) -> None:
    """Run a job and write what it read as a searchable PDF.

    Args:
        job: The job, not run yet.
        args: The arguments of `got-ocr`.
        keys: Makes the pages' keys.
        beside: Takes records for what else is written.

    Raises:
        CommandError: If the PDF can't be written.
        ValueError: If the document can't be opened.
    """
    from ..rendering.searchable import PageText

    target = prepare_target("--searchable", args.searchable)
    document = args.inputs[0] if len(args.inputs) == 1 and is_pdf_file(args.inputs[0]) else None
    pdf = open_searchable(target, document, password=args.password, redo=args.redo, plain=args.type == "ocr")
    lines = JsonLinesOutput(target.with_name(f".{target.name}.got-ocr.jsonl"), args.force)
    job.output, job.keys = _Kept(job.output, lines), keys
    num_with_text = 0

    def keep(record: PageRecord, page: "Page | None") -> None:
        beside.take(record, page)
        if not isinstance(record.input, str) or record.error is not None:
            return  # The page stays in its document, without a layer.
        number = record.page or 1
        text = PageText(number, record.text, boxed_lines(record.line_entries()), record.size)
        picture = None
        if pdf.needs_pictures:  # What is not kept from this run is loaded, not read, again.
            picture = page.image if page is not None else load_picture(record.input, number)
        pdf.add(text, picture)

    def has_text(found: "FoundPage") -> bool:
        nonlocal num_with_text
        found_text = pdf.has_text(found.number or 1)
        num_with_text += found_text
        return found_text

    job.on_record, job.skip = keep, has_text
    job.run()
    if pdf.num_pages or num_with_text:
        with writing(target):
            report = pdf.save()
        for note in report.notes:
            job.progress.notice(f"{note}.")
        if num_with_text:
            said = (
                "1 page has text already and is" if num_with_text == 1 else f"{num_with_text} pages have text and are"
            )
            hint = "" if args.redo else " (--redo replaces a hidden layer)"
            job.progress.notice(f"{said} left as before{hint}.")
        job.progress.notice(f"searchable: {target}")
    lines.remove()
