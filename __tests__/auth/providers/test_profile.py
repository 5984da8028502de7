"""What of a provider's claims is kept, and how much of it."""

import pytest

from auth import OAuthError
from auth.providers import clean_image, clean_name, clean_subject, clean_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Jane Doe", "Jane Doe"),
        ("  Jane \t\r\n Doe  ", "Jane Doe"),
        ("Zoë 李小龙 🙂", "Zoë 李小龙 🙂"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("\u202eevil\u2066\u200b", "evil"),
        ("line\u2028separator\u2029", "line separator"),
        ("\ud800", None),
        ("", None),
        (" \n", None),
        ("\x00", None),
        (None, None),
        (7, None),
        (["Jane"], None),
        ({"name": "Jane"}, None),
    ],
    ids=ascii,
)
def test_a_name_is_one_line_of_visible_text(value: object, expected: str | None) -> None:
    assert clean_name(value) == expected


def test_a_name_is_cut_at_255_characters() -> None:
    assert clean_name("n" * 255) == "n" * 255
    assert clean_name("n" * 1_000_000) == "n" * 255
    assert clean_name("🙂" * 300) == "🙂" * 255


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://img.example/a.png?s=96&x=%20", "https://img.example/a.png?s=96&x=%20"),
        ("https://img.example", "https://img.example"),
        ("http://img.example/a.png", None),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("//img.example/a.png", None),
        ("https://user:password@img.example/a.png", None),
        ("https://img.example/a b.png", None),
        ("https://img.example/\n", None),
        ("https://img.example/é", None),
        ("https://img.example\\@evil.example/", None),
        ("HTTPS://img.example/a.png", None),
        ("https://127.0.0.1/a.png", "https://127.0.0.1/a.png"),
        ("", None),
        (None, None),
        (7, None),
        (["https://img.example/a.png"], None),
    ],
    ids=ascii,
)
def test_a_picture_is_a_plain_https_address(value: object, expected: str | None) -> None:
    assert clean_image(value) == expected


def test_a_picture_has_at_most_2048_characters() -> None:
    longest = "https://img.example/".ljust(2048, "a")
    assert clean_image(longest) == longest
    assert clean_image(longest + "a") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a@b.example", "a@b.example"), (" ", " "), ("t" * 1024, "t" * 1024), ("t" * 1025, None), ("", None), (7, None)],
)
def test_a_text_has_a_sensible_length(value: object, expected: str | None) -> None:
    assert clean_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("abc", "abc"), ("0", "0"), (0, "0"), (583231, "583231"), (2**64, "18446744073709551616"), (-1, "-1")],
)
def test_an_id_is_text_or_a_whole_number(value: object, expected: str) -> None:
    assert clean_subject(value) == expected


@pytest.mark.parametrize("value", [None, "", True, False, 1.0, float("nan"), [], {}, b"abc"], ids=repr)
def test_anything_else_is_no_id(value: object) -> None:
    with pytest.raises(OAuthError) as caught:
        clean_subject(value)
    assert caught.value.code == "invalid_userinfo"
