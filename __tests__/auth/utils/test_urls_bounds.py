"""What a URL may hold where it is split on its own, and bytes in it that are no UTF-8."""

import pytest

from auth.utils.urls import Origin, RedirectPolicy, split_url

OWN = Origin("https", "app.example", 443)


@pytest.mark.parametrize(
    "rest", ["/a b", "/%0a", "/%250a", "/%5c", "/%255c", "/é", "/\\", "/\x7f", "/\n", "?\t", "/" * 2100]
)
def test_a_url_is_refused_for_what_follows_the_origin_too(rest: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an absolute URL such as https://app\.example/path"):
        split_url(f"https://app.example{rest}")


@pytest.mark.parametrize("target", ["/%ff", "/%25ff", "/caf%e9", "https://app.example/%ff"])
def test_a_path_in_another_encoding_is_a_path(target: str) -> None:
    assert RedirectPolicy(OWN).is_allowed(target)


def test_the_routes_are_reserved_below_auth_unless_told_otherwise() -> None:
    assert RedirectPolicy(OWN).is_reserved("/auth/signout")
    assert not RedirectPolicy(OWN, reserved="/login").is_reserved("/auth/signout")


@pytest.mark.parametrize(
    "url",
    ["https://aPp.example", "https://app.exAmple", "https://App.example", "https://app.examplE", "httpS://app.example"],
)
def test_a_host_in_upper_case_is_refused_wherever_the_capital_stands(url: str) -> None:
    with pytest.raises(ValueError, match="in lower case"):
        split_url(url)
    assert not RedirectPolicy(OWN).is_allowed(url)


@pytest.mark.parametrize(
    "authority", ["user@app.example", "@app.example", "app.example.", ".app.example", "-app.example", "app.example-"]
)
def test_user_information_and_hosts_with_an_odd_end_are_refused(authority: str) -> None:
    with pytest.raises(ValueError, match="without user information"):
        split_url(f"https://{authority}")


def test_only_this_machine_is_loopback() -> None:
    for host in ("localhost", "127.0.0.1", "127.8.9.10", "[::1]"):
        assert Origin("http", host, 80).is_loopback, host
    for host in ("app.example", "localhost.example", "127.0.0.1.example", "[::2]", "10.0.0.1", "0.0.0.0"):
        assert not Origin("http", host, 80).is_loopback, host
