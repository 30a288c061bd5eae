"""Fetching pictures from the web: http(s) only, within a time and a size, redirects included.

Where private addresses are refused, a name is looked up once, every address that it leads to is checked, and the
connection is made to a checked one: no second look-up can lead elsewhere. No proxy is asked then, since it would do
the looking up.
"""

import base64
import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from .options import PageError, SourceOptions, printable, reason_of, say_how

MAX_REDIRECTS = 5

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291: of IPv6 nothing else is handed out.
_BUSY_CODES = (429, 502, 503, 504)


class _TooLargeError(Exception):
    """More bytes than allowed."""


class _RefusedError(OSError):
    """An address that may not be asked."""


def fetch(url: str, name: str, options: SourceOptions) -> tuple[bytes, str]:
    """Fetch a URL.

    Args:
        url: As people paste it; a user and a password in it are sent to that host.
        name: What to call it in an error.
        options: The limits.

    Returns:
        The bytes, and what the server calls them, for an error.

    Raises:
        PageError: If it can't be had.
    """
    _check_scheme(url, name)
    job = _Job(url, options)
    thread = threading.Thread(target=job.run, name="got-ocr-fetch", daemon=True)  # Name look-ups know no time limit.
    thread.start()
    thread.join(options.timeout_s)
    if thread.is_alive():
        job.give_up()
    elif job.data is not None:
        return (
            job.data,
            f" (the server calls it {printable(job.content_type)})" if options.allow_private_addresses else "",
        )
    if not options.allow_private_addresses and not isinstance(job.error, _TooLargeError):
        raise PageError(f"{name}: can't be fetched.")
    raise PageError(f"{name}: {_trouble(job.error, options)}") from None


def _trouble(error: BaseException | None, options: SourceOptions) -> str:
    """Say why something could not be fetched, and what can be done."""
    reason = error.reason if isinstance(error, urllib.error.URLError) and not _is_answer(error) else error
    if reason is None or isinstance(reason, TimeoutError):
        advice = say_how("try again", options.means("raise {}", "timeout_s"))
        return f"did not arrive within {options.timeout_s:g} seconds{advice}"
    if isinstance(reason, PageError):
        return str(reason)
    if isinstance(reason, _TooLargeError):
        advice = say_how("save it to a file first", options.means("raise {}", "max_bytes"))
        return f"is larger than {options.max_bytes:,} bytes{advice}"
    if isinstance(reason, urllib.error.HTTPError):
        return _answer_trouble(reason)
    text = reason_of(reason) if isinstance(reason, BaseException) else printable(str(reason))
    return f"can't be fetched: {text}: check the address and the connection."


def _is_answer(error: BaseException) -> bool:
    return isinstance(error, urllib.error.HTTPError)


def _answer_trouble(error: urllib.error.HTTPError) -> str:
    answered = printable(" ".join(f"{error.code} {error.reason}".split()))[:100]
    if error.code in _BUSY_CODES:
        wait = printable(str(error.headers.get("Retry-After") or "") if error.headers else "")[:40]
        wait = f"{wait} seconds, as it says" if wait.isdigit() else f"till {wait}, as it says" if wait else "a while"
        advice = f"it is busy: wait {wait}, and try again"
    elif error.code in (401, 407):
        advice = "it asks who you are: http(s)://user:password@host/..., or save the picture to a file first"
    elif error.code == 403:
        advice = "it gives this to nobody, or not to programs: save the picture to a file first"
    elif error.code >= 500:
        advice = "it is in trouble: try again later"
    else:
        advice = "check the address"
    return f"the server answered {answered}: {advice}."


