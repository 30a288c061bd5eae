"""Fetch pictures that clients name by URL, from public addresses only.

The address that was checked is the one that is connected to, for redirects too, so that a name which answers
differently the second time gains nothing. Proxies of the environment are not used: they would connect for us.
"""

import asyncio
import http.client
import ipaddress
import socket
import ssl
import time
import urllib.parse
from typing import Any

from .errors import ApiError

MAX_REDIRECTS = 5
CHUNK_BYTES = 65536
# IPv6 ranges that carry an IPv4 address in them, which a gateway on the way may connect to.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REDIRECTS = (301, 302, 303, 307, 308)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and what it carries inside does too.

    Args:
        address: IPv4 or IPv6, without a zone.

    Returns:
        False for loopback, private, link-local, multicast, reserved and mapped addresses of these.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _connect(address: tuple[str, int], timeout: Any = None, source_address: Any = None) -> socket.socket:
    """Connect to a host, if all of its addresses are public; in the place of `socket.create_connection`."""
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found or not all(is_public(str(one[4][0])) for one in found):
        raise ApiError(400, f"the host {host} is not on the public internet: send the picture itself.", "url")
    error: OSError = OSError("no address")
    for family, kind, protocol, _, target in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(target)
            return connection
        except OSError as failed:
            connection.close()
            error = failed
    raise error


def _open(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ApiError(400, "the URL can't be understood: give http(s)://host/path.", "url") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ApiError(400, "only URLs of the form http(s)://host/path are fetched, without a user name.", "url")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    connection._create_connection = _connect  # type: ignore[attr-defined]
    target = urllib.parse.quote(
        f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", safe="%/:=&?~+!$,;'@()*[]"
    )
    try:
        connection.request("GET", target, headers={"User-Agent": "got-ocr", "Accept": "image/*,application/pdf,*/*"})
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _fetch(url: str, timeout_s: float, max_bytes: int) -> bytes:
    deadline = time.monotonic() + timeout_s
    for _ in range(MAX_REDIRECTS + 1):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection, response = _open(url, left_s)
        try:
            if response.status in _REDIRECTS and response.getheader("Location"):
                url = urllib.parse.urljoin(url, response.getheader("Location") or "")
                continue
            if response.status != http.client.OK:
                raise ApiError(422, f"the URL's server answered {response.status}: check the address.", "url")
            data = bytearray()
            while chunk := response.read1(CHUNK_BYTES):
                data += chunk
                if len(data) > max_bytes:
                    raise ApiError(413, f"the URL holds more than {max_bytes:,} bytes.", "url")
                if time.monotonic() > deadline:
                    raise TimeoutError
            return bytes(data)
        finally:
            connection.close()
    raise ApiError(422, f"the URL redirects more than {MAX_REDIRECTS} times.", "url")


async def fetch(url: str, timeout_s: float, max_bytes: int) -> bytes:
    """Fetch what a client named.

    Args:
        url: An http(s) URL.
        timeout_s: Seconds that it may take altogether.
        max_bytes: Of what may come.

    Returns:
        The bytes.

    Raises:
        ApiError: If it is not on the public internet, or can't be had.
    """
    try:
        # Looking up a name knows no time limit of its own.
        return await asyncio.wait_for(asyncio.to_thread(_fetch, url, timeout_s, max_bytes), timeout_s + 1)
    except (TimeoutError, asyncio.TimeoutError):
        raise ApiError(422, f"the URL did not answer within {timeout_s:g} seconds.", "url") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ApiError(422, f"the URL can't be fetched: {type(error).__name__}.", "url") from None
