"""Figures of pairs of texts against independent references: nltk, jiwer, arithmetic by hand."""

import math
import os
import random
import shutil
import string
import warnings
from pathlib import Path
from typing import Any

import jiwer
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.metrics import edit_distance as nltk_edit_distance
from nltk.metrics import f_measure as nltk_f_measure
from nltk.metrics import precision as nltk_precision
from nltk.metrics import recall as nltk_recall
from nltk.translate import bleu as nltk_bleu
from nltk.translate import meteor_score as nltk_meteor

from got_ocr.evaluation import meteor as our_meteor
from got_ocr.evaluation.distances import edit_distance, normalized_edit_distance, pair_cheapest
from got_ocr.evaluation.results import Result
from got_ocr.evaluation.scoring import score, score_sample
from got_ocr.evaluation.text_metrics import bleu, character_errors, fox_metrics, word_errors
from got_ocr.evaluation.words import split_characters, split_words

SETTINGS = settings(max_examples=40, deadline=None)

# Latin, Chinese, emoji with modifiers and joiners, combining marks, white space of many kinds, control characters.
ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from("aab bcd .,\n\t"),
        st.sampled_from("你好世界的文字识别,。"),
        st.sampled_from(["\U0001f600", "\U0001f468\u200d\U0001f469", "\u0301", "\u00a0", "\u3000", "\x00", "é", "ﬁ"]),
        st.characters(),
    ),
    max_size=50,
).map("".join)
VOCABULARY = """the The cat cats cat's run running ran runs quick fast speedy quickly car automobile auto decide
decided study studies men man woman buy purchase purchased big large larger 12 ( . xyzzy"""
WORDS = st.lists(st.sampled_from(VOCABULARY.replace("\n", " ").split(" ")), max_size=25)


def distance_by_definition(one: str, other: str) -> int:
    """Levenshtein's recursion, row by row: our own way, for sizes at which nltk takes minutes."""
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        diagonal, row[0] = row[0], place
        for column, opposite in enumerate(other, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (character != opposite)),
            )
    return row[-1]


class TestEditDistance:
    @SETTINGS
    @given(ANY_TEXT, ANY_TEXT)
    @example("", "")
    @example("", "abc")
    @example("你好", "")
    @example("👨‍👩‍👧", "👨👩👧")
    def test_is_nltks(self, one: str, other: str) -> None:
        assert edit_distance(one, other) == nltk_edit_distance(one, other)
        if one or other:
            expected = nltk_edit_distance(one, other) / max(len(one), len(other))
            assert normalized_edit_distance(one, other) == expected  # to the last digit

    @SETTINGS
    @given(WORDS, WORDS)
    def test_of_words_is_nltks(self, one: list[str], other: list[str]) -> None:
        assert edit_distance(one, other) == nltk_edit_distance(one, other)

    @pytest.mark.parametrize("alphabet", [string.printable, "的一是在不了有和人这", "😀😃😄 ab"])
    def test_of_long_texts_is_the_definitions(self, alphabet: str) -> None:
        generator = random.Random(alphabet)
        one = "".join(generator.choices(alphabet, k=700))
        other = "".join(generator.choices(alphabet, k=650))
        assert edit_distance(one, other) == distance_by_definition(one, other)

    def test_of_twenty_thousand_characters_with_known_edits(self) -> None:
        """Digits that stand in only one of two texts must each cost one edit, whatever the rest is."""
        generator = random.Random(5)
        text = "".join(generator.choices("abcdefgh \n你好😀", k=20_000))
        places = generator.sample(range(20_000), 300)
        changed = list(text)
        for place in places:
            changed[place] = "0"
        assert edit_distance(text, "".join(changed)) == 300
        assert edit_distance(text, "0".join(text)) == 19_999
        assert edit_distance(text, text[::2]) == 10_000  # a subsequence: deletions alone


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=5))
@SETTINGS
def test_the_cheapest_pairing_is_that_of_all_pairings(costs: list[list[int]]) -> None:
    from itertools import permutations

    pairs = pair_cheapest(costs)
    assert len(pairs) == min(len(costs), 4)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    if len(costs) <= 4:
        best = min(
            sum(costs[row][column] for row, column in enumerate(order)) for order in permutations(range(4), len(costs))
        )
    else:
        best = min(
            sum(costs[row][column] for column, row in enumerate(order)) for order in permutations(range(len(costs)), 4)
        )
    assert sum(costs[row][column] for row, column in pairs) == best


