"""The version, by itself so that build tools read it without importing the package."""

__version__ = "0.2.0"
