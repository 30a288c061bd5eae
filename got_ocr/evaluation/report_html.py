"""The report that people read: one HTML file, the worst samples first, truth and answer side by side.

The page fetches nothing and runs nothing: pictures are in it, the histograms are drawn as SVG, there is no script, and
its content security policy allows just that and its own style sheet, by its hash. All text from data is escaped;
control and bidirectional characters, which could hide or reorder text, are shown by their numbers.
"""

import base64
import hashlib
import html
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .report_text import by_length, by_mode, figure, headline, interval_text, verdict
from .results import Result
from .scoring import Figures, Scores, badness, lower_is_better
from .statistics import Comparison

if TYPE_CHECKING:
    from PIL import Image

MAX_PICTURE_PX = 900
JPEG_QUALITY = 72
MAX_CHARACTERS = 20_000  # of a text shown; the figures are of the whole
MAX_SAMPLES = 50
BAR_BINS = 20

# Characters that a browser would not show as they are, or that change what stands around them.
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
    "|[\U000e0000-\U000e007f]"
)

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#f3f4f6;--line:#d5d8dd;--accent:#1f5fbf;
--gone:#b3261e;--gone-bg:#fde3e1;--new:#146c2e;--new-bg:#d9f2df}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181c;--soft:#22252b;--line:#3a3f47;--accent:#82b1ff;
--gone:#ffb4ab;--gone-bg:#5c1f1b;--new:#a5e6b4;--new-bg:#16401f}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:100rem;color:var(--ink);background:var(--paper);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:0 0 .4rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .8rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}
.wide{overflow-x:auto}
.charts{display:flex;flex-wrap:wrap;gap:2rem}
svg text{fill:currentColor;font:12px system-ui,sans-serif}svg .bar{fill:var(--accent)}svg .axis{stroke:var(--line)}
article{border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:0 0 1.2rem;break-inside:avoid}
.columns{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr) minmax(0,1fr);gap:1rem;align-items:start}
.columns.nopicture{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
@media(max-width:60rem){.columns,.columns.nopicture{grid-template-columns:minmax(0,1fr)}}
.columns img{max-width:100%;height:auto;border:1px solid var(--line);background:#fff}
pre{margin:0;padding:.6rem;background:var(--soft);border-radius:.3rem;white-space:pre-wrap;overflow-wrap:anywhere;
font:14px/1.5 ui-monospace,monospace;max-height:40rem;overflow-y:auto}
del{color:var(--gone);background:var(--gone-bg);text-decoration:none;border-bottom:2px solid var(--gone)}
ins{color:var(--new);background:var(--new-bg);text-decoration:none;border-bottom:2px solid var(--new)}
.hidden{border:1px dotted;font-size:.75em;padding:0 .2em}
.meta{color:var(--ink);opacity:.75;font-size:.9rem;margin:0 0 .6rem;overflow-wrap:anywhere}
.error{color:var(--gone)}
""".strip()


def escape(text: str) -> str:
    """Escape text for HTML, hidden characters made visible."""
    pieces, end = [], 0
    for found in HIDDEN.finditer(text):
        pieces.append(html.escape(text[end : found.start()]))
        pieces.append(f'<span class="hidden">U+{ord(found[0]):04X}</span>')
        end = found.end()
    pieces.append(html.escape(text[end:]))
    return "".join(pieces)


def content_security_policy() -> str:
    """Build the page's policy: nothing but pictures within the page and this one style sheet."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def difference(truth: str, answer: str) -> tuple[str, str]:
    """Mark what truth and answer don't share, character by character.

    Args:
        truth: The truth.
        answer: The answer.

    Returns:
        Both as HTML: what lacks in the answer within `<del>`, what is too much or other within `<ins>`.
    """
    from rapidfuzz.distance import Levenshtein

    left, right = [], []
    for step in Levenshtein.opcodes(truth, answer):
        one = _visible(truth[step.src_start : step.src_end], step.tag)
        other = _visible(answer[step.dest_start : step.dest_end], step.tag)
        left.append(one if step.tag == "equal" or not one else f"<del>{one}</del>")
        right.append(other if step.tag == "equal" or not other else f"<ins>{other}</ins>")
    return "".join(left), "".join(right)


def _visible(text: str, tag: str) -> str:
    """Escape; where it differs a line break is shown, too, or a lost one could not be seen."""
    escaped = escape(text)
    return escaped if tag == "equal" else escaped.replace("\n", "↵\n")


def picture_url(picture: "Image.Image") -> str:
    """Shrink a picture and put it into a data URL."""
    picture = picture.convert("RGB")
    picture.thumbnail((MAX_PICTURE_PX, MAX_PICTURE_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def bar_chart(title: str, bars: Sequence[tuple[str, float, str]], *, scale: float | None = None) -> str:
    """Draw bars, one below the other, as SVG.

    Args:
        title: What is shown; read out by screen readers.
        bars: (label, value, text beside the bar) of each.
        scale: The value of a full bar; the largest value by default.

    Returns:
        A figure with its caption.
    """
    longest = max([scale or 0.0, *(value for _, value, _ in bars)]) or 1.0
    height, left, room = 22, 130, 300
    parts = []
    for number, (label, value, text) in enumerate(bars):
        top = number * height
        width = max(0.0, min(1.0, value / longest)) * room
        parts.append(
            f'<text x="{left - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="bar" x="{left}" y="{top + 4}" width="{width:.1f}" height="14"></rect>'
            f'<text x="{left + width + 6:.1f}" y="{top + 15}">{escape(text)}</text>'
        )
    total = max(1, len(bars)) * height
    return (
        f'<figure><h3>{escape(title)}</h3><svg role="img" aria-label="{escape(title)}" width="{left + room + 110}" '
        f'height="{total}" viewBox="0 0 {left + room + 110} {total}">'
        f'<line class="axis" x1="{left}" y1="0" x2="{left}" y2="{total}"></line>{"".join(parts)}</svg></figure>'
    )


def error_histogram(figures: Sequence[Figures]) -> str:
    """Draw how many samples have which error (edit distance)."""
    counts = [0] * BAR_BINS
    for sample in figures:
        counts[min(BAR_BINS - 1, int(badness(sample) * BAR_BINS))] += 1
    bars = [
        (f"{place / BAR_BINS:.2f} to {(place + 1) / BAR_BINS:.2f}", float(count), str(count))
        for place, count in enumerate(counts)
    ]
    while len(bars) > 1 and not bars[-1][1]:
        bars.pop()
    return bar_chart("Samples by error", bars)


def render_report(
    scores: Scores,
    *,
    title: str = "OCR evaluation",
    run: Mapping[str, Any] | None = None,
    load_picture: Callable[[Result], "Image.Image | None"] | None = None,
    comparison: Mapping[str, Comparison] | None = None,
    systems: tuple[str, str] = ("first", "second"),
    confidence: float = 0.95,
    max_samples: int = MAX_SAMPLES,
) -> str:
    """Write the report page.

    Args:
        scores: The figures.
        title: The page's title.
        run: What was run, shown as a table.
        load_picture: Gives a result's picture, or None; the page is made without pictures if it is left out.
        comparison: A paired comparison to show.
        systems: Names of the two that are compared.
        confidence: Of the intervals.
        max_samples: How many samples to show, the worst first.

    Returns:
        The page.
    """
    body = [f"<h1>{escape(title)}</h1>", f'<p class="meta">{escape(headline(scores))}</p>']
    if run:
        body.append(_rows_table("run", [(str(key), str(value)) for key, value in run.items()]))
    body += ["<h2>Figures</h2>", _figures_table(scores, confidence)]
    if comparison:
        body += ["<h2>Comparison</h2>", _comparison_table(comparison, systems)]
    body += ["<h2>Where the errors are</h2>", '<div class="charts">', *_charts(scores), "</div>"]
    places = sorted(range(len(scores.results)), key=lambda place: (-badness(scores.figures[place]), place))
    shown = places[:max_samples]
    body.append(f"<h2>Samples, the worst first ({len(shown)} of {len(places)})</h2>")
    body += [_article(scores.results[place], scores.figures[place], load_picture) for place in shown]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{content_security_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" '
        f'content="no-referrer">\n<title>{html.escape(HIDDEN.sub("", title))}</title>\n<style>{STYLE}</style>\n'
        "</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _rows_table(name: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th scope='row'>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows)
    return f'<div class="wide"><table aria-label="{escape(name)}">{lines}</table></div>'


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _figures_table(scores: Scores, confidence: float) -> str:
    rows = (
        (f"{name} {'↓' if lower_is_better(name) else '↑'}", figure(one.value), interval_text(one), str(one.count))
        for name, one in scores.summary.items()
    )
    return _table(("figure", "value", f"{confidence:.0%} interval", "samples"), rows)


def _comparison_table(comparison: Mapping[str, Comparison], systems: tuple[str, str]) -> str:
    rows = (
        (
            f"{name} {'↓' if lower_is_better(name) else '↑'}",
            figure(one.first),
            figure(one.second),
            f"{one.difference:+.4f}",
            f"{one.low:+.4f} .. {one.high:+.4f}",
            f"{one.p_adjusted:.4f}",
            verdict(name, one, *systems),
        )
        for name, one in comparison.items()
    )
    return _table(("figure", *systems, "difference", "interval", "p (Holm)", "better"), rows)


def _charts(scores: Scores) -> Iterator[str]:
    yield error_histogram(scores.figures)
    for title, groups in (
        ("Mean error by length of the truth (characters)", by_length(scores)),
        ("Mean error by mode", by_mode(scores)),
    ):
        bars = [(group["name"], group["error"], f"{group['error']:.3f} (n={group['samples']})") for group in groups]
        yield bar_chart(title, bars)


def _article(result: Result, figures: Figures, load_picture: Callable[[Result], "Image.Image | None"] | None) -> str:
    truth, answer = result.label[:MAX_CHARACTERS], result.answer[:MAX_CHARACTERS]
    left, right = difference(truth, answer)
    picture, note = None, ""
    if load_picture is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                picture = load_picture(result)
        except (ValueError, OSError) as error:
            note = f'<p class="error">{escape(str(error))}</p>'
    facts = [f"{name} {above / below:.3f}" for name, (above, below) in figures.items() if below][:6]
    if result.question:
        facts.append(" ".join(result.question.replace("<image>", "").split()))
    if result.finish_reason:
        facts.append(f"ended by: {result.finish_reason}")
    for name, text in (("truth", result.label), ("answer", result.answer)):
        if len(text) > MAX_CHARACTERS:
            facts.append(f"{name} cut after {MAX_CHARACTERS} of {len(text)} characters")
    failure = f'<p class="error">{escape(result.error)}</p>' if result.error else ""
    columns = "" if picture is not None else " nopicture"
    image = "" if picture is None else f'<img alt="the picture {escape(result.image)}" src="{picture_url(picture)}">'
    number = f"{result.index}: " if result.index >= 0 else ""
    return (
        f"<article><h3>{escape(number + result.image)}</h3>"
        f'<p class="meta">{escape("; ".join(facts))}</p>{failure}{note}'
        f'<div class="columns{columns}">{f"<div>{image}</div>" if image else ""}'
        f"<div><h3>Truth</h3><pre>{left}</pre></div><div><h3>Answer</h3><pre>{right}</pre></div></div></article>"
    )
