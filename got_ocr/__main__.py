"""`python -m got_ocr`: the same as `got-ocr`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
