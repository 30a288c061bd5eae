"""Text outside of documents: signs and handwriting."""
