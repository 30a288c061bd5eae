"""How a picture and its text lie side by side on disk: what training and evaluation both read."""

from pathlib import Path

HUB_PREFIX = "hub:"  # before the name of a dataset on the Hub
# A text beside its picture: the most telling name first. The last two hold formatted text.
TEXT_SUFFIXES = (".gt.txt", ".txt", ".mmd", ".md")
FORMATTED_SUFFIXES = (".mmd", ".md")
_BINARISED = (".bin", ".nrm", ".dew")  # ocropus names its processed pictures so: 0001.bin.png with 0001.gt.txt


def text_beside(picture: Path) -> Path | None:
    """Find the text of a picture.

    Args:
        picture: such as `page.png` or `0001.bin.png`.

    Returns:
        Its `.gt.txt`, `.txt`, `.mmd` or `.md`; None if there is none.
    """
    stems = [picture.stem]
    if picture.stem.endswith(_BINARISED):
        stems.append(picture.stem.rsplit(".", 1)[0])
    candidates = (picture.with_name(stem + suffix) for suffix in TEXT_SUFFIXES for stem in stems)
    return next((path for path in candidates if path.is_file()), None)
