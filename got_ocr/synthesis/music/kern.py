"""Compose short pieces as `**kern`: measures that add up, harmonies that lead on, voices that move by step.

A piece has one or two staves. Each measure has a chord of the key; notes on a beat's start mostly belong to it, the
others lie a step from their neighbour. Rhythms come a beat or several at a time from patterns that fill them exactly,
so every measure's durations add up to its time signature.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np

# Order in which sharps come; flats come in the other.
_SHARPS = "fcgdaeb"
_LETTERS = "cdefgab"
# Clef to the lowest and highest note that mostly stays on its staff, as 7 * octave + letter.
_CLEFS = {"G2": (4, 0, 5, 6), "F4": (2, 2, 4, 0), "C3": (3, 2, 5, 1), "C4": (3, 0, 4, 6), "Gv2": (3, 0, 4, 6)}
# Share of each time signature. Verovio 6.4 hides the sign that `*met(c)` asks for, so that one can't be read off.
_METERS = {
    "2/4": 0.18, "3/4": 0.24, "4/4": 0.33, "2/2": 0.06, "3/8": 0.06, "6/8": 0.1, "9/8": 0.015, "12/8": 0.015,
}  # fmt: skip
# Chords' roots (degrees of the scale) and which may follow.
_FOLLOWING = {0: (0, 3, 4, 5, 1), 1: (4, 4, 6), 2: (5, 3), 3: (4, 0, 1, 4), 4: (0, 0, 5, 4), 5: (3, 1, 4), 6: (0, 0)}
# Rhythms of simple time by the beats they fill: durations in units of a beat; negative ones are rests.
_F = Fraction
_SIMPLE = {
    1: (
        ((_F(1),), 6.0), ((_F(1, 2), _F(1, 2)), 5.0), ((_F(1, 4),) * 4, 2.0), ((_F(1, 2), _F(1, 4), _F(1, 4)), 1.5),
        ((_F(1, 4), _F(1, 4), _F(1, 2)), 1.2), ((_F(3, 4), _F(1, 4)), 1.2), ((_F(1, 3),) * 3, 0.7), ((_F(-1),), 1.2),
        ((_F(-1, 2), _F(1, 2)), 0.8), ((_F(1, 2), _F(-1, 2)), 0.6), ((_F(1, 4), _F(1, 2), _F(1, 4)), 0.4),
        ((_F(1, 4), _F(3, 4)), 0.2), ((_F(1, 8),) * 8, 0.12), ((_F(3, 4), _F(1, 8), _F(1, 8)), 0.15),
    ),
    2: (((_F(2),), 4.0), ((_F(3, 2), _F(1, 2)), 2.0), ((_F(1, 2), _F(1), _F(1, 2)), 0.7), ((_F(-2),), 0.5),
        ((_F(1, 2), _F(3, 2)), 0.2), ((_F(3, 2), _F(1, 4), _F(1, 4)), 0.4)),
    3: (((_F(3),), 2.0),),
    4: (((_F(4),), 2.0),),
}  # fmt: skip
# Of compound time: a beat is a dotted note; durations in eighths.
_COMPOUND = {
    1: (
        ((_F(3),), 4.0), ((_F(2), _F(1)), 3.0), ((_F(1),) * 3, 4.0), ((_F(1), _F(2)), 0.6), ((_F(1, 2),) * 6, 1.0),
        ((_F(3, 2), _F(1, 2), _F(1)), 1.2), ((_F(1), _F(1, 2), _F(1, 2), _F(1)), 1.0), ((_F(-3),), 0.7),
        ((_F(-1), _F(1), _F(1)), 0.6), ((_F(2), _F(-1)), 0.6), ((_F(2), _F(1, 2), _F(1, 2)), 0.8),
    ),
    2: (((_F(6),), 3.0),),
    3: (),
    4: (((_F(12),), 2.0),),
}  # fmt: skip
# How often a pattern fills one, two, three or four beats.
_SIZE_WEIGHTS = {1: 0.6, 2: 0.25, 3: 0.1, 4: 0.05}
# How often a melody moves by -3 to 3 steps.
_STEPS = (0.04, 0.1, 0.31, 0.1, 0.31, 0.1, 0.04)


@dataclass
class Note:
    """One event of a staff: a note, a chord or a rest.

    Attributes:
        duration: in whole notes.
        pitches: (octave and letter as 7 * octave + letter, alteration in semitones), lowest first; none for a rest.
        beat: number of the beat of its measure that it begins in: what beams may join.
        marks: what is written after the pitch of the chord's first note: slurs' ends, articulation, beams.
        before: what is written before everything: the slur's beginning.
        tied_from: whether it continues the note before.
        tied_to: whether the next continues it.
    """

    duration: Fraction
    pitches: list[tuple[int, int]] = field(default_factory=list)
    beat: int = 0
    marks: str = ""
    before: str = ""
    tied_from: bool = False
    tied_to: bool = False


@dataclass(frozen=True)
class Piece:
    """A piece of music.

    Attributes:
        kern: its `**kern`.
        clefs: of each staff, as kern lists them: the lowest staff first.
        key: sharps; flats are negative.
        meter: such as `3/4`.
        measures: how many.
    """

    kern: str
    clefs: tuple[str, ...]
    key: int
    meter: str
    measures: int


def compose(rng: np.random.Generator) -> Piece:
    """Compose a piece.

    Args:
        rng: the source of chance.

    Returns:
        The piece.
    """
    meter = str(rng.choice(list(_METERS), p=_shares(list(_METERS.values()))))
    key = int(np.clip(round(rng.normal(0.0, 2.4)), -6, 6))
    clefs = ("F4", "G2") if rng.random() < 0.6 else (str(rng.choice(list(_CLEFS), p=(0.6, 0.2, 0.08, 0.06, 0.06))),)
    if len(clefs) == 2 and rng.random() < 0.08:
        clefs = ("F4", "F4") if rng.random() < 0.5 else ("G2", "G2")
    measures = int(rng.integers(2, 13 if len(clefs) == 2 else 17))
    is_minor = rng.random() < 0.35
    tonic = (key * 4 + (5 if is_minor else 0)) % 7
    chords = _harmony(rng, measures)
    pickup = rng.random() < 0.12
    busy = float(rng.uniform(0.3, 1.5))
    staves = [
        _Staff(rng, clef, key, tonic, is_minor, meter, busy * (0.7 if len(clefs) == 2 and number == 0 else 1.0))
        for number, clef in enumerate(clefs)
    ]
    music = [staff.compose(chords, pickup) for staff in staves]
    return Piece(_write(rng, clefs, key, meter, music, pickup), clefs, key, meter, measures + pickup)


def _harmony(rng: np.random.Generator, measures: int) -> list[int]:
    chords = [0]
    while len(chords) < measures - 1:
        following = _FOLLOWING[chords[-1]]
        chords.append(int(following[rng.integers(len(following))]))
    if measures > 2:
        chords[-1] = 4
    return [*chords, 0][:measures] if measures > 1 else chords


def alteration(letter: int, key: int) -> int:
    """Tell how a key signature alters a letter.

    Args:
        letter: 0 for c to 6 for b.
        key: sharps; flats are negative.

    Returns:
        1, 0 or -1 semitones.
    """
    order = _SHARPS.index(_LETTERS[letter])
    return int(order < key) - int(6 - order < -key)


class _Staff:
    """Composes what one staff plays."""

    def __init__(
        self, rng: np.random.Generator, clef: str, key: int, tonic: int, is_minor: bool, meter: str, busy: float
    ) -> None:
        self.rng, self.key, self.tonic, self.is_minor, self.busy = rng, key, tonic, is_minor, busy
        low_octave, low, high_octave, high = _CLEFS[clef]
        self.low, self.high = 7 * low_octave + low, 7 * high_octave + high
        self.place = (self.low + self.high) // 2 + int(rng.integers(-2, 3))
        self.chord_share = float(rng.choice((0.0, 0.0, 0.1, 0.3, 0.7)))
        self.has_ties, self.has_slurs = rng.random() < 0.4, rng.random() < 0.45
        self.articulation = float(rng.choice((0.0, 0.0, 0.0, 0.1, 0.25)))
        beats, unit = (int(part) for part in meter.split("/"))
        self.is_compound = unit == 8
        self.beats = beats // 3 if self.is_compound else beats
        self.unit = Fraction(1, 8) if self.is_compound else Fraction(1, unit)
        self.measure = Fraction(beats, unit)
        self.beat = self.measure / self.beats

    def compose(self, chords: list[int], pickup: bool) -> list[list[Note]]:
        measures = [self._measure(chord, number == len(chords) - 1) for number, chord in enumerate(chords)]
        if pickup:
            measures.insert(0, self._pickup())
        notes = [note for measure in measures for note in measure]
        self._tie(notes)
        self._slur(notes)
        for note in notes:
            if note.pitches and not note.tied_from and self.rng.random() < self.articulation:
                note.marks += str(
                    self.rng.choice(["'", "'", "^", "~", ";" if note.duration >= Fraction(1, 4) else "'"])
                )
        for measure in measures:
            _beam(measure)
        return measures

    def _pickup(self) -> list[Note]:
        duration = Fraction(1, 8) if self.is_compound else self.beat
        return [Note(duration, self._pitches(4, True))] if self.rng.random() < 0.7 else [Note(duration)]

    def _measure(self, chord: int, is_last: bool) -> list[Note]:
        single = not self.is_compound or self.beats != 3  # No one rest fills 9/8.
        if not is_last and self.rng.random() < 0.03 and single:
            return [Note(self.measure)]
        patterns = _COMPOUND if self.is_compound else _SIMPLE
        notes: list[Note] = []
        beat = 0
        while beat < self.beats:
            fitting = [size for size in patterns if size <= self.beats - beat and patterns[size]]
            if beat % 2 and self.beats % 2 == 0:  # In even time nothing long begins off the strong beats.
                fitting = [1]
            if is_last and beat == 0 and self.beats in fitting and self.rng.random() < 0.6:
                size, durations = self.beats, patterns[self.beats][0][0]
            else:
                size = int(
                    fitting[self.rng.choice(len(fitting), p=_shares([(0.6, 0.25, 0.1, 0.05)[s - 1] for s in fitting]))]
                )
                choices = patterns[size]
                weights = [weight * (self.busy ** (len(rhythm) - 1)) for rhythm, weight in choices]
                durations = choices[self.rng.choice(len(choices), p=_shares(weights))][0]
            at = Fraction(0)
            for part in durations:
                duration = abs(part) * self.unit
                on_beat = (at / self.beat).denominator == 1
                pitches = self._pitches(chord, on_beat) if part > 0 else []
                notes.append(Note(duration, pitches, beat + int(at / self.beat)))
                at += duration
            beat += size
        if is_last and notes[-1].pitches:
            notes[-1].pitches = self._pitches(chord, True)
        return notes

    def _pitches(self, chord: int, on_beat: bool) -> list[tuple[int, int]]:
        tones = {(self.tonic + chord + third) % 7 for third in (0, 2, 4)}
        step = int(
            self.rng.choice((-2, -1, -1, 0, 1, 1, 2, 3, -3), p=(0.08, 0.24, 0.1, 0.1, 0.24, 0.1, 0.08, 0.03, 0.03))
        )
        place = self.place + step
        if on_beat and self.rng.random() < 0.85:
            place = min(range(place - 3, place + 4), key=lambda near: ((near % 7) not in tones, abs(near - place)))
        if place < self.low or place > self.high:
            place = (self.low + self.high) // 2 + int(self.rng.integers(-3, 4))
        self.place = place
        places = [place]
        if on_beat and self.rng.random() < self.chord_share:
            below = [near for near in range(place - 8, place) if near % 7 in tones and near >= self.low - 2]
            count = min(len(below), int(self.rng.integers(1, 4)))
            places = sorted([*(below[-count:] if count else []), place])
        return [self._pitch(one, chord) for one in places]

    def _pitch(self, place: int, chord: int) -> tuple[int, int]:
        own = alteration(place % 7, self.key)
        if self.is_minor and chord in (4, 6) and place % 7 == (self.tonic + 6) % 7:
            return place, own + 1  # The leading note of a minor key.
        if self.rng.random() < 0.025:
            return place, int(np.clip(own + self.rng.choice((-1, 1)), -1, 1))
        return place, own

    def _tie(self, notes: list[Note]) -> None:
        if not self.has_ties:
            return
        for note, following in pairwise(notes):
            if note.pitches and following.pitches and self.rng.random() < 0.08:
                following.pitches = list(note.pitches)
                note.tied_to = following.tied_from = True

    def _slur(self, notes: list[Note]) -> None:
        if not self.has_slurs:
            return
        start = 0
        while start < len(notes) - 2:
            length = int(self.rng.integers(2, 7))
            run = notes[start : start + length]
            if len(run) >= 2 and all(note.pitches and not note.tied_from and not note.tied_to for note in run):
                if self.rng.random() < 0.4:
                    run[0].before, run[-1].marks = "(", ")" + run[-1].marks
                start += length
            else:
                start += 1


def _shares(weights: list[float]) -> np.ndarray:
    return np.array(weights) / sum(weights)


def _flags(duration: Fraction) -> int:
    """Count the beams of a note: 1 for an eighth and its triplet, 2 for a sixteenth."""
    base = duration * Fraction(3, 2) if duration.denominator % 3 == 0 else duration
    flags = 0
    while base < Fraction(1, 4):
        base *= 2
        flags += 1
    return flags


def _beam(measure: list[Note]) -> None:
    """Join the flagged notes of each beat by beams."""
    start = 0
    while start < len(measure):
        end = start
        while (
            end < len(measure)
            and measure[end].pitches
            and _flags(measure[end].duration)
            and measure[end].beat == measure[start].beat
        ):
            end += 1
        if end - start >= 2:
            _beam_group(measure[start:end])
        start = max(end, start + 1)


def _beam_group(group: list[Note]) -> None:
    flags = [_flags(note.duration) for note in group]
    for number, note in enumerate(group):
        before = flags[number - 1] if number else 0
        after = flags[number + 1] if number + 1 < len(group) else 0
        own = flags[number]
        opened = max(0, min(own, after) - before)
        closed = max(0, min(own, before) - after)
        hooks = max(0, own - max(before, after))
        note.marks += "L" * opened + "J" * closed + ("K" if number == 0 or before < after else "k") * hooks


def duration_text(duration: Fraction) -> str:
    """Write a duration as kern does.

    Args:
        duration: in whole notes.

    Returns:
        Such as `4`, `2.`, `12`.

    Raises:
        ValueError: kern has no single note of this length.
    """
    for dots in range(3):
        plain = duration / (2 - Fraction(1, 2**dots))
        if plain.numerator == 1:
            return f"{plain.denominator}{'.' * dots}"
    raise ValueError(f"{duration} of a whole note is no single note: split and tie it")


def _pitch_text(place: int, altered: int, state: dict[int, int], key: int) -> str:
    octave, letter = divmod(place, 7)
    name = _LETTERS[letter]
    text = name * (octave - 3) if octave >= 4 else name.upper() * (4 - octave)
    usual = state.get(place, alteration(letter, key))
    state[place] = altered
    if altered > 0:
        return text + "#" * altered
    if altered < 0:
        return text + "-" * -altered
    return text + ("n" if usual != 0 else "")


def _token(note: Note, state: dict[int, int], key: int) -> str:
    length = duration_text(note.duration)
    if not note.pitches:
        return f"{length}r"
    tie, tie_end = {
        (False, False): ("", ""),
        (False, True): ("[", ""),
        (True, True): ("", "_"),
        (True, False): ("", "]"),
    }[note.tied_from, note.tied_to]
    notes = [f"{tie}{length}{_pitch_text(place, altered, state, key)}{tie_end}" for place, altered in note.pitches]
    notes[0] = note.before + notes[0] + note.marks
    return " ".join(notes)


def _write(
    rng: np.random.Generator,
    clefs: tuple[str, ...],
    key: int,
    meter: str,
    music: list[list[list[Note]]],
    pickup: bool,
) -> str:
    altered = _SHARPS[:key] if key >= 0 else _SHARPS[::-1][:-key]
    signature = "".join(letter + ("#" if key > 0 else "-") for letter in altered)
    lines = [["**kern"] * len(clefs), [f"*clef{clef}" for clef in clefs], [f"*k[{signature}]"] * len(clefs)]
    lines.append([f"*M{meter}"] * len(clefs))
    repeated = not pickup and rng.random() < 0.08
    for number in range(len(music[0])):
        if number == 0 and repeated:
            lines.append(["=1!|:"] * len(clefs))
        elif number or not pickup:
            shown = number + (0 if pickup else 1)
            lines.append([f"={shown}{'-' if shown == 1 and not pickup else ''}"] * len(clefs))
        lines += _measure_lines([staff[number] for staff in music], key)
    lines.append(["=:|!" if repeated else "=="] * len(clefs))
    lines.append(["*-"] * len(clefs))
    return "\n".join("\t".join(fields) for fields in lines)


def _measure_lines(staves: list[list[Note]], key: int) -> list[list[str]]:
    tokens: list[dict[Fraction, str]] = []
    for notes in staves:
        state: dict[int, int] = {}
        at, own = Fraction(0), {}
        for note in notes:
            own[at] = _token(note, state, key)
            at += note.duration
        tokens.append(own)
    onsets = sorted({onset for own in tokens for onset in own})
    return [[own.get(onset, ".") for own in tokens] for onset in onsets]
