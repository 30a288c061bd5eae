"""Pages of text, regions of pages, and documents."""
