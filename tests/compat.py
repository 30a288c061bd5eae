"""Run the core tests on several versions of transformers, each in a throw-away environment.

    python tests/compat.py                 4.57.6, 5.16.x and the newest
    python tests/compat.py 4.57.6 5.20.*   these
    python tests/compat.py --list          the versions and the tests, without running any

An environment takes torch and the other packages from the one that runs this, and only transformers and what its
version insists on anew: a minute to install and about one to run. `--keep DIR` keeps the environments there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.environments import make_environment  # noqa: E402 - found by the line above

VERSIONS = ("4.57.6", "5.16.*", "newest")
CORE_TESTS = (
    "tests/modeling/test_checkpoints.py",
    "tests/hub/test_auto_classes.py",
    "tests/reading/test_pipeline.py",
    "tests/reading/test_chat.py",
    "tests/processing/test_processing.py",
    "tests/processing/test_tokenization.py",
    "tests/hub/test_remote_code.py",
    "tests/hub/test_foreign_code.py",
    "tests/hub/test_chart_checkpoint.py",
    "tests/reading/test_foreign_processors.py",
    "tests/reading/test_contract.py",
    "tests/reading/test_documents.py",
    "tests/modeling/test_drafts.py",
    "tests/reading/test_drafts.py",
)


def run_version(version: str, folder: Path, constraints: list[str]) -> bool:
    """Make an environment, run the tests in it. Returns: whether they passed."""
    print(f"== transformers {version}", flush=True)
    wanted = "transformers" if version == "newest" else f"transformers=={version}"
    python = make_environment(folder, [wanted, *constraints])
    if python is None:
        print(f"== transformers {version}: can't be installed", flush=True)
        return False
    tests = [test for test in CORE_TESTS if (ROOT / test).exists()]
    command = [python, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    passed = subprocess.run(command, cwd=ROOT, env=environment).returncode == 0
    print(f"== transformers {version}: {'passed' if passed else 'FAILED'}", flush=True)
    return passed


def main() -> int:
    """Run the versions asked for. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=VERSIONS, help="versions of transformers")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    parser.add_argument("--keep", type=Path, help="keep the environments in this folder")
    parser.add_argument("--pip", nargs="*", default=[], help="further arguments of pip install")
    arguments = parser.parse_args()
    if arguments.list:
        print(*arguments.versions, *CORE_TESTS, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.keep or Path(temporary)
        results = {
            version: run_version(version, root / f"transformers-{version.strip('.*')}", arguments.pip)
            for version in arguments.versions
        }
    for version, passed in results.items():
        print(f"transformers {version}: {'passed' if passed else 'FAILED'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
