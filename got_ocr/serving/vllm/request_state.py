"""What is known of a request while its answer grows: its n-grams, whether it has fallen into a loop."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...modeling.generation import NGramTable, RepetitionStop


@dataclass
class RequestState:
    """What is known of a request.

    Attributes:
        prompt: Its tokens.
        output: Those generated so far: vLLM's own list, which grows.
        table: Index of n-grams; None: any may occur again.
        repetition: Finds loops; None: they go on.
        suppressed: Ids that are never generated.
    """

    prompt: Sequence[int]
    output: Sequence[int]
    table: NGramTable | None
    repetition: RepetitionStop | None
    suppressed: tuple[int, ...] = ()
    _num_seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.table is not None:
            self.table.extend(self.prompt)

    def find_banned(self) -> list[int]:
        """Take in what was generated since the last call. Returns: ids that may not come next."""
        # With asynchronous scheduling the place of a token that is still being computed holds -1.
        new = [token for token in self.output[self._num_seen :] if token >= 0]
        self._num_seen += len(new)
        banned = list(self.suppressed)
        if self.table is not None:
            self.table.extend(new)
            banned += self.table.find_banned()
        return banned

    def is_loop(self) -> bool:
        """Tell whether the answer has fallen into a loop, looking as seldom as `RepetitionStop` does."""
        stop = self.repetition
        if stop is None or self._num_seen < stop.min_tokens or self._num_seen % stop.check_every:
            return False
        window = max(stop.min_tokens, stop.min_repeats * stop.max_period)
        return stop.find_period(list(self.output[max(0, self._num_seen - window) : self._num_seen])) is not None
