"""E-mail addresses: one normal form, or none."""

import pytest

from auth.utils.email import normalize_email
from proto import fold_email

LONGEST_LOCAL = "l" * 64


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        "ADA@EXAMPLE.ORG",
        "Ada@Example.Org",
        " ada@example.org",
        "ada@example.org\n",
        "\tada@example.org \r\n",
        "\u00a0ada@example.org\u2003",
    ],
)
def test_g01_letter_case_and_outer_white_space_make_no_other_address(address: str) -> None:
    assert normalize_email(address) == "ada@example.org"


def test_g01_composed_and_decomposed_letters_are_the_same_address() -> None:
    assert normalize_email("re\u0301ne\u0301@example.org") == normalize_email("r\u00e9n\u00e9@example.org")


@pytest.mark.parametrize(
    "invisible",
    ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u202e", "\u034f", "\u3164", "\ufe0f"],
)
@pytest.mark.parametrize(
    "address",
    [
        "{}ada@example.org",
        "a{}da@example.org",
        "ada{}@example.org",
        "ada@{}example.org",
        "ada@exa{}mple.org",
        "ada@example.org{}",
    ],
)
def test_g01_an_address_with_an_invisible_character_is_none(address: str, invisible: str) -> None:
    with pytest.raises(ValueError, match="expected one e-mail address"):
        normalize_email(address.format(invisible))


@pytest.mark.parametrize(("letter", "folded"), [("\u017f", "s"), ("\u0131", "i"), ("\u0130", "i"), ("\u00df", "ss")])
def test_g01_only_the_letters_a_to_z_lose_their_case(letter: str, folded: str) -> None:
    assert normalize_email(f"{letter}da@example.org") == f"{letter}da@example.org" != f"{folded}da@example.org"


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
        ("ada@XN--MNCHEN-3YA.example", "ada@xn--mnchen-3ya.example"),
        ("ada@\uff45xample.org", "ada@example.org"),
    ],
)
def test_g03_a_domain_is_stored_as_idna(address: str, stored: str) -> None:
    assert normalize_email(address) == stored


@pytest.mark.parametrize("twin", ["\u0430da", "ad\u0430", "\u0435xample", "ex\u0430mple", "exampIe"])
def test_g03_letters_of_another_script_that_look_alike_make_another_address(twin: str) -> None:
    for template in ("{}@example.org", "ada@{}.org"):
        found = normalize_email(template.format(twin))
        assert found not in {"ada@example.org", "example@example.org", "ada@ada.org"}
        assert found.partition("@")[2].isascii()


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "@",
        "ada",
        "ada@",
        "@example.org",
        "ada@@example.org",
        "ada@bob@example.org",
        "ada@example.org,bob@example.org",
        "ada@example.org bob@example.org",
        "ada@example.org;bob@example.org",
        "ada@example.org\r\nBcc: bob@example.org",
        "ada\r\n@example.org",
        "ada@example.org\x00",
        "ada\x00@example.org",
        "ada\x7f@example.org",
        '"ada"@example.org',
        '"a b"@example.org',
        "ada(comment)@example.org",
        "ada@(comment)example.org",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "mailto:ada@example.org",
        "a da@example.org",
        "ada @example.org",
        "ada@ example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        "ada@.example.org",
        "ada@example.org.",
        "ada@example..org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@exam_ple.org",
        "ada@[127.0.0.1]",
        "ada@example.org:25",
        "ada@example/org",
        "ada\\@example.org",
        "a\ud800@example.org",
        "ada@\ud800.org",
        "ada@\u2028.org",
        "ada\u2028@example.org",
        "ada\u3002x\uff20example.org",
        f"{'l' * 65}@example.org",
        f"{'ü' * 33}@example.org",
        f"ada@{'d' * 64}.org",
        f"ada@{'ü' * 64}.org",
        f"{LONGEST_LOCAL}@{'d' * 63}.{'d' * 63}.{'d' * 62}",
        f"{LONGEST_LOCAL}@{'d' * 63}.{'d' * 63}.{'d' * 63}",
        f"ada@{'d.' * 400}org",
        "a" * 400,
        "ü" * 100_000,
    ],
)
def test_g05_what_is_not_one_plain_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValueError, match="expected one e-mail address of the form local@domain") as raised:
        normalize_email(address)
    assert str(raised.value) == "expected one e-mail address of the form local@domain"


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "ada.lovelace@example.org",
        "!#$%&'*+-/=?^_`{|}~@example.org",
        "用户@example.org",
        "ada@sub.sub.example.org",
        "ada@123.example",
        f"{LONGEST_LOCAL}@example.org",
        f"{LONGEST_LOCAL}@{'d' * 63}.{'d' * 63}.{'d' * 61}",
    ],
)
def test_a_plain_address_is_stored_as_it_is(address: str) -> None:
    assert normalize_email(address) == address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada+tag@example.org", "ada@example.org"),
        ("a.da@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("ada-tag@yahoo.com", "ada@yahoo.com"),
    ],
)
def test_g06_tags_and_dots_make_another_address(one: str, other: str) -> None:
    assert normalize_email(one) != normalize_email(other)


@pytest.mark.parametrize("address", ["Ada@Example.ORG ", "ada@MÜNCHEN.example", "R\u0301@example.org"])
def test_the_normal_form_is_its_own_and_that_of_every_adapter(address: str) -> None:
    stored = normalize_email(address)
    assert normalize_email(stored) == stored
    assert fold_email(stored) == stored
