"""Subjects: every name that passes is safe, and every other is refused."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router import subjects
from router.routing import Reason
from router.subjects import Feed, InvalidTokenError
from tests.router import factories

BUILDERS = [
    lambda token: subjects.replay(token, "bars", "sample"),
    lambda token: subjects.replay("sample", token, "sample"),
    lambda token: subjects.replay("sample", "bars", token),
    lambda token: subjects.live(token, "sample"),
    lambda token: subjects.live("bars", token),
    lambda token: subjects.account_input(token, "bars"),
    subjects.account_inputs,
    lambda token: subjects.event(token, "fill"),
    subjects.registered_account,
]


@given(factories.names)
def test_a_valid_name_is_one_token_and_never_a_wildcard(name: str) -> None:
    subject = subjects.replay(name, "bars", name)
    assert subject.split(".") == ["replay", name, "bars", name]
    assert subject.isascii()
    assert not set(subject) & set("*> \r\n\t\x00")


@given(st.text(max_size=40), st.sampled_from(".*> \r\n\t\x00"), st.data())
def test_a_name_with_an_unsafe_character_is_refused_everywhere(
    text: str, unsafe: str, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(text)))
    token = text[:position] + unsafe + text[position:]
    for build in BUILDERS:
        with pytest.raises(InvalidTokenError):
            build(token)


@pytest.mark.parametrize("token", ["", "A", "-a", "_a", "a" * 33, "a\n", "ä", "a.b", "a ", "٣"])
def test_a_name_that_is_no_token_is_refused(token: str) -> None:
    for build in BUILDERS:
        with pytest.raises(InvalidTokenError):
            build(token)


@given(factories.names, factories.names, factories.names)
def test_reading_a_feed_is_the_inverse_of_building_it(a: str, kind: str, name: str) -> None:
    assert subjects.read_feed(subjects.replay(a, kind, name)) == Feed(a, kind, name)
    assert subjects.read_feed(subjects.live(kind, name)) == Feed(None, kind, name)


@given(st.text(max_size=60))
def test_reading_any_other_text_gives_none(text: str) -> None:
    assume(text.count(".") not in (2, 3))
    assert subjects.read_feed(text) is None


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_subject(reason: Reason) -> None:
    assert subjects.dead(reason) == f"dead.{reason.lower()}"
