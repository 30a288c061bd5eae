"""The version and the repository, by themselves so that build tools read them without importing the package."""

__version__ = "0.2.0"
# On GitHub, as OWNER/NAME: links of the package's page on an index, its metadata and the notebooks are made of it.
# The source is published nowhere yet: this is the one line to change at the release (docs/release.md).
REPOSITORY = "OWNER/got-ocr"
