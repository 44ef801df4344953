"""The model of histories is not a friend of the product: with a rule of it taken out, it finds what is wrong.

Random histories find the same, with patience: ``make prove``.
"""

import pytest

from tests.histories.history import History
from tests.histories.rules import RULES, Rule, Story


def tell(story: Story) -> None:
    history = History()
    story(history)
    history.check()
    history.finish()


@pytest.mark.parametrize("story", dict.fromkeys(RULES.values()), ids=lambda story: story.__name__)
def test_each_story_ends_well(story: Story) -> None:
    tell(story)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_that_is_taken_out_is_missed(rule: Rule) -> None:
    with rule(), pytest.raises(AssertionError):
        tell(RULES[rule])
