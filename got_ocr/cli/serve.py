"""`got-ocr serve`: an HTTP server."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..hub.model_choice import QUANTIZATIONS, ModelChoice, choose_model
from . import exit_codes
from .engines import STARTING_ENGINE, VLLM_BATCH_SIZE, add_model_arguments, check_engine, end_engines, load_for
from .exit_codes import CommandError
from .numbers import positive_int, positive_number

KEY_VARIABLE = "GOT_OCR_API_KEY"
SERVING_PACKAGES = "fastapi uvicorn python-multipart prometheus-client pikepdf"  # of the extra `serve`
SUMMARY = """\
serve a model by HTTP: POST /v1/ocr, and OpenAI's /v1/chat/completions

  got-ocr serve
  curl -F file=@page.png http://127.0.0.1:8000/v1/ocr
  curl -F file=@scan.pdf -F type=format -F output=markdown http://127.0.0.1:8000/v1/ocr

Other paths: /v1/models, /healthz, /metrics (Prometheus), /openapi.json. SIGTERM and Ctrl-C let requests finish."""


def add_arguments(parser: argparse.ArgumentParser, port: int = 8000, has_key: bool = True) -> None:
    """Add the command's arguments.

    Args:
        parser: The parser to add to.
        port: The port where none is given.
        has_key: Whether clients can be asked for a key; a browser that opens a page can't.
    """
    where = parser.add_argument_group("where")
    where.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    where.add_argument(
        "--port", type=_port, default=port, help="port (default: %(default)s); 0 takes one that is free"
    )
    if has_key:
        where.add_argument(
            "--api-key-file", metavar="FILE", help=f"holds the key that clients must send (default: ${KEY_VARIABLE})"
        )
    where.add_argument("-q", "--quiet", action="store_true", help="no notices; errors are said")

    model = parser.add_argument_group("model")
    add_model_arguments(
        model,
        device="auto (default: CUDA, then MPS, then CPU), cpu, cuda:1 ...",
        batch_size="4; 16 with --engine vllm",
    )
    model.add_argument("--model-name", metavar="NAME", help="what the API calls it (default: by the checkpoint)")
    model.add_argument("--quantize", choices=QUANTIZATIONS, help="weights of 8 or 4 bits, on a CPU")
    _add_limits(parser.add_argument_group("limits"))


def _add_limits(limits: Any) -> None:
    counts = {
        "--max-waiting": (32, "of requests in the server; more get status 429"),
        "--max-bytes": (50_000_000, "of a request"),
        "--max-pages": (100, "of a request"),
        "--max-pixels": (40_000_000, "of a page"),
        "--decoders": (2, "processes that decode pictures"),
    }
    for option, (default, meaning) in counts.items():
        limits.add_argument(
            option, type=positive_int, default=default, metavar="N", help=f"{meaning} (default: {default})"
        )
    seconds = {
        "--request-timeout": (600, "of a request"),
        "--upload-timeout": (60, "of a request's body to arrive"),
        "--decode-timeout": (30, "of a page to be decoded"),
        "--graceful-timeout": (60, "for requests to finish when the server is told to stop"),
    }
    for option, (default, meaning) in seconds.items():
        limits.add_argument(
            option, type=positive_number, default=default, metavar="S", help=f"{meaning} (default: {default})"
        )
    limits.add_argument(
        "--allow-urls", action="store_true", help="fetch pictures that are named by URL, from public addresses only"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, got {text!r}")
    return int(text)


def run(args: argparse.Namespace, create: Callable[..., Any] | None = None) -> int:
    """Serve until told to stop.

    Args:
        args: The arguments of :func:`add_arguments`.
        create: Makes the application; None: the server's own.

    Returns:
        The exit code.

    Raises:
        CommandError: If the server can't start.
    """
    import logging

    try:
        from ..serving.server import is_loopback, make_server, open_socket
    except ImportError as error:
        raise CommandError(
            exit_codes.PART_MISSING, f"serving needs the package {error.name}: pip install {SERVING_PACKAGES}."
        ) from error
    logging.basicConfig(level=logging.WARNING, format="got-ocr: %(message)s", stream=sys.stderr)
    check_engine(args)
    choice = choose_model(args.model)
    options = _make_options(args, choice)

    def say(text: str) -> None:
        if not args.quiet:
            print(f"got-ocr: {text}", file=sys.stderr, flush=True)

    try:
        # Before the model is loaded: a port that is taken is no reason to wait for.
        listening = open_socket(args.host, args.port)
    except OSError as error:
        raise CommandError(
            exit_codes.WRONG_USAGE, f"can't listen on {args.host}, port {args.port}: {error.strerror or error}."
        ) from None
    with listening:
        say(choice.notice)
        if not options.api_key and not is_loopback(args.host):
            advice = f", and there is no key: set {KEY_VARIABLE}." if _has_key(args) else ": it asks nobody for a key."
            say(f"{args.host} is reached from other machines{advice}")
        if args.engine == "vllm":
            say(STARTING_ENGINE)
        model, processor = load_for(choice, None, args)
        made = {} if create is None else {"create": create}
        server = make_server(
            model, processor, options, args.graceful_timeout, lambda url: say(f"listening on {url}"), **made
        )
        try:
            server.run(sockets=[listening])
        finally:
            end_engines()
    say("stopped.")
    return exit_codes.OK


def _make_options(args: argparse.Namespace, choice: ModelChoice) -> Any:
    from ..reading.options import DEFAULT_BATCH_SIZE
    from ..serving.options import ServerOptions

    return ServerOptions(
        model_name=args.model_name or name_model(choice),
        batch_size=args.batch_size or (VLLM_BATCH_SIZE if args.engine == "vllm" else DEFAULT_BATCH_SIZE),
        max_new_tokens=args.max_new_tokens,
        max_waiting=args.max_waiting,
        max_bytes=args.max_bytes,
        max_pages=args.max_pages,
        max_pixels=args.max_pixels,
        request_timeout_s=args.request_timeout,
        upload_timeout_s=args.upload_timeout,
        decode_timeout_s=args.decode_timeout,
        num_decoders=args.decoders,
        allow_urls=args.allow_urls,
        api_key=_read_key(args.api_key_file) if _has_key(args) else "",
    )


def _has_key(args: argparse.Namespace) -> bool:
    return hasattr(args, "api_key_file")


def name_model(choice: ModelChoice) -> str:
    """Name a checkpoint for clients; a folder's path is not told.

    Args:
        choice: The checkpoint.

    Returns:
        A Hub id, a folder's name, or `got-ocr-nano` for the built-in one.
    """
    from ..hub.cache import BUILTIN_CHECKPOINT

    path = Path(choice.location).expanduser()
    if path == BUILTIN_CHECKPOINT:
        return "got-ocr-nano"
    for part in path.parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/", 1)
    return path.resolve().name if path.is_dir() else choice.location


def _read_key(file: str | None) -> str:
    """Read the key; from a file or the environment, since other users see a command's arguments."""
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        key = Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(exit_codes.WRONG_USAGE, f"--api-key-file {file}: can't be read ({error}).") from None
    if not key:
        raise CommandError(exit_codes.WRONG_USAGE, f"--api-key-file {file}: is empty: write the key into it.")
    return key
