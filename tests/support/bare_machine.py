"""Run the tests as on a bare machine: DejaVu as the only fonts, no programs but the shell's, no prose, an empty home.

    python -m tests.support.bare_machine [pytest's arguments]

What the tests need then comes from PyPI or lies in the repository, or they are skipped with their reason: the count of
skips is printed, and what was not found.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parents[2]
# What a shell script or a test may count on anywhere.
PROGRAMS = (
    "sh", "bash", "env", "cat", "ls", "rm", "mkdir", "uname", "true", "false", "sleep", "ldconfig", "fc-list",
    "awk", "basename", "cksum", "cp", "cut", "date", "dirname", "grep", "head", "kill", "ln", "mv", "ps", "sed",
    "sort", "tail", "touch", "tr", "wc",
)  # fmt: skip
FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def make_environment(folder: Path) -> dict[str, str]:
    """Make the folders that hide what the machine has.

    Args:
        folder: for them.

    Returns:
        The environment of the tests.
    """
    programs, fonts, home = folder / "bin", folder / "fonts", folder / "home"
    for made in (programs, fonts, home, folder / "share"):
        made.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            (programs / name).symlink_to(found)
    for font in (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf"):
        (fonts / font.name).symlink_to(font)
    (folder / "fonts.conf").write_text(FONTS_CONF.format(fonts=fonts, cache=folder / "cache"), encoding="utf-8")
    kept = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "PYTHONPATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}",
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        "GOT_OCR_SHARE": str(folder / "share"),
        "LANG": "C.UTF-8",
    }


def main(arguments: list[str]) -> int:
    """Run pytest, and print the count of skips by reason.

    Args:
        arguments: pytest's.

    Returns:
        pytest's exit code.
    """
    with tempfile.TemporaryDirectory(prefix="bare-machine-") as temporary:
        command = [sys.executable, "-m", "pytest", "-rs", *arguments]
        environment = make_environment(Path(temporary))
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as tests:
            skipped: list[tuple[int, str]] = []
            assert tests.stdout is not None
            for line in tests.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                found = re.match(r"SKIPPED \[(\d+)\] (?:\S+: )?(.*)", line)
                if found:
                    skipped.append((int(found[1]), found[2]))
    sys.stdout.write(f"bare machine: {sum(count for count, _ in skipped)} tests skipped\n")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
