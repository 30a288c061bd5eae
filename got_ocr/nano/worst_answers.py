"""The worst answers of a run, with their pictures, for people who want to know what goes wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from got_ocr.nano.materials import Materials
from got_ocr.nano.report import Scored, single_blanks
from got_ocr.nano.run import save_pictures
from got_ocr.nano.tiers import Tier

CONTEXT = 24  # characters around a difference
LONGEST_PART = 120
MOST_DIFFERENCES = 12


def differences(truth: str, answer: str) -> list[str]:
    """Say where an answer differs, in order.

    Args:
        truth: what the picture shows.
        answer: what was read.

    Returns:
        Lines such as `...before [-what stands there-]{+what was read+} after...`, the largest differences at most.
    """
    from rapidfuzz.distance import Levenshtein

    truth, answer = single_blanks(truth), single_blanks(answer)
    steps = [step for step in Levenshtein.opcodes(truth, answer) if step.tag != "equal"]
    merged: list[list[int]] = []
    for step in steps:
        if merged and step.src_start - merged[-1][1] <= 3:
            merged[-1][1], merged[-1][3] = step.src_end, step.dest_end
        else:
            merged.append([step.src_start, step.src_end, step.dest_start, step.dest_end])
    merged.sort(key=lambda part: -max(part[1] - part[0], part[3] - part[2]))
    lines = []
    for begin, end, start, stop in sorted(merged[:MOST_DIFFERENCES]):
        before, after = truth[max(0, begin - CONTEXT) : begin], truth[end : end + CONTEXT]
        lines.append(f"{before}[-{_short(truth[begin:end])}-]{{+{_short(answer[start:stop])}+}}{after}")
    return lines


def _short(text: str) -> str:
    if len(text) <= LONGEST_PART:
        return text
    return f"{text[: LONGEST_PART // 2]} ... {len(text) - LONGEST_PART} more ... {text[-LONGEST_PART // 2 :]}"


def kind_of_mistake(truth: str, answer: str) -> str:
    """Name the kind of mistake that makes most of an answer's errors.

    Args:
        truth: what the picture shows.
        answer: what was read.

    Returns:
        `letters` (single characters), `order` (the lines are there, in another order), `missing` or `invented` (runs
        of 10 characters and more that lack or are too many), or `none`.
    """
    from rapidfuzz.distance import Levenshtein

    one, other = single_blanks(truth), single_blanks(answer)
    if one == other:
        return "none"
    counts = {"letters": 0, "missing": 0, "invented": 0}
    for step in Levenshtein.opcodes(one, other):
        size = max(step.src_end - step.src_start, step.dest_end - step.dest_start)
        if step.tag == "delete" and size >= 10:
            counts["missing"] += size
        elif step.tag == "insert" and size >= 10:
            counts["invented"] += size
        elif step.tag != "equal":
            counts["letters"] += size
    errors = sum(counts.values())
    lines = [single_blanks(line) for line in truth.splitlines() if line.strip()]
    others = [single_blanks(line) for line in answer.splitlines() if line.strip()]
    if len(lines) > 2 and errors > 0.05 * len(one):
        sorted_errors = Levenshtein.distance(_sorted_like(lines, others), other)
        if sorted_errors < 0.5 * Levenshtein.distance(one, other):
            return "order"
    return max(counts, key=lambda name: counts[name])


def _sorted_like(lines: Sequence[str], others: Sequence[str]) -> str:
    """Put lines in the order in which an answer has those most like them."""
    from rapidfuzz import process

    places = []
    for number, line in enumerate(lines):
        match = process.extractOne(line, others, score_cutoff=60)
        places.append((match[2] if match else number, number, line))
    return " ".join(line for _, _, line in sorted(places))


def write_worst(
    folder: Path,
    tiers: Sequence[Tier],
    scored: Mapping[str, Mapping[str, Sequence[Scored]]],
    materials: Materials,
    count: int,
) -> Path:
    """Write the worst answers of the model on each tier, and how often which kind of mistake dominates.

    Args:
        folder: where to, made if it doesn't exist.
        tiers: which.
        scored: answers by tier and reader.
        materials: to draw the pictures again.
        count: of answers a tier.

    Returns:
        The file, `worst.md`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for tier in tiers:
        answers = scored.get(tier.key, {}).get("nano", ())
        wrong = sorted((one for one in answers if one.errors), key=lambda one: -one.errors)
        kinds: dict[str, list[int]] = {}
        for one in wrong:
            kind = one.answer.reason if one.answer.reason == "error" else ""
            kind = kind or kind_of_mistake("\n".join(one.answer.texts), one.answer.answer)
            kinds.setdefault(kind, []).append(one.errors)
        total = sum(one.errors for one in wrong)
        parts.append(f"## {tier.key}: {len(wrong)} of {len(answers)} answers with errors, {total} characters\n")
        for kind, errors in sorted(kinds.items(), key=lambda item: -sum(item[1])):
            parts.append(f"- mostly {kind}: {len(errors)} answers, {100 * sum(errors) / total:.0f} % of the errors")
        chosen = wrong[:count]
        files = save_pictures(tier, materials, [one.answer.number for one in chosen], folder)
        for one, file in zip(chosen, files, strict=True):
            truth = "\n".join(one.answer.texts)
            kind = kind_of_mistake(truth, one.answer.answer)
            parts.append(
                f"\n### {file.name}: {one.errors} of {one.characters}, mostly {kind}, {one.answer.reason}"
                f"{' (' + one.answer.error + ')' if one.answer.error else ''}\n\n{dict(one.answer.facts)}\n"
            )
            parts += [f"    {line}" for line in differences(truth, one.answer.answer)]
        parts.append("")
    path = folder / "worst.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
