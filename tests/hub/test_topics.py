"""Topics, patterns, and the index that finds who wants what."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.parts import quote
from wsexample.errors import OptionError
from wsexample.hub.topics import TopicIndex, check_pattern, matcher, matches, topic_of, words_of
from wsexample.records.orders import Account

WORDS = st.sampled_from(["a", "b", "c"])
TOPICS = st.tuples(WORDS, WORDS, WORDS).map(".".join)
PATTERNS = st.one_of(
    TOPICS,
    st.tuples(st.sampled_from(["a", "*"]), st.sampled_from(["b", "*"]), st.sampled_from(["c", "*", ">"])).map(".".join),
    st.sampled_from([">", "a.>", "*.>"]),
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "discard"]), PATTERNS, st.integers(0, 3)),
        st.tuples(st.just("look"), TOPICS, st.just(0)),
    ),
    max_size=40,
)


@given(ACTS)
def test_the_index_agrees_with_matching_one_by_one(acts: list[tuple[str, str, int]]) -> None:
    """After any sequence of subscriptions, exactly those readers are found of whom a pattern matches and who may."""
    index: TopicIndex[int] = TopicIndex(lambda reader, topic: reader != 3 or topic.startswith("a"))
    wanted: set[tuple[str, int]] = set()
    for act, text, reader in acts:
        if act == "add":
            assert index.add(text, reader) == ((text, reader) not in wanted)
            wanted.add((text, reader))
        elif act == "discard":
            assert index.discard(text, reader) == ((text, reader) in wanted)
            wanted.discard((text, reader))
        else:
            found = {one for pattern, one in wanted if matches(pattern, text) and (one != 3 or text[0] == "a")}
            assert set(index.readers_of(text)) == found
    for topic in map(".".join, product("abc", repeat=3)):
        found = {one for pattern, one in wanted if matches(pattern, topic) and (one != 3 or topic[0] == "a")}
        assert set(index.readers_of(topic)) == found


@given(st.sets(PATTERNS, max_size=12), st.one_of(TOPICS, st.sampled_from(["a", "a.b", "a.b.c.a", "*.b.c", ">"])))
def test_many_patterns_at_once_mean_what_each_of_them_means(patterns: set[str], topic: str) -> None:
    """However many there are, and also for what is no topic; what has more words than a pattern is not meant by it."""
    is_meant = any(matches(pattern, topic) for pattern in patterns)
    assert matcher(patterns)(topic) == is_meant
    assert not is_meant or topic.count(".") == 2 or topic in patterns or any(">" in pattern for pattern in patterns)


@pytest.mark.parametrize("symbol", ["AAPL", "9433@1", "BTC/USD", "BRK.B", "a b*c>d", "日経", ""])
def test_a_symbol_survives_its_topic(symbol: str) -> None:
    """Dots, blanks, wildcards and Japanese are written so that a topic has three words, and read back."""
    topic = topic_of(quote(1, symbol))
    assert topic.count(".") == 2
    assert topic.isascii()
    assert words_of(topic) == ("t", symbol, "quote")
    assert check_pattern(topic) == topic


def test_a_record_without_a_symbol_has_a_topic() -> None:
    """Accounts concern no symbol."""
    assert topic_of(Account(venue="alpaca", received_ns=1)) == "alpaca._.account"


@pytest.mark.parametrize(
    "pattern", ["", "a", "a.b", "a.b.c.d", "a.>.c", "a..c", "a.b c.d", "é.b.c", "a." + "b" * 300 + ".c"]
)
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    """The error shows what would."""
    with pytest.raises(OptionError, match=r"write alpaca\.AAPL\.quote"):
        check_pattern(pattern)
