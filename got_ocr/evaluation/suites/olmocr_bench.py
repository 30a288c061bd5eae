"""olmOCR-bench (allenai/olmOCR-bench): unit tests of what the Markdown of a PDF page holds.

The data: a folder with `*.jsonl` (a test a line) and `pdfs/`, or the Hub's repository with these under `bench_data/`.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..samples import DocumentPage, Sample
from .olmocr_tests import PageTest
from .report import Failure, SuiteReport, mean_of_groups

DATASET_ID = "allenai/olmOCR-bench"
DATA_FOLDER = "bench_data"
PDF_FOLDER = "pdfs"
BASELINE = "baseline"
NOTE = (
    "Formulas are compared by canonical LaTeX tokens, not as KaTeX draws them: what the official checker, which needs "
    "a browser, says of the answers' folder counts."
)


class OlmOcrBench:
    """The benchmark's pages and tests.

    Args:
        data: Its folder.

    Attributes:
        samples: A sample a page that is tested.

    Raises:
        ValueError: If a line is no test, a name is used twice, or a PDF is missing; the message says where.
        FileNotFoundError: If the folder holds no tests.
    """

    name = "olmocr-bench"

    def __init__(self, data: str | Path) -> None:
        self.folder = _data_folder(Path(data))
        self.tests = _with_baselines(_read_tests(self.folder), self.folder)
        pages = sorted({(test.pdf, test.page) for test in self.tests})
        self.samples = [
            Sample(index, _page_name(pdf, page), "", "", DocumentPage(self.folder / PDF_FOLDER / pdf, page))
            for index, (pdf, page) in enumerate(pages)
        ]

    def score(self, answers: Mapping[str, str]) -> SuiteReport:
        """Run the tests.

        Args:
            answers: Markdown by the sample's `image`; pages that lack fail their tests.

        Returns:
            The share of tests passed, in per cent: of each file, and the mean of these, as the benchmark has it.
        """
        groups: dict[str, list[float]] = defaultdict(list)
        failures = []
        for test in self.tests:
            name = _page_name(test.pdf, test.page)
            reason = test.run(answers[name]) if name in answers else "not read"
            groups[test.group].append(0.0 if reason else 100.0)
            if reason:
                failures.append(Failure(name, test.id, reason))
        notes = [NOTE] if any(test.kind == "math" for test in self.tests) else []
        return SuiteReport(self.name, DATASET_ID, "% of tests passed", mean_of_groups(groups), failures, notes)

    def write_answers(self, answers: Mapping[str, str], folder: Path) -> None:
        """Write the answers as the official runner wants them: a folder to be put beside `pdfs/`.

        Args:
            answers: As :meth:`score` takes them.
            folder: The candidate's folder; made where it is missing.
        """
        for pdf, page in sorted({(test.pdf, test.page) for test in self.tests}):
            target = folder / f"{Path(pdf).with_suffix('')}_pg{page}_repeat1.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(answers.get(_page_name(pdf, page), ""), encoding="utf-8")


def _page_name(pdf: str, page: int) -> str:
    return f"{pdf}#{page}"


def _data_folder(folder: Path) -> Path:
    for candidate in (folder, folder / DATA_FOLDER):
        if any(candidate.glob("*.jsonl")) and (candidate / PDF_FOLDER).is_dir():
            return candidate
    raise FileNotFoundError(
        f"{folder} holds no olmOCR-bench (*.jsonl beside {PDF_FOLDER}/): hf download {DATASET_ID} --repo-type dataset "
        f"--local-dir {folder}"
    )


def _read_tests(folder: Path) -> list[PageTest]:
    tests: dict[str, PageTest] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not text.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                line = json.loads(text)
            except ValueError as error:
                raise ValueError(f"{where} is no JSON: {error}.") from None
            if not isinstance(line, dict):
                raise ValueError(f"{where} must be an object, got {type(line).__name__}.")
            test = PageTest.from_line(line, path.stem, where)
            if test.id in tests:
                raise ValueError(f"{where}: there is a test {test.id!r} already.")
            if not (folder / PDF_FOLDER / test.pdf).is_file():
                raise ValueError(f"{where}: there is no {folder / PDF_FOLDER / test.pdf}.")
            tests[test.id] = test
    return list(tests.values())


def _with_baselines(tests: Sequence[PageTest], folder: Path) -> list[PageTest]:
    """Add the test that every PDF has which none of its own says otherwise: something readable stands on page 1."""
    tested = {test.pdf for test in tests if test.kind == BASELINE}
    pdfs = sorted(str(path.relative_to(folder / PDF_FOLDER)) for path in (folder / PDF_FOLDER).rglob("*.pdf"))
    added = [
        PageTest(f"{pdf}_{BASELINE}", pdf, 1, BASELINE, {"type": BASELINE}, BASELINE)
        for pdf in pdfs
        if pdf not in tested
    ]
    return [*tests, *added]
