"""Training of GOT checkpoints: the paper's three stages and LoRA, from conversations to a `model` folder.

In: a YAML configuration (`config`), conversation files, folders, shards or Hub datasets. Out: a run folder with logs,
checkpoints and the final model. Imports synthesis' forms of truth on disk and the reading rooms; never evaluation.
Needs the `train` extra.
"""
