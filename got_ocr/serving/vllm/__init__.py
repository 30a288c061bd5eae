"""vLLM: a plugin that lets it serve GOT checkpoints of every layout, and an engine that lets `Reader` read with it.

vLLM finds :func:`plugin.register` by its entry point `vllm.general_plugins`; nothing else of this room is imported
before it asks for it, and vLLM itself is imported by nobody here but vLLM and :mod:`engine`. Imports `reading`, `hub`
and what stands below them; needs a vLLM of the range that pyproject.toml names.
"""