def _check_scheme(url: str, name: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError as error:
        raise PageError(f"{name}: is no URL that can be understood: {reason_of(error)}: check the address.") from None
    if scheme in ("http", "https") and host:
        return
    if scheme == "file":
        hint = f"give the path itself, {printable(urllib.request.url2pathname(parts.path))[:200]}"
    elif scheme in ("http", "https"):
        hint = "the host is missing in it"
    elif scheme == "data":
        hint = "a data: URL has a comma before its data: data:image/png;base64,..."
    else:
        hint = "save the picture to a file first"
    raise PageError(f"{name}: only URLs of the form http(s)://host/... are fetched: {hint}.")


class _Job:
    """One URL being fetched in a thread.

    Attributes:
        data: What came, when it is whole.
        content_type: What the server calls it.
        error: Why it did not come.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        self.url = url
        self.options = options
        self.data: bytes | None = None
        self.content_type = ""
        self.error: BaseException | None = None
        self._deadline = time.monotonic() + options.timeout_s
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def run(self) -> None:
        """Fetch; never raises."""
        try:
            self._fetch()
        except Exception as error:  # Handed over to the caller's thread.
            self.error = self.error or error
        finally:
            self._close()

    def give_up(self) -> None:
        """End the thread: what it waits for is closed under it."""
        self._is_over = True
        self.error = TimeoutError()
        self._close()

    def _close(self) -> None:
        while self._sockets:
            one = self._sockets.pop()
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                one.close()

    def connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        """Connect to a host, to a checked address of it where private ones are refused."""
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        if not self.options.allow_private_addresses and not all(is_public(str(entry[4][0])) for entry in found):
            raise _RefusedError
        error: OSError | None = None
        for family, kind, protocol, _name, place in found:
            remaining = self._deadline - time.monotonic()
            if self._is_over or remaining <= 0:
                raise TimeoutError
            one = socket.socket(family, kind, protocol)
            self._sockets.append(one)
            one.settimeout(remaining)
            try:
                one.connect(place)
            except OSError as trouble:
                error = trouble
                continue
            return one
        raise error or OSError(f"no address of {address[0]} is known")

    def _fetch(self) -> None:
        opener = urllib.request.OpenerDirector()  # Not build_opener: that one knows file: and ftp: too.
        for handler in (
            urllib.request.ProxyHandler(None if self.options.allow_private_addresses else {}),
            urllib.request.UnknownHandler(),
            _Handler(self),
            urllib.request.HTTPDefaultErrorHandler(),
            _SafeRedirects(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        url, authorization = _without_user(self.url)
        request = urllib.request.Request(
            _ascii_url(url), headers={"User-Agent": "got-ocr (Python urllib)", "Accept": "*/*"}
        )
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        chunks: list[bytes] = []
        num_bytes = 0
        with opener.open(request, timeout=self.options.timeout_s) as response:
            announced = response.headers.get("Content-Length", "")
            if announced.isdigit() and int(announced) > self.options.max_bytes:
                raise _TooLargeError
            self.content_type = response.headers.get_content_type()[:100]
            while chunk := response.read1(65536):
                num_bytes += len(chunk)
                if num_bytes > self.options.max_bytes:
                    raise _TooLargeError
                if self._is_over or time.monotonic() > self._deadline:
                    raise TimeoutError
                chunks.append(chunk)
            if self._is_over:  # The end was made by give_up, which closed the socket: what came is a part.
                raise TimeoutError
            if announced.isdigit() and num_bytes < int(announced):
                raise http.client.IncompleteRead(b"", int(announced) - num_bytes)
        self.data = b"".join(chunks)


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """http and https by connections of :meth:`_Job.connect`."""

    def __init__(self, job: _Job) -> None:
        super().__init__()
        self._job = job
        self._context: Any = None

    def http_open(self, req: urllib.request.Request) -> Any:
        """Ask by http."""
        return self.do_open(self._plain, req)

    def https_open(self, req: urllib.request.Request) -> Any:
        """Ask by https."""
        return self.do_open(self._encrypted, req)

    def _plain(self, host: str, **options: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, **options)
        connection._create_connection = self._job.connect  # type: ignore[attr-defined]
        return connection

    def _encrypted(self, host: str, **options: Any) -> http.client.HTTPConnection:
        self._context = self._context or ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, context=self._context, **options)
        connection._create_connection = self._job.connect  # type: ignore[attr-defined]
        return connection


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a few redirects, to http(s) only."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Refuse a redirect that leads out of the web."""
        _check_scheme(newurl, f"is redirected to {printable(newurl[:100])}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_public(address: str) -> bool:
    """Say whether an address belongs to the public internet.

    Args:
        address: An IPv4 or IPv6 address, as `getaddrinfo` gives it.

    Returns:
        False for loopback, private, link-local, multicast and reserved ones, also where one of these is wrapped in an
        IPv6 address (mapped, 6to4, Teredo, NAT64), and for all of IPv6 that belongs to nobody.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if int(ip) >> 32 == 0 and int(ip) > 1:  # The old form ::1.2.3.4.
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(one is not None and not is_public(str(one)) for one in inner):
            return False
        if ip.ipv4_mapped is not None:
            return True
        if ip not in _GLOBAL_UNICAST and ip not in _NAT64:
            return False
    return ip.is_global and not ip.is_multicast


def _without_user(url: str) -> tuple[str, str]:
    """Take user and password out of a URL; returns it without, and what to send as Authorization."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url, ""
    user, _, host = parts.netloc.rpartition("@")
    token = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), f"Basic {token}"


def _ascii_url(url: str) -> str:
    """Encode what people paste from an address bar: blanks, accents, host names beyond ASCII."""
    parts = urllib.parse.urlsplit(url)
    if not parts.netloc.isascii():
        url = url.replace(parts.netloc, parts.netloc.encode("idna").decode(), 1)
    return urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]-._")
