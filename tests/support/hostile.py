"""Files that cost their reader time or memory: small to write, large to read."""

import io
import struct

from PIL import Image


def pdf_of(objects: list[bytes]) -> bytes:
    """Write a PDF of objects; the first is the catalogue."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def _stream(head: bytes, body: bytes) -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (head, len(body), body)


def nested_forms_pdf(depth: int = 12, copies: int = 12) -> bytes:
    """A page whose form draws a form `copies` times, which draws a form `copies` times ... `depth` deep: 3 kB."""
    first = 4
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<</XObject<</F %d 0 R>>>>/Contents %d 0 R>>"
        % (first, first + depth + 1),
    ]
    for level in range(depth):
        inner = first + level + 1
        resources = b"/Resources<</XObject<</F %d 0 R>>>>" % inner if level < depth - 1 else b""
        body = b"/F Do " * copies if level < depth - 1 else b"0 0 9 9 re f " * copies
        objects.append(_stream(b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]" + resources, body))
    objects.append(_stream(b"", b""))
    objects.append(_stream(b"", b"/F Do"))
    return pdf_of(objects)


def many_operators_pdf(num_operators: int = 5_000_000) -> bytes:
    """A page of rectangles without end, packed: about 219 kB for 5 million."""
    import zlib

    body = zlib.compress(b"0 0 200 200 re f\n" * num_operators, 9)
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>",
            _stream(b"/Filter/FlateDecode", body),
        ]
    )


def many_scans_jpeg(width_px: int = 9000, height_px: int = 6000, num_scans: int = 1000) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    buffer = io.BytesIO()
    Image.new("L", (width_px, height_px), 200).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    end = data.rindex(b"\xff\xd9")
    return data[:last] + data[last:end] * num_scans + data[end:]


def many_frames_tiff(num_frames: int = 60_000) -> bytes:
    """A TIFF of pages of one pixel each."""
    out = io.BytesIO(struct.pack("<2sHI", b"II", 42, 8))
    out.seek(8)
    tags = [
        (256, 4, 1, 4),
        (257, 4, 1, 4),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (278, 4, 1, 4),
    ]
    size = 2 + 12 * (len(tags) + 2) + 4
    pixels = 8 + num_frames * size
    for frame in range(num_frames):
        following = 8 + (frame + 1) * size if frame < num_frames - 1 else 0
        entries = sorted([*tags, (273, 4, 1, pixels), (279, 4, 1, 16)])
        out.write(struct.pack("<H", len(entries)))
        for entry in entries:
            out.write(struct.pack("<HHII", *entry))
        out.write(struct.pack("<I", following))
    out.write(bytes(16))
    return out.getvalue()