class TestBleu:
    @SETTINGS
    @given(WORDS, WORDS)
    @example([], ["a"])
    @example(["a"], ["a"])
    @example(["a", "b"], ["a", "c"])
    def test_is_nltks_to_the_last_digit(self, reference: list[str], hypothesis: list[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = nltk_bleu([reference], hypothesis)
        assert bleu(reference, hypothesis) == expected


class StandInWordNet:
    """Our table in the shape that nltk's METEOR asks: what it does with a WordNet is then nltk's alone."""

    def synsets(self, word: str) -> "list[StandInWordNet]":
        self.words = our_meteor.wordnet_synonyms(word)
        return [self]

    def lemmas(self) -> "list[Lemma]":
        return [Lemma(word) for word in self.words]


class Lemma(str):
    def name(self) -> str:
        return str(self)


class TestMeteor:
    @SETTINGS
    @given(WORDS, WORDS)
    @example([], [])
    @example(["a"], [])
    def test_is_nltks_to_the_last_digit(self, reference: list[str], hypothesis: list[str]) -> None:
        expected = nltk_meteor.meteor_score([reference], hypothesis, wordnet=StandInWordNet())
        assert our_meteor.meteor(reference, hypothesis) == expected

    @SETTINGS
    @given(ANY_TEXT, ANY_TEXT)
    def test_is_nltks_on_any_text(self, truth: str, prediction: str) -> None:
        for split in (split_words, split_characters):
            reference, hypothesis = split(truth, prediction)
            expected = nltk_meteor.meteor_score([reference], hypothesis, wordnet=StandInWordNet())
            assert our_meteor.meteor(reference, hypothesis) == expected

    def test_published_example(self) -> None:
        """The sentence of nltk's documentation, with the score that it states for the genuine WordNet."""
        hypothesis = "It is a guide to action which ensures that the military always obeys the commands of the party"
        reference = "It is a guide to action that ensures that the military will forever heed Party commands"
        assert round(our_meteor.meteor(reference.split(), hypothesis.split()), 4) == 0.6944

    def test_synonyms_are_matched_after_stems(self) -> None:
        def no_synonyms(_: str) -> frozenset[str]:
            return frozenset()

        car, auto = ["a", "red", "car"], ["a", "red", "automobil"]
        assert "automobile" in our_meteor.wordnet_synonyms("car")
        assert our_meteor.meteor(["car"], ["auto"]) > 0
        assert our_meteor.meteor(["car"], ["auto"], no_synonyms) == 0
        assert our_meteor.meteor(car, auto) == our_meteor.meteor(car, auto, no_synonyms)  # a stem is not a word

    @pytest.mark.parametrize(
        ("word", "synonym"),
        [("dogs", "dog"), ("men", "man"), ("ran", "run"), ("studies", "survey"), ("better", "good"), ("paris", None)],
    )
    def test_base_forms_by_rule_and_by_exception(self, word: str, synonym: str | None) -> None:
        assert synonym is None or synonym in our_meteor.wordnet_synonyms(word)
        assert "paris" not in our_meteor.wordnet_synonyms("paris") or synonym is None

    @pytest.mark.filterwarnings("ignore:The multilingual functions")
    def test_table_is_the_genuine_wordnet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every word of WordNet 3.0 has nltk's synonyms, where a copy of WordNet lies on the machine."""
        folder = Path(os.environ.get("GOT_OCR_WORDNET", "/usr/share/wordnet"))
        if not (folder / "data.noun").is_file():
            pytest.skip("no WordNet 3.0 here: apt-get install wordnet-base, or GOT_OCR_WORDNET=FOLDER")
        words = sorted(
            line.split(" ", 1)[0]
            for part in ("noun", "verb", "adj", "adv")
            for line in (folder / f"index.{part}").read_text().splitlines()
            if not line.startswith(" ") and "_" not in line.split(" ", 1)[0]
        )
        reader = open_wordnet(folder, tmp_path, monkeypatch)
        generator = random.Random(3)
        sample = generator.sample(words, 4000)
        sample += [word + ending for word in generator.sample(words, 1000) for ending in ("s", "ed", "ing", "er")]
        sample += [our_meteor.porter_stem(word) for word in generator.sample(words, 2000)]
        for word in sample:
            expected = {
                lemma.name()
                for synset in reader.synsets(word)
                for lemma in synset.lemmas()
                if "_" not in lemma.name() and lemma.name() == lemma.name().lower()
            }
            assert our_meteor.wordnet_synonyms(word) - {word} == expected - {word}, word


def open_wordnet(folder: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open a WordNet folder by nltk; Debian's lacks the list of lexicographer files, whose names don't matter here."""
    import nltk.data
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    for path in folder.iterdir():
        if path.is_file():
            shutil.copyfile(path, copy / path.name)  # no links: nltk refuses to follow them out of its folders
    if not (copy / "lexnames").exists():
        (copy / "lexnames").write_text("".join(f"{number:02d}\tfile{number}\t1\n" for number in range(45)))
    monkeypatch.setattr(nltk.data, "path", [str(copy)])
    monkeypatch.setattr(WordNetCorpusReader, "map_wn", lambda self, version=None: None)  # to other versions
    return WordNetCorpusReader(str(copy), None)


class TestFoxFigures:
    @SETTINGS
    @given(ANY_TEXT, ANY_TEXT, st.booleans())
    def test_right_convention_is_nltks_with_the_truth_as_reference(
        self, truth: str, prediction: str, characters: bool
    ) -> None:
        split = split_characters if characters else split_words
        reference, hypothesis = split(truth, prediction)
        figures = fox_metrics(truth, prediction, split=split)
        assert figures is not None
        if not reference or not hypothesis:
            return
        ones, others = set(reference), set(hypothesis)
        assert figures["precision"] == nltk_precision(ones, others)
        assert figures["recall"] == nltk_recall(ones, others)
        assert figures["f1"] == nltk_f_measure(ones, others)
        assert figures["edit_distance"] == nltk_edit_distance(truth, prediction) / max(len(truth), len(prediction))

    @SETTINGS
    @given(ANY_TEXT, ANY_TEXT)
    def test_published_convention_swaps_and_drops(self, truth: str, prediction: str) -> None:
        """As the scripts call their function: label and answer in each other's place."""
        published = fox_metrics(truth, prediction, convention="published")
        if not truth or not prediction or not all(split_words(truth, prediction)):
            assert published is None
            return
        right = fox_metrics(prediction, truth)
        assert published == right

    def test_failures_count_in_the_right_convention(self) -> None:
        worst = {"edit_distance": 1.0, "f1": 0.0, "precision": 0.0, "recall": 0.0, "bleu": 0.0, "meteor": 0.0}
        best = {"edit_distance": 0.0, "f1": 1.0, "precision": 1.0, "recall": 1.0, "bleu": 1.0, "meteor": 1.0}
        assert fox_metrics("a page", "") == worst
        assert fox_metrics("", "invented") == worst
        assert fox_metrics("", "") == best
        assert fox_metrics("a page", "   \n ") == {**worst, "edit_distance": 5 / 6}
        assert fox_metrics("a page", "", convention="published") is None

    def test_chinese_is_cut_by_jieba_if_either_text_has_it(self) -> None:
        assert split_words("我爱北京天安门", "I love Beijing") == [
            ["我", "爱", "北京", "天安门"],
            ["I", " ", "love", " ", "Beijing"],
        ]
        assert split_words("I love", "Beijing") == [["I", "love"], ["Beijing"]]
        assert split_words("\u9fa6", "a b") == [["\u9fa6"], ["a", "b"]]  # just past the published range

    def test_both_conventions_on_figures_worked_out_by_hand(self) -> None:
        """Truth 'a b c d', answer 'a b x': 2 words of 4 recalled, 2 of 3 precise.

        Characters: 'a b c d' and 'a b x' differ by one substitution and two deletions: 3 of 7.
        BLEU with the truth as reference: p1 = 2/3, p2 = 1/2, p3 = 0/1 and p4 = 0/1 (the smallest float each), brevity
        exp(1 - 4/3). Published, truth as hypothesis: p1 = 2/4, p2 = 1/3, p3 = 0/2, p4 = 0/1, no brevity penalty.
        METEOR: 2 matches in one run: F = PR / (.9 P + .1 R), times 1 - .5 (1/2)^3.
        """
        truth, answer = "a b c d", "a b x"
        tiny = math.log(2.2250738585072014e-308)
        penalty = 1 - 0.5 * (1 / 2) ** 3
        right = fox_metrics(truth, answer)
        assert right == pytest.approx(
            {
                "edit_distance": 3 / 7,
                "f1": 4 / 7,
                "precision": 2 / 3,
                "recall": 1 / 2,
                "bleu": math.exp(1 - 4 / 3 + (math.log(2 / 3) + math.log(1 / 2) + 2 * tiny) / 4),
                "meteor": penalty * (2 / 3 * 1 / 2) / (0.9 * 2 / 3 + 0.1 * 1 / 2),
            },
            rel=1e-12,
        )
        published = fox_metrics(truth, answer, convention="published")
        assert published == pytest.approx(
            {
                "edit_distance": 3 / 7,
                "f1": 4 / 7,
                "precision": 1 / 2,
                "recall": 2 / 3,
                "bleu": math.exp((math.log(2 / 4) + math.log(1 / 3) + 2 * tiny) / 4),
                "meteor": penalty * (1 / 2 * 2 / 3) / (0.9 * 1 / 2 + 0.1 * 2 / 3),
            },
            rel=1e-12,
        )


def test_published_means_of_a_result_file_worked_out_by_hand() -> None:
    """Three pages: a perfect one of five words, the pair above, and an empty answer, which the scripts leave out."""
    results = [
        Result("1.png", "OCR: ", "one two three four five", "one two three four five"),
        Result("2.png", "OCR: ", "a b c d", "a b x"),
        Result("3.png", "OCR: ", "nothing was read here", ""),
    ]
    published = score(results, convention="published", resamples=0).summary
    # METEOR of the perfect page is 1 - .5 (1/5)^3.
    pair = (1 - 0.5 / 8) * (1 / 2 * 2 / 3) / (0.9 * 1 / 2 + 0.1 * 2 / 3)
    expected = {"edit_distance": 3 / 14, "f1": 11 / 14, "precision": 3 / 4, "recall": 5 / 6, "bleu": 1 / 2}
    expected["meteor"] = (1 - 0.5 / 125 + pair) / 2
    assert {name: one.value for name, one in published.items()} == pytest.approx(expected, abs=1e-12)
    assert {one.count for one in published.values()} == {2}
    right = score(results, resamples=0).summary
    assert right["edit_distance"].value == pytest.approx((0 + 3 / 7 + 1) / 3)
    assert right["precision"].value == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert right["recall"].value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert right["edit_distance"].count == 3


class TestErrorRates:
    @SETTINGS
    @given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=4))
    def test_cer_is_jiwers(self, pairs: list[tuple[str, str]]) -> None:
        transform = jiwer.Compose([jiwer.ReduceToListOfListOfChars()])
        if not any(truth for truth, _ in pairs):
            return
        expected = jiwer.cer(
            [truth for truth, _ in pairs],
            [answer for _, answer in pairs],
            reference_transform=transform,
            hypothesis_transform=transform,
        )
        counts = [character_errors(truth, answer) for truth, answer in pairs]
        assert sum(errors for errors, _ in counts) / sum(length for _, length in counts) == pytest.approx(expected)

    @SETTINGS
    @given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
    def test_wer_is_jiwers(self, pairs: list[tuple[list[str], list[str]]]) -> None:
        truths, answers = zip(*((" ".join(one), " \n ".join(other)) for one, other in pairs), strict=True)
        if not any(truths):
            return
        transform = jiwer.Compose(
            [jiwer.SubstituteRegexes({r"\s+": " "}), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
        )
        expected = jiwer.wer(
            list(truths), list(answers), reference_transform=transform, hypothesis_transform=transform
        )
        counts = [word_errors(truth, answer) for truth, answer in zip(truths, answers, strict=True)]
        assert sum(errors for errors, _ in counts) / sum(length for _, length in counts) == pytest.approx(expected)

    def test_chinese_words_leave_white_space_out(self) -> None:
        assert word_errors("我爱 北京\n天安门", "我爱北京天安门") == (0, 4)

    def test_the_rate_of_a_file_weighs_by_length(self) -> None:
        results = [Result("1", "", "a" * 90, "a" * 90), Result("2", "", "b" * 10, "")]
        assert score(results, resamples=0).summary["cer"].value == 0.1

    def test_inventing_text_on_an_empty_page_is_an_error(self) -> None:
        assert score_sample(Result("1", "", "", "abc"))["cer"] == (3.0, 1.0)
        assert score([Result("1", "", "", "")], resamples=0).summary["edit_distance"].value == 0


def test_normalization_makes_white_space_and_unicode_even() -> None:
    result = Result("1", "", "cafe\u0301  au\nlait", "caf\u00e9 au lait\n")
    assert score_sample(result)["edit_distance"][0] > 0
    assert score_sample(result, normalization="space")["edit_distance"] == (0.0, 1.0)


def test_scene_text_is_scored_by_characters() -> None:
    figures = score_sample(Result("1", "", "EXIT", "EXLT"), task="scene")
    assert figures["precision"] == figures["recall"] == (0.75, 1.0)
    assert "wer" not in figures
