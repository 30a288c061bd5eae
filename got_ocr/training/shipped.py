"""The training configurations that ship, by name: in the wheel beside this file, in a checkout in `configuration/`."""

from pathlib import Path

SUFFIX = ".yaml"
_FOLDERS = (Path(__file__).parent / "configurations", Path(__file__).parents[2] / "configuration" / "training")


def shipped_configurations() -> dict[str, Path]:
    """List the configurations that ship. Returns: their files by name, `lora` for `lora.yaml`."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return {} if folder is None else {file.stem: file for file in sorted(folder.glob(f"*{SUFFIX}"))}


def find_configuration(name: str) -> Path:
    """Find a configuration by its file, or by the name of one that ships.

    Args:
        name: A path, or a name such as `lora`; a file of that name comes first.

    Returns:
        Its file.

    Raises:
        FileNotFoundError: If there is none; the message names those that ship.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    shipped = shipped_configurations()
    if name in shipped:
        return shipped[name]
    # A path of the documentation's, where there is no checkout.
    if path.suffix == SUFFIX and path.parent.parts[-2:] == ("configuration", "training") and path.stem in shipped:
        return shipped[path.stem]
    known = f", or the name of one that ships: {', '.join(shipped)}" if shipped else ""
    raise FileNotFoundError(f"there is no configuration {name}: give a YAML file{known}.")
