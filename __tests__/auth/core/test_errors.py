"""Errors: a stable code each, and one table that makes HTTP answers of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException, WebSocketException
from starlette.requests import HTTPConnection

import auth as package
from auth import BelgieError, InvalidStateError, NotFoundError, OAuthError, SessionExpiredError, UnavailableError
from auth.core.edge import failure
from auth.core.errors import ERRORS, SECURITY_HEADERS, error_headers, public_code, to_http

SOURCES = Path(str(package.__file__)).parent
CLASSES: list[type[BelgieError]] = [
    one for name in package.__all__ if isinstance(one := getattr(package, name), type) and issubclass(one, BelgieError)
]

REQUEST = HTTPConnection({"type": "http", "headers": []})
SOCKET = HTTPConnection({"type": "websocket", "headers": []})


def make(kind: type[BelgieError], text: str = "canary") -> BelgieError:
    return OAuthError("invalid_callback", text) if kind is OAuthError else kind(text)


def raised_codes() -> Iterator[str]:
    """Every code that the package's source raises: `OAuthError("...")`, and `code="..."`."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                not isinstance(node, ast.Call)
                or not isinstance(node.func, ast.Name)
                or not node.func.id.endswith("Error")
            ):
                continue
            codes = [one.value for one in node.keywords if one.arg == "code"]
            codes += node.args[:1] if node.func.id == "OAuthError" else []
            for code in codes:
                branches = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
                yield from (str(one.value) for one in branches if isinstance(one, ast.Constant))


def test_every_public_error_has_a_stable_code_of_its_own() -> None:
    assert len(CLASSES) >= 16
    codes = [kind.code for kind in CLASSES]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    assert len(set(codes)) == len(codes)
    assert all(make(kind).code == kind.code or kind is OAuthError for kind in CLASSES)


def test_every_code_that_is_raised_is_in_the_table() -> None:
    codes = set(raised_codes())
    assert {"invalid_redirect", "unknown_provider", "expired_state", "link_session_mismatch"} <= codes
    assert codes <= ERRORS.keys()


def test_every_code_in_the_table_is_told_by_something() -> None:
    source = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "errors.py")
    proto_codes = {kind.code for kind in CLASSES}
    for code in ERRORS:
        assert f'"{code}"' in source or code in proto_codes, code


def test_the_table_has_statuses_of_errors_and_sentences() -> None:
    for code, one in ERRORS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert 400 <= one.status < 600
        assert one.meaning.endswith(".")
        assert one.remedy.endswith(".")
        assert "|" not in one.meaning + one.remedy


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_becomes_an_answer_of_the_table_without_its_text(kind: type[BelgieError]) -> None:
    error = make(kind)
    answer = to_http(error, REQUEST)
    assert isinstance(answer, HTTPException)
    assert answer.detail == public_code(error)
    assert answer.status_code == ERRORS[public_code(error)].status
    assert dict(answer.headers or {}).items() >= SECURITY_HEADERS.items()
    closing = to_http(error, SOCKET)
    assert isinstance(closing, WebSocketException)
    assert closing.reason == public_code(error)
    assert closing.code == (1013 if ERRORS[public_code(error)].status == 503 else 1008)
    assert "canary" not in f"{answer!r}{closing!r}"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SessionExpiredError(), "not_authenticated"),
        (BelgieError(), "internal_error"),
        (OAuthError("a_code_of_a_provider_of_ones_own"), "internal_error"),
        (OAuthError("<script>"), "internal_error"),
        (NotFoundError("x"), "not_found"),
        (NotFoundError("x", code="unknown_provider"), "unknown_provider"),
        (InvalidStateError(code="expired_state"), "expired_state"),
        (UnavailableError(), "storage_unavailable"),
    ],
)
def test_a_browser_hears_the_code_or_one_that_says_less(error: BelgieError, code: str) -> None:
    assert public_code(error) == code


def test_only_what_may_work_later_is_to_be_tried_again() -> None:
    for code, one in ERRORS.items():
        assert error_headers(code).get("Retry-After") == ("5" if one.status == 503 else None)
        assert error_headers(code)["Cache-Control"] == "no-store"


def test_the_headers_of_one_answer_are_none_of_the_next_ones() -> None:
    error_headers("csrf")["X"] = "1"
    assert "X" not in error_headers("csrf")
    changing: Any = SECURITY_HEADERS
    with pytest.raises(TypeError):
        changing["X"] = "1"


@pytest.mark.parametrize(
    ("error_redirect", "location"),
    [
        ("/error", "/error?error=access_denied"),
        ("/error?from=signin", "/error?from=signin&error=access_denied"),
        ("/error#top", "/error?error=access_denied#top"),
        ("/error?a=b#top?x", "/error?a=b&error=access_denied#top?x"),
        ("https://www.example/error", "https://www.example/error?error=access_denied"),
    ],
)
def test_a_failed_sign_in_goes_to_the_page_for_it_with_the_code(error_redirect: str, location: str) -> None:
    answer = failure("access_denied", error_redirect)
    assert (answer.status_code, answer.headers["location"]) == (303, location)


def test_without_a_page_for_it_the_answer_is_json() -> None:
    answer = failure("provider_unavailable", None)
    assert (answer.status_code, bytes(answer.body)) == (503, b'{"detail":"provider_unavailable"}')
    assert answer.headers["retry-after"] == "5"
