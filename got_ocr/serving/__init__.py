"""The HTTP server: pages come in as uploads or chat messages, are read in batches, and go out as JSON, text or files.

In: a loaded model and :class:`ServerOptions`. Out: an ASGI application (:func:`create_app`), or a server that runs
(:func:`make_server`). What a client sends is decoded in processes of `processing.isolation`, read by one thread
(`reading_thread`), and bounded everywhere: bytes, pixels, pages, seconds, and requests that wait.
Imports `reading`, `rendering`, `hub` and what stands below them; needs the extra `serve`.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .app import create_app
    from .messages import parse_message_text
    from .options import ServerOptions
    from .server import make_server

__all__ = ["ServerOptions", "create_app", "make_server", "parse_message_text"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "ServerOptions": "options",
        "create_app": "app",
        "make_server": "server",
        "parse_message_text": "messages",
    },
)
