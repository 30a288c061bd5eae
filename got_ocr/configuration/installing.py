"""How this package is installed, as messages and cards say it."""

# The name is on no package index yet: what works is a clone. At the release this becomes "pip install got-ocr".
_INSTALL = "pip install . in a clone of got-ocr"


def how_to_install(*packages: str) -> str:
    """Say how to install this package.

    Args:
        *packages: Others that are needed besides, by their names on the package index.

    Returns:
        A piece of a sentence.
    """
    return f"{_INSTALL}, and pip install {' '.join(packages)}" if packages else _INSTALL
