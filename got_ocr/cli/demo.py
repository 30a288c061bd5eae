"""`got-ocr demo`: a page to try a model."""

import argparse

from . import exit_codes, serve
from .exit_codes import CommandError

DEFAULT_PORT = 7860  # Gradio's, and that of Spaces
PACKAGES = f"'gradio>=6.0,<7' {serve.SERVING_PACKAGES}"  # of the extra `demo`
SUMMARY = """\
a page to try a model: upload or paste, draw a box, see the text come

  got-ocr demo
  got-ocr demo --model stepfun-ai/GOT-OCR2_0 --port 8080

It listens on this machine only, opens no link to elsewhere and asks nothing of other machines. The server's own paths
(/v1/ocr ...) answer beside it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    Args:
        parser: The parser to add to.
    """
    serve.add_arguments(parser, DEFAULT_PORT, has_key=False)


def run(args: argparse.Namespace) -> int:
    """Serve the page until told to stop.

    Args:
        args: The arguments of :func:`add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If Gradio is missing, or the server can't start.
    """
    try:
        from ..serving.demo.app import create_demo_app
    except ImportError as error:
        raise CommandError(
            exit_codes.PART_MISSING, f"the page needs the package {error.name}: pip install {PACKAGES}."
        ) from error
    return serve.run(args, create_demo_app)
