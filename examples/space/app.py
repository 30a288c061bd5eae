"""The page of `got-ocr demo` as a Space: put this folder into a repository of kind Space."""

import os
import sys

from got_ocr.cli import main

model = os.environ.get("GOT_OCR_MODEL", "nano")  # a variable of the Space; `stepfun-ai/GOT-OCR2_0` wants a GPU
sys.exit(main(["demo", "--host", "0.0.0.0", "--port", "7860", "--model", model, *sys.argv[1:]]))
