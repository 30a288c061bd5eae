"""What a folder was read with: a run with other options must not add to it."""

import json
from typing import Any

from .answers import Identity
from .options import BulkOptions
from .output import OWN_NAMES, OutputFolder

MANIFEST = "manifest.json"
READING, CLEARING = "reading", "clearing"


def describe_run(options: BulkOptions, identity: Identity) -> dict[str, Any]:
    """Describe what decides the rows.

    Args:
        options: What the job is told.
        identity: The model and the version.

    Returns:
        What JSON can write.
    """
    model = {"model": identity.model, "model_digest": identity.digest, "version": identity.version}
    return {**options.describe(), **model}


def take_folder(folder: OutputFolder, run: dict[str, Any], read_anew: bool) -> bool:
    """Take a folder for a run.

    Args:
        folder: The output.
        run: What decides its rows.
        read_anew: Whether rows that were read with other options go.

    Returns:
        Whether rows went.

    Raises:
        ValueError: If it holds rows that were read with other options, or files in the place of ours.
    """
    run = json.loads(json.dumps(run))
    before = folder.house.read_json(MANIFEST)
    went = False
    if before is None:
        foreign = [name for name in OWN_NAMES if folder.store.has(name)]
        if foreign:
            raise ValueError(
                f"{folder.store.url} holds {', '.join(foreign)} already, and no manifest that says who wrote it: "
                "give another --output, or take it away."
            )
    else:
        other = find_difference(before.get("run", {}), run)
        if before.get("state") != CLEARING and other is not None and not read_anew:
            name, was, now = other
            raise ValueError(
                f"{folder.store.url} was read with other options: {name} was {_short(was)}, now {_short(now)}: "
                "give another --output, the options of then, or --read-anew."
            )
        if before.get("state") == CLEARING or read_anew:
            folder.house.write_json({"state": CLEARING, "run": before.get("run", {})}, MANIFEST)
            folder.clear()
            went = True
    folder.house.make()
    folder.house.write_json({"state": READING, "run": run}, MANIFEST)
    return went


def find_difference(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> tuple[str, Any, Any] | None:
    """Find the first option in which two runs differ. Returns: its name and both values; None if there is none."""
    for name in dict.fromkeys([*now, *before]):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            deeper = find_difference(old, new, f"{prefix}{name}.")
            if deeper is not None:
                return deeper
        elif old != new:
            return f"{prefix}{name}", old, new
    return None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
