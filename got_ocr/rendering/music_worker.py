"""The process in which Verovio runs: pieces as JSON on stdin; on stdout a line a piece, a JSON list of SVG pages."""

import json
import sys


def main() -> None:
    """Engrave the pieces on stdin."""
    import verovio

    job = json.load(sys.stdin)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(job["options"])
    for piece in job["pieces"]:
        pages = []
        if toolkit.loadData(piece):
            pages = [toolkit.renderToSVG(page + 1) for page in range(min(toolkit.getPageCount(), job["max_pages"]))]
        sys.stdout.write(json.dumps(pages) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
