import pytest

from proto import fold_email


@pytest.mark.parametrize(
    ("address", "folded"),
    [
        ("ada@example.org", "ada@example.org"),
        ("Ada@EXAMPLE.org", "ada@example.org"),
        ("  ada@example.org\t\n", "ada@example.org"),
        ("andre\u0301@example.org", "andr\u00e9@example.org"),
        ("ANDR\u00c9@example.org", "andr\u00c9@example.org"),
        ("", ""),
    ],
)
def test_an_address_is_stored_without_outer_space_composed_and_in_lower_case(address: str, folded: str) -> None:
    assert fold_email(address) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u212aim@example.org", "kim@example.org"),  # the Kelvin sign lower-cases to k
        ("stra\u00dfe@example.org", "strasse@example.org"),  # full case folding makes them equal
        ("\u0130nci@example.org", "inci@example.org"),  # a capital i with a dot
        ("\uff41da@example.org", "ada@example.org"),  # a full-width a, which NFKC makes plain
    ],
)
def test_letters_that_only_look_alike_stay_two_addresses(one: str, other: str) -> None:
    assert fold_email(one) != fold_email(other)


def test_folding_twice_changes_nothing_more() -> None:
    once = fold_email(" A\u030angstr\u00d6m@EXAMPLE.org ")
    assert fold_email(once) == once
