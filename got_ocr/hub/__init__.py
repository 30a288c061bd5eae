"""Between our classes and the Hugging Face Hub: Auto classes, the local cache, and what a pushed repository holds."""
