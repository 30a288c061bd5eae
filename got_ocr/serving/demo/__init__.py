"""The page to try a model: upload or paste, draw a box, see the text come, look at it, take it away.

In: a loaded model and :class:`ServerOptions`. Out: the server's application with a page at `/`
(:func:`create_demo_app`). Pages go the server's way (`serving.service`): decoded in processes with limits, read by the
one thread, refused where too many wait. Imports `serving`, `rendering` and what stands below; needs the extra `demo`.
"""

from typing import TYPE_CHECKING

from ...lazy import offer

if TYPE_CHECKING:
    from .app import create_demo_app

__all__ = ["create_demo_app"]

__getattr__, __dir__ = offer(__name__, {"create_demo_app": "app"})
