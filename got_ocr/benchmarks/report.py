"""A benchmark's report as JSON, as a Markdown table and as a picture."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..hub.whole_file import write_whole
from .machine import DISTURBED_SHARE

BYTES_OF_WEIGHT = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5 + 4 / 64}  # int4: a pair a group of 64.
TOWER_FLOP = 0.95e12  # Of a picture, by the published sizes.
KEYS = ("stage", "batch", "size")


def write_report(report: dict[str, Any], folder: Path, name: str = "") -> list[Path]:
    """Write a report.

    Args:
        report: Of `run_bench`.
        folder: Where to; it is made.
        name: Of the files, without a suffix; by default the device's name.

    Returns:
        The files: `.json`, `.md`, and `.svg` where matplotlib is installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / (name or file_name(report))
    written = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".json", ".md", ".svg")]
    write_whole(written[0], lambda part: part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8"))
    write_whole(written[1], lambda part: part.write_text(describe(report), encoding="utf-8"))
    if not draw(report, written[2]):
        del written[2]
    return written


def file_name(report: dict[str, Any]) -> str:
    """Name a report after its device. Returns: letters, digits and dashes."""
    device = re.sub(r"[^a-z0-9]+", "-", report["machine"]["device"].lower()).strip("-")
    return f"{device}-{report['machine']['threads']}-threads" if "capability" in report["machine"] else device


def describe(report: dict[str, Any]) -> str:
    """Write a report as Markdown.

    Args:
        report: Of `run_bench`.

    Returns:
        The text.
    """
    machine, limits = report["machine"], report["limits"]
    size = "the published size" if report["is_full_size"] else "fewer layers than published"
    lines = [
        f"# {machine['device']}",
        "",
        f"torch {machine['torch']}, transformers {machine['transformers']}, {machine['threads']} threads; "
        f"{report['parameters'] / 1e6:.0f} M random weights ({size}); medians of {report['options']['repeats']} "
        "rounds, variants in turns.",
        "",
        _describe_disturbance(report["disturbance"], report["options"]["clock"]),
        "",
        f"Limits in this run: matrix products {limits['gemm_float32'] * 1000:.0f} GFLOP/s in float32, "
        f"{limits['gemm_bfloat16'] * 1000:.0f} in bfloat16; memory is read at {best_stream(limits):.1f} GB/s.",
        "",
        "`x port` is the rate over that of transformers' port in float32 (of the port at its best, where that is in "
        "brackets); `of limit` the share of the limit that binds: arithmetic for the tower, reading the weights for a "
        "token.",
        "",
        "| stage | batch | tokens | variant | seconds | rate | x port | of limit | peak MB | beside the first |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for group in grouped(report["results"]):
        lines += [_row(entry, group, report) for entry in group]
    return "\n".join(lines) + "\n"


def _describe_disturbance(found: dict[str, Any], clock: str) -> str:
    if found["others_share"] is None:
        return "Whether others used the machine meanwhile can't be told on this system."
    said = f"Others used {found['others_share']:.0%} of the processors meanwhile"
    loads = (
        f"load {found['load_before'][0]:.1f} before, {found['load_after'][0]:.1f} after"
        if found["load_before"]
        else ""
    )
    verdict = f"**disturbed** (over {DISTURBED_SHARE:.0%})" if found["is_disturbed"] else "undisturbed"
    if clock == "cpu":
        note = "Seconds are processor seconds of one thread; others also slow them, by using caches and memory."
    else:
        note = "Wall-clock seconds of a disturbed run are no measure." if found["is_disturbed"] else ""
    return f"{said} ({loads}): {verdict}. {note}".rstrip()


def grouped(results: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group results that did the same work. Args: results: of a report. Returns: the groups, in order."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in results:
        groups.setdefault(tuple(entry[key] for key in KEYS), []).append(entry)
    return list(groups.values())


def best_stream(limits: dict[str, float]) -> float:
    """The rate at which memory was read at best. Returns: GB/s."""
    return max(rate for name, rate in limits.items() if name.startswith("stream"))


def _row(entry: dict[str, Any], group: list[dict[str, Any]], report: dict[str, Any]) -> str:
    rates = {other["variant"]: other["rate"] for other in group}
    port = rates.get("port-float32", rates.get("port", rates.get("port-bfloat16")))
    best = max((rate for name, rate in rates.items() if name.startswith("port")), default=None)
    ratio = "" if port is None else f"{entry['rate'] / port:.2f}"
    if best is not None and best != port:
        ratio += f" ({entry['rate'] / best:.2f})"
    share = limit_share(entry, report)
    seconds = f"{entry['seconds']:.3g}"
    cells = [
        entry["stage"],
        entry["batch"],
        entry["size"] or "",
        entry["variant"],
        seconds,
        f"{entry['rate']:.3g} {entry['unit']}/s",
        ratio,
        "" if share is None else f"{share:.0%}",
        "" if entry["peak_mb"] is None else f"{entry['peak_mb']:.0f}",
        _describe_comparison(entry),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _describe_comparison(entry: dict[str, Any]) -> str:
    parts = []
    if "relative_error" in entry:
        parts.append(f"off by {entry['relative_error']:.2g}")
    if "largest_error" in entry:
        parts.append(f"at most {entry['largest_error']:.2g}")
    if "agreement" in entry:
        parts.append(f"{entry['agreement']:.1%} of tokens equal")
    return ", ".join(parts)


def limit_share(entry: dict[str, Any], report: dict[str, Any]) -> float | None:
    """Tell what share of the machine's limit a result reached.

    Args:
        entry: A result.
        report: The report that it stands in.

    Returns:
        The share; None for stages that no one limit binds.
    """
    kind = entry["variant"].split("-")[1] if "-" in entry["variant"] else ""
    limits = report["limits"]
    if entry["stage"] == "tower" and f"gemm_{kind}" in limits and report["is_full_size"]:
        return float(entry["rate"] * TOWER_FLOP / (limits[f"gemm_{kind}"] * 1e12))
    if entry["stage"] == "decode" and entry["batch"] == 1 and kind in BYTES_OF_WEIGHT:
        # A token reads the decoder's weights once; the embedding is the head, which is read too.
        num_bytes = (report["parameters"] - report["tower_parameters"]) * BYTES_OF_WEIGHT[kind]
        return float(entry["rate"] * num_bytes / (best_stream(limits) * 1e9))
    return None


def draw(report: dict[str, Any], path: Path) -> bool:
    """Draw how many times as fast as the port each variant is.

    Args:
        report: Of `run_bench`.
        path: The picture's file.

    Returns:
        Whether it was drawn; not without matplotlib, or where the port was not measured.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return False
    bars: list[tuple[str, str, float]] = []
    for group in grouped(report["results"]):
        ports = [entry["rate"] for entry in group if entry["variant"].startswith("port")]
        for entry in group:
            if ports and entry["variant"].startswith("ours"):
                size = f", {entry['size']} tokens" if entry["size"] else ""
                label = f"{entry['stage']}, batch {entry['batch']}{size}"
                bars.append((label, entry["variant"], entry["rate"] / max(ports)))
    if not bars:
        return False
    colours = {variant: f"C{number}" for number, variant in enumerate(sorted({bar[1] for bar in bars}))}
    figure = Figure(figsize=(8, 1.2 + 0.28 * len(bars)), layout="constrained")
    axes = figure.subplots()
    for place, (_, variant, ratio) in enumerate(reversed(bars)):
        axes.barh(place, ratio, color=colours[variant])
        axes.text(ratio, place, f" {ratio:.2f}", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [f"{label}: {variant}" for label, variant, _ in reversed(bars)], fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8)
    disturbed = " (disturbed run)" if report["disturbance"]["is_disturbed"] else ""
    axes.set_title(
        f"Times the rate of transformers' port at its best, {report['machine']['device']}{disturbed}", fontsize=9
    )
    with mpl.rc_context({"svg.hashsalt": "got_ocr"}):
        figure.savefig(path, metadata={"Date": None})
    return True
