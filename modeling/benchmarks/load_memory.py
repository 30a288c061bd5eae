"""Peak memory and time of loading each published layout, at the published size.

    python modeling/benchmarks/load_memory.py [--layers 24] [--json results.json]

Writes random bfloat16 weights of the full model (1.43 GB with the stored copy of lm_head) in every layout, then loads
each in a process of its own. `peak / weights` is the growth of the process's peak resident memory over what it had
after importing, by the bytes of the model's own tensors; the file is mapped, so its pages count once. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

_LOAD = """
import json, sys, time
import torch
from got_ocr import GotOcrForConditionalGeneration
def peak():  # of this program: ru_maxrss would hold its parent's too
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
options = {"dtype": getattr(torch, sys.argv[2])}
before, start = peak(), time.perf_counter()
model = GotOcrForConditionalGeneration.from_pretrained(sys.argv[1], **options)
seconds = time.perf_counter() - start
for parameter in model.parameters():  # touch every page
    parameter.data.view(-1).view(torch.uint8)[::4096].max()
weights = sum(p.numel() * p.element_size() for p in model.parameters())
print(json.dumps({"weights_mb": weights / 1e6, "peak_mb": (peak() - before) / 1e6, "load_s": seconds}))
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=24, help="decoder layers (default: the published 24)")
    parser.add_argument("--json", type=Path, help="also write the results there")
    arguments = parser.parse_args()

    import torch

    from got_ocr import GotOcrConfig, GotOcrForConditionalGeneration
    from tests.support.layouts import LAYOUTS, write_checkpoint

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    config = GotOcrConfig(num_hidden_layers=arguments.layers, dtype="bfloat16")
    model = GotOcrForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    results = []
    print("| layout | dtype | weights, MB | peak, MB | peak / weights | seconds |")
    print("|---|---|---|---|---|---|")
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            write_checkpoint(model, Path(folder), layout)
            for dtype in ("bfloat16", "float32"):
                command = [sys.executable, "-c", _LOAD, folder, dtype]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
                row = {"layout": layout, "dtype": dtype, **json.loads(done.stdout.splitlines()[-1])}
                row["ratio"] = row["peak_mb"] / row["weights_mb"]
                results.append(row)
                print(
                    f"| {layout} | {dtype} | {row['weights_mb']:.0f} | {row['peak_mb']:.0f} | {row['ratio']:.2f} | "
                    f"{row['load_s']:.1f} |",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
