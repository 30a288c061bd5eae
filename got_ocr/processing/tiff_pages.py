"""Walk through a TIFF's directories, one a page, without decoding and without holding them all.

Pillow looks each new directory up in a list of all that it has seen, so that a file of n pages takes n * n steps; it
is asked for single pages here, by where their directory lies.
"""

import io
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

SUBFILE_TYPE = 254  # TIFF 6.0, NewSubfileType: bit 0 is set on reduced copies of a page (thumbnails, pyramids).
MOST_ENTRIES = 4096  # Tags of a directory; more are damage.


@dataclass(frozen=True)
class _Form:
    """How a TIFF writes its numbers: the classic form, or that of files over 4 GB.

    Attributes:
        count: Format of a directory's number of entries.
        offset: Format of a place in the file.
        entry_bytes: Size of an entry.
        value_at: Where in an entry its value stands.
        first_at: Where in the file the first directory's place stands.
    """

    count: str
    offset: str
    entry_bytes: int
    value_at: int
    first_at: int


_CLASSIC, _BIG = _Form("H", "I", 12, 8, 4), _Form("Q", "Q", 20, 12, 8)


class TiffPages:
    """The pages of a TIFF: directories in the order that they are chained in, reduced copies left out.

    Args:
        file: The file, open for reading.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.seek(0)
        head = file.read(4)
        self._order = "<" if head[:2] == b"II" else ">"
        self._form = _BIG if b"\x2b" in head[2:4] else _CLASSIC
        self._offsets = array("Q")  # Of the pages found so far.
        # Directories that were there before. Most files have them one behind the other: those take 8 bytes each.
        self._rising, self._others = array("Q"), set[int]()
        self._next: int | None = self._first()
        self._walked = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def find(self, count: int) -> int:
        """Go on till there are so many pages, or no more.

        Args:
            count: Of pages.

        Returns:
            How many are known now; fewer than `count` if the file has no more.
        """
        while len(self._offsets) < count and self._next:
            self._step(self._next)
        return len(self._offsets)

    def open_page(self, number: int) -> "OnePage":
        """Give the file as if it began with a page.

        Args:
            number: Of the page, counted from 1.

        Returns:
            The file for a decoder.

        Raises:
            EOFError: If there is no such page.
        """
        if self.find(number) < number:
            raise EOFError(f"there is no page {number}")
        place = struct.pack(self._order + self._form.offset, self._offsets[number - 1])
        return (_OnePageInMemory if isinstance(self._file, io.BytesIO) else OnePage)(
            self._file, self._form.first_at, place
        )

    def _first(self) -> int:
        return self._number_at(self._form.first_at, self._form.offset) or 0

    def _number_at(self, place: int, form: str) -> int | None:
        self._file.seek(place)
        data = self._file.read(struct.calcsize(form))
        return int(struct.unpack(self._order + form, data)[0]) if len(data) == struct.calcsize(form) else None

    def _step(self, offset: int) -> None:
        """Read one directory. A damaged one, or one that was there before, ends the chain."""
        self._next = None
        count = self._number_at(offset, self._form.count)
        if not self._is_new(offset) or count is None or count > MOST_ENTRIES:
            if not self._walked:
                self._offsets.append(offset)  # The first is tried whatever it is: its decoder says what is wrong.
            self._walked += 1
            return
        entries = self._file.read(count * self._form.entry_bytes)
        is_reduced = any(self._is_reduced(entry) for entry in _split(entries, self._form.entry_bytes))
        if not self._walked or not is_reduced:
            self._offsets.append(offset)
        self._walked += 1
        if len(entries) == count * self._form.entry_bytes:
            place = offset + struct.calcsize(self._form.count) + len(entries)
            self._next = self._number_at(place, self._form.offset)

    def _is_new(self, offset: int) -> bool:
        """Remember a directory. Returns: whether it was not there before, as it is again in a chain that is a ring."""
        if not self._rising or offset > self._rising[-1]:
            self._rising.append(offset)
            return True
        if offset in self._others or self._rising[bisect_left(self._rising, offset)] == offset:
            return False
        self._others.add(offset)
        return True

    def _is_reduced(self, entry: bytes) -> bool:
        if struct.unpack_from(self._order + "H", entry)[0] != SUBFILE_TYPE:
            return False
        kind = struct.unpack_from(self._order + "H", entry, 2)[0]
        value = struct.unpack_from(self._order + ("H" if kind == 3 else "I"), entry, self._form.value_at)[0]
        return bool(value & 1)


def _split(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data) - size + 1, size))


class OnePage(io.RawIOBase):
    """A TIFF whose head names another directory as its first one.

    Args:
        file: The TIFF.
        place: Where in it the name of its first directory stands.
        name: What is read there instead.
    """

    def __init__(self, file: IO[bytes], place: int, name: bytes) -> None:
        super().__init__()
        self._file, self._place, self._name = file, place, name
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """That of the file: libtiff goes by the directory's place, which Pillow tells it."""
        return self._file.fileno()

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place. Args and returns: as `io.IOBase.seek`."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            offset += self._file.seek(0, io.SEEK_END)
        self._at = max(offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes. Args: size: how many at most; -1 for all. Returns: them."""
        self._file.seek(self._at)
        data = self._file.read(-1 if size is None else size)
        begin, end = self._place - self._at, self._place - self._at + len(self._name)
        if end > 0 and begin < len(data):
            name = self._name[max(-begin, 0) :][: len(data) - max(begin, 0)]
            data = data[: max(begin, 0)] + name + data[max(begin, 0) + len(name) :]
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer. Args: buffer: where to. Returns: how many bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class _OnePageInMemory(OnePage):
    """The same of bytes, which a decoder takes as they are instead of copying them for each page."""

    def getvalue(self) -> bytes:
        """All of the TIFF, as it is."""
        return self._file.getvalue()  # type: ignore[attr-defined,no-any-return]
