"""The log: one record for each thing that happens, and nothing in it that should not be."""

import logging
from uuid import uuid4

import pytest

from auth import OAuthError
from auth.core.events import escape, log_event, log_refusal


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "auth")


def test_an_event_is_one_record_with_its_details_as_attributes(caplog: pytest.LogCaptureFixture) -> None:
    user_id = uuid4()
    log_event("revoke", user_id=user_id, count=3)
    log_event("signin", provider="op")
    first, second = caplog.records
    assert (first.name, first.levelno, first.getMessage()) == ("auth", logging.INFO, "revoke")
    assert vars(first) | {"event": "revoke", "user_id": str(user_id), "provider": None, "count": 3} == vars(first)
    assert vars(second) | {"event": "signin", "user_id": None, "provider": "op"} == vars(second)


def test_a_refusal_is_one_warning_with_its_code_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    log_refusal(OAuthError("invalid_id_token", "a reason\r\nof two lines"), provider="op")
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "refused: invalid_id_token")
    expected = {"event": "refused", "code": "invalid_id_token", "provider": "op", "reason": r"a reason\r\nof two lines"}
    assert vars(record) | expected == vars(record)
    assert record.exc_info is None


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("\u2028\u202e\ud800", r"\u2028\u202e\ud800"),
        ("é", r"\xe9"),
        ("\\n", r"\\n"),
    ],
)
def test_j05_what_others_wrote_stays_on_one_line(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("text", ["x" * 10_000, "\U0001f600" * 10_000, "\n" * 201])
def test_j05_what_others_wrote_is_cut_at_two_hundred_characters(text: str) -> None:
    assert len(escape(text)) == 200
    assert escape(text).isascii()
    assert escape(text).isprintable()
