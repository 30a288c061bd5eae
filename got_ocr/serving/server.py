"""Run the application: a socket, uvicorn, and an orderly end."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import create_app
from .options import ServerOptions

logger = logging.getLogger(__name__)

BACKLOG = 128
KEEP_ALIVE_TIMEOUT_S = 10
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """uvicorn, which ends by itself when it is told to, not by the signal once more, and says where it listens.

    Args:
        config: uvicorn's.
        on_started: Called with the server's URL once it answers.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[str], None] | None = None) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to signals: the first lets requests finish, a second Ctrl-C does not."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self._on_started is not None and self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._on_started(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


class BoundedProtocol(H11Protocol):
    """uvicorn's, which gives a client that sends the head of a request slowly, or nothing, so much time and no more.

    Between two requests uvicorn's own limit holds until the first byte comes, then this one. Always h11, also where
    uvicorn would take httptools: that one keeps heads and trailers of any length, h11 refuses them above 64 KiB.
    """

    head_timeout_s: float
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._forget_timer()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        # A cycle is made once a head is whole.
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _give_up(self) -> None:
        if self.transport.get_protocol() is self:  # It is not once a client has changed to websockets.
            self.transport.close()

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def open_socket(host: str, port: int) -> socket.socket:
    """Open the socket to listen on.

    Args:
        host: A name or an address of this machine.
        port: The port; 0 for any that is free.

    Returns:
        The socket.

    Raises:
        OSError: If it can't be had.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host's addresses."""
    import ipaddress

    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in found)


def make_server(
    model: Any,
    processor: Any,
    options: ServerOptions,
    graceful_timeout_s: float = 60.0,
    on_started: Callable[[str], None] | None = None,
    create: Callable[[Any, Any, ServerOptions], Any] = create_app,
) -> Server:
    """Make a server; its `run(sockets=[...])` serves until SIGTERM or Ctrl-C.

    Args:
        model: The network.
        processor: The checkpoint's.
        options: Limits, name, key.
        graceful_timeout_s: Seconds that requests have to finish after the signal.
        on_started: Called with the server's URL once it answers.
        create: Makes the application.

    Returns:
        The server.
    """
    config = uvicorn.Config(
        create(model, processor, options),
        http=type("Protocol", (BoundedProtocol,), {"head_timeout_s": options.upload_timeout_s}),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT_S,
        timeout_graceful_shutdown=max(1, round(graceful_timeout_s)),
        server_header=False,
        # The address of a client is nothing that we use, so no header of a proxy is trusted.
        proxy_headers=False,
    )
    return Server(config, on_started)
