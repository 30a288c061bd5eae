"""Throw-away environments: a few packages anew, everything else from the environment that runs."""

import os
import subprocess
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path


def make_environment(folder: Path, packages: Sequence[str]) -> Path | None:
    """Make an environment, or go on with one that is there.

    Args:
        folder: Where.
        packages: What pip installs into it, options of pip among them.

    Returns:
        Its Python; None if the packages can't be installed.
    """
    if not (folder / "pyvenv.cfg").exists():
        venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    # After the environment's own packages, so that those count.
    (site / "zz_outer_environment.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = [python, "-m", "pip", "install", "--quiet", "--upgrade", *packages]
    return None if subprocess.run(install, stdout=subprocess.DEVNULL).returncode else python
