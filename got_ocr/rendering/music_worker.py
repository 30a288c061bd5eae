"""The process in which Verovio runs: a job as JSON on stdin, a list of SVG pages as JSON on stdout."""

import json
import sys


def main() -> None:
    """Engrave the job on stdin."""
    import verovio

    job = json.load(sys.stdin)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(job["options"])
    pages = []
    if toolkit.loadData(job["music"]):
        pages = [toolkit.renderToSVG(page + 1) for page in range(min(toolkit.getPageCount(), job["max_pages"]))]
    json.dump(pages, sys.stdout)


if __name__ == "__main__":
    main()
