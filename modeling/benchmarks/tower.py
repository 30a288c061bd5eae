"""Measure the vision tower against transformers' port: same random weights, same pictures, one run.

    python modeling/benchmarks/tower.py [--images 1] [--repeats 3] [--threads 2] [--dtype float32]

Each variant runs in a process of its own, so that peak memory is its own; the time is the median of the repeats after
one warm-up. Ratios are the port's figure over ours: above 1, ours is better. Prints a Markdown table.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = ("ours-sdpa", "ours-eager", "port")


def measure(variant: str, images: int, repeats: int, threads: int, dtype_name: str) -> dict[str, float]:
    """Run one variant in this process.

    Returns:
        `seconds` for the batch (median), `peak_mib` above what the weights and imports take, and a `checksum`.
    """
    import torch

    sys.path.insert(0, str(ROOT))
    from got_ocr.configuration.config import GotOcrConfig
    from tests.parity.peer import make_pair

    torch.set_num_threads(threads)
    dtype = getattr(torch, dtype_name)
    config = GotOcrConfig(num_hidden_layers=1, vocab_size=2000, pad_token_id=0, im_patch_token=1999)
    ours, port = make_pair(config)
    ours.config.vision_config._attn_implementation = variant.removeprefix("ours-")
    model = (port if variant == "port" else ours).to(dtype)
    pixels = torch.randn(images, 3, 1024, 1024, generator=torch.Generator().manual_seed(0)).to(dtype)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            features = model.get_image_features(pixels)
            times.append(time.perf_counter() - start)
    features = getattr(features, "pooler_output", features)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": statistics.median(times[1:]),
        "peak_mib": (peak_kib - before_kib) / 1024,
        "checksum": features.float().abs().mean().item(),
    }


def main() -> None:
    """Measure every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(
            json.dumps(
                measure(arguments.variant, arguments.images, arguments.repeats, arguments.threads, arguments.dtype)
            )
        )
        return
    results = {}
    for variant in VARIANTS:
        print(f"measuring {variant} ...", file=sys.stderr)
        command = [sys.executable, __file__, *sys.argv[1:], "--variant", variant]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results[variant] = json.loads(output.splitlines()[-1])
    port = results["port"]
    print(
        f"Vision tower and projector, {arguments.images} x 1024 x 1024, {arguments.dtype}, CPU, "
        f"{arguments.threads} threads\n"
    )
    print("| variant | seconds | port / ours | peak memory above weights | port / ours |")
    print("|---|---|---|---|---|")
    for variant, result in results.items():
        print(
            f"| {variant} | {result['seconds']:.2f} | {port['seconds'] / result['seconds']:.2f} "
            f"| {result['peak_mib']:.0f} MiB | {port['peak_mib'] / max(result['peak_mib'], 1):.1f} |"
        )
    checksums = [result["checksum"] for result in results.values()]
    if max(checksums) - min(checksums) > 1e-3 * max(checksums) and arguments.dtype == "float32":
        raise SystemExit(f"The variants disagree: mean absolute features {checksums}.")


if __name__ == "__main__":
    main()
