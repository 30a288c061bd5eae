"""How long scoring takes, and how that compares with the published way, in one run.

    python -m got_ocr.evaluation.benchmarks.scoring [--pages 1000] [--characters 3000] [--workers 2] [--published 2]

Pages are English prose (every tenth Chinese), predictions have about 3 % of their characters changed. "Published" is
the arithmetic of the published scripts with the functions that they call: nltk's edit_distance, bleu, meteor_score,
precision, recall and f_measure; it runs on a few pages only, being quadratic Python (today's nltk refuses pages of
more than 2000 characters unless it is told otherwise).
"""

import argparse
import json
import os
import platform
import random
import re
import sys
import time
import warnings

from got_ocr.evaluation import meteor, words
from got_ocr.evaluation.results import Result
from got_ocr.evaluation.scoring import score
from got_ocr.evaluation.text_metrics import fox_metrics

ENGLISH = re.findall(
    r"\w+",
    """the of and to in a is that for it as was with be by on not he his but at are this have from or had an which
they their one you were her all she there would when who more if no out so said what up its about into than
them can only other new some could time these two may then do first any my now such like our over man me even
most made after also did many before must through back years where much your way well down should because each
just those people too little state good very make world still own see men work long get here between both life
being under never day same another know while last might us great old year off come since against go came
right used take three""",
)
CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种"
CHANGED = 0.03


def make_page(generator: random.Random, characters: int, chinese: bool) -> str:
    """Make up a page of lines and paragraphs."""
    pieces: list[str] = []
    length = 0
    while length < characters:
        if chinese:
            line = "".join(generator.choices(CHINESE, k=generator.randrange(20, 40))) + "。"
        else:
            line = " ".join(generator.choices(ENGLISH, k=generator.randrange(8, 14))).capitalize() + "."
        pieces.append(line + ("\n\n" if generator.random() < 0.15 else "\n"))
        length += len(pieces[-1])
    return "".join(pieces)[:characters].strip()


def misread(generator: random.Random, text: str) -> str:
    """Change, drop or double some characters."""
    read = []
    for character in text:
        draw = generator.random()
        if draw < CHANGED / 3:
            read.append(generator.choice("etaoinshrdlu"))
        elif draw < 2 * CHANGED / 3:
            continue
        elif draw < CHANGED:
            read.append(character * 2)
        else:
            read.append(character)
    return "".join(read)


class _Synonyms:
    """Our synonyms in the shape that nltk asks: the published way needs a download for its own."""

    def synsets(self, word: str) -> list["_Synonyms"]:
        self.words = meteor.wordnet_synonyms(word)
        return [self]

    def lemmas(self) -> list["_Lemma"]:
        return [_Lemma(word) for word in self.words]


class _Lemma(str):
    __slots__ = ()

    def name(self) -> str:
        return str(self)


def published_way(truth: str, prediction: str) -> dict[str, float]:
    """Compute Fox's six with nltk's functions, truth as reference."""
    import nltk
    from nltk.metrics import distance, f_measure, precision, recall
    from nltk.translate import meteor_score

    distance.MAX_DISTANCE_INPUT_LEN = 10**6
    reference, hypothesis = words.split_words(truth, prediction)
    figures = {
        "bleu": nltk.translate.bleu([reference], hypothesis),
        "meteor": meteor_score.meteor_score([reference], hypothesis, wordnet=_Synonyms()),
        "f1": f_measure(set(reference), set(hypothesis)),
        "precision": precision(set(reference), set(hypothesis)),
        "recall": recall(set(reference), set(hypothesis)),
    }
    figures["edit_distance"] = nltk.edit_distance(prediction, truth) / max(len(truth), len(prediction))
    return figures


def main() -> int:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--characters", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--published", type=int, default=2, help="pages that are also scored the published way")
    args = parser.parse_args()
    generator = random.Random(0)
    results = []
    for index in range(args.pages):
        truth = make_page(generator, args.characters, chinese=index % 10 == 9)
        results.append(Result(f"{index}.png", "OCR: ", truth, misread(generator, truth), index))

    start, cpu_start = time.perf_counter(), sum(os.times()[:4])
    scores = score(results, workers=args.workers)
    whole_s, whole_cpu_s = time.perf_counter() - start, sum(os.times()[:4]) - cpu_start

    few = results[: args.published]
    for result in few[:1]:
        fox_metrics(result.label, result.answer)  # loads what both ways use
    start, cpu_start = time.perf_counter(), time.process_time()
    ours = [fox_metrics(result.label, result.answer) for result in few]
    ours_s, ours_cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    start, cpu_start = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [published_way(result.label, result.answer) for result in few]
    theirs_s, theirs_cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    report = {
        "pages": args.pages,
        "characters_a_page": args.characters,
        "workers": args.workers,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "all_metrics_and_intervals_s": round(whole_s, 2),
        "the_same_in_cpu_s_of_all_processes": round(whole_cpu_s, 2),
        "fox_six": {
            "pages": len(few),
            "ours_s": round(ours_s, 4),
            "published_s": round(theirs_s, 2),
            "ratio": round(theirs_s / ours_s),
            "ratio_of_cpu_time": round(theirs_cpu_s / ours_cpu_s),
            "equal": ours == theirs,
        },
        "figures": {name: round(one.value, 4) for name, one in scores.summary.items()},
    }
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
