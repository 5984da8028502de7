"""The result codes of the matrix, as assertions."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

ERROR_PAGE = "/sign-in-failed"
"""`urls.error_redirect` of the application under test, so that ER and E400 cannot be mistaken for each other."""


def _seen(response: httpx.Response) -> str:
    return f"{response.status_code} {response.headers.get('location', '')} {response.text[:300]}"


def assert_e400(response: httpx.Response, *codes: str) -> None:
    """`400 {"detail": code}` and no redirect: the flow is not authenticated."""
    assert response.status_code == 400, _seen(response)
    assert response.json() in [{"detail": code} for code in codes], _seen(response)
    assert "location" not in response.headers, _seen(response)


def assert_er(response: httpx.Response, *codes: str) -> None:
    """A 303 to the application's error page with nothing but the code."""
    assert response.status_code == 303, _seen(response)
    assert response.headers["location"] in [f"{ERROR_PAGE}?error={code}" for code in codes], _seen(response)


def assert_error_json(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, _seen(response)
    assert response.json() == {"detail": code}, _seen(response)


def assert_u401(response: httpx.Response) -> None:
    assert_error_json(response, 401, "not_authenticated")


def assert_f403(response: httpx.Response, code: str = "csrf") -> None:
    assert_error_json(response, 403, code)


def assert_ok(response: httpx.Response, target: str = "/") -> None:
    """A 303 to a validated target."""
    assert response.status_code == 303, _seen(response)
    assert response.headers["location"] == target, _seen(response)


@contextmanager
def case(value: object) -> Generator[None]:
    """Name the case of a row that loops over many, should it fail."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the case of {value!r:.200}")
        raise
