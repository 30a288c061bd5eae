"""Averages of two states of one training."""

import pytest
import torch

from got_ocr.nano.averaging import average_weights


def test_an_average_lies_between_the_two_states() -> None:
    earlier = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    later = {"a": torch.full((2, 3), 4.0), "b": torch.full((4,), 3.0)}
    mixed = average_weights(earlier, later, 0.25)
    torch.testing.assert_close(mixed["a"], torch.ones(2, 3))
    torch.testing.assert_close(mixed["b"], torch.full((4,), 1.5))
    for share, end in ((0.0, earlier), (1.0, later)):
        assert all(torch.equal(weight, end[name]) for name, weight in average_weights(earlier, later, share).items())


def test_states_of_other_models_and_wrong_shares_are_named() -> None:
    one = {"tower": torch.zeros(2), "head": torch.zeros(3)}
    with pytest.raises(ValueError, match="not of one model: head differ"):
        average_weights(one, {"tower": torch.zeros(2), "head": torch.zeros(4)}, 0.5)
    with pytest.raises(ValueError, match="not of one model: head differ"):
        average_weights(one, {"tower": torch.zeros(2)}, 0.5)
    with pytest.raises(ValueError, match=r"share 1\.2"):
        average_weights(one, one, 1.2)


def test_the_tower_may_have_a_share_of_its_own() -> None:
    earlier = {"model.vision_tower_high.neck.0.weight": torch.zeros(2), "model.norm.weight": torch.zeros(2)}
    later = {name: torch.ones(2) for name in earlier}
    mixed = average_weights(earlier, later, 0.9, tower_share=0.7)
    assert [round(float(weight[0]), 6) for weight in mixed.values()] == [0.7, 0.9]
    with pytest.raises(ValueError, match=r"share 1\.5"):
        average_weights(earlier, later, 0.9, tower_share=1.5)
