"""The result codes of the matrix, as assertions."""

from urllib.parse import urlsplit

import httpx
from __tests__.auth.hostile.browser import query_of

ERROR_PAGE = "/sign-in-failed"
"""`urls.error_redirect` of the application under test, so that ER and E400 cannot be mistaken for each other."""


def assert_e400(response: httpx.Response, *codes: str) -> None:
    """`400 {"detail": code}` and no redirect: the flow is not authenticated."""
    assert response.status_code == 400, (response.status_code, response.headers.get("location"), response.text)
    assert response.json()["detail"] in codes
    assert response.json() == {"detail": response.json()["detail"]}
    assert "location" not in response.headers


def assert_er(response: httpx.Response, *codes: str) -> None:
    """A 303 to the application's error page with nothing but the code."""
    assert response.status_code == 303, (response.status_code, response.text)
    location = response.headers["location"]
    assert urlsplit(location).path == ERROR_PAGE, location
    assert not urlsplit(location).netloc
    assert set(query_of(location)) == {"error"}, location
    assert query_of(location)["error"] in codes, location


def assert_error_json(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": code})


def assert_u401(response: httpx.Response) -> None:
    assert_error_json(response, 401, "not_authenticated")


def assert_f403(response: httpx.Response, code: str = "csrf") -> None:
    assert_error_json(response, 403, code)


def assert_ok(response: httpx.Response, target: str = "/") -> None:
    """A 303 to a validated target."""
    assert response.status_code == 303, (response.status_code, response.text)
    assert response.headers["location"] == target
