"""`--searchable`: what was read, as a PDF whose text can be found.

What is read is kept in a hidden file beside the PDF until the PDF is whole: a full disk or a stop costs no page.
"""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checks import is_pdf_file
from .identity import PageKey, PageKeys
from .job import ReadingJob
from .json_output import JsonLinesOutput
from .output import Output, PageName, PageRecord
from .render import ReadPage, boxed_lines, write_searchable
from .writing import prepare_target, write_whole, writing

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


def read_searchable(job: ReadingJob, args: argparse.Namespace, keys: PageKeys, rendered: Any) -> None:
    """Run a job and write what it read as a searchable PDF.

    Args:
        job: The job, not run yet.
        args: The arguments of `got-ocr`.
        keys: Makes the pages' keys.
        rendered: Takes records for `--render`, or None.

    Raises:
        CommandError: If the PDF can't be written.
        ValueError: If the document can't be opened.
    """
    target = prepare_target("--searchable", args.searchable)
    keep_pages = len(args.inputs) == 1 and is_pdf_file(args.inputs[0])
    lines = JsonLinesOutput(target.with_name(f".{target.name}.got-ocr.jsonl"), args.force)
    job.output, job.keys = _Kept(job.output, lines), keys
    pages: list[ReadPage] = []
    with tempfile.TemporaryDirectory(prefix="got-ocr-") as folder:

        def keep(record: PageRecord, page: "Page | None") -> None:
            if rendered is not None:
                rendered.take(record, page)
            if not isinstance(record.input, str) or (record.error is not None and not keep_pages):
                return
            source, number = record.input, record.page or 1
            if page is not None and not keep_pages and not Path(source).is_file():
                picture = Path(folder) / f"{len(pages)}.png"  # What a URL or a pipe brought is not fetched again.
                page.image.save(picture, compress_level=1)
                source, number = str(picture), 1
            pages.append(ReadPage(record.text, source, number, boxed_lines(record.line_entries()), record.size))

        def has_text(found: "FoundPage") -> bool:
            if not args.keep_text_pages or not found.has_text():
                return False
            pages.append(ReadPage("", found.source, found.number))
            return True

        job.on_record, job.skip = keep, has_text
        job.run()
        if not pages:
            lines.remove()
            return
        pages.sort(key=lambda page: page.number if keep_pages else 0)
        with writing(target):
            write_whole(
                target,
                lambda part: write_searchable(
                    pages,
                    part,
                    keep_pages=keep_pages,
                    keep_text_pages=args.keep_text_pages,
                    plain=args.type == "ocr",
                ),
            )
    lines.remove()
    job.progress.notice(f"searchable: {target}")
