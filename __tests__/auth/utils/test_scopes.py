"""Scopes are exact words."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from auth import has_any_scope, parse_scopes, validate_scopes


class Right(StrEnum):
    READ = "read"
    ADMIN = "admin"


@pytest.mark.parametrize(
    ("value", "scopes"),
    [
        (None, []),
        ("", []),
        ("   ", []),
        ("read", ["read"]),
        ("openid email  profile", ["openid", "email", "profile"]),
        ("public_profile,email", ["public_profile", "email"]),
        ("b, a,,b\ta\n", ["b", "a"]),
        (["read", "write", "read"], ["read", "write"]),
        ((), []),
        ([Right.READ, "read", Right.ADMIN], ["read", "admin"]),
        (Right.ADMIN, ["admin"]),
    ],
)
def test_scopes_are_parsed_in_their_order_each_once(value: Any, scopes: list[str]) -> None:
    parsed = parse_scopes(value)
    assert parsed == scopes
    assert all(type(scope) is str for scope in parsed)


@pytest.mark.parametrize("value", [[1], [None], ["read", b"admin"], [["read"]], b"read"])
def test_what_is_not_text_is_no_scope(value: Any) -> None:
    with pytest.raises(TypeError, match="a scope is text, not"):
        parse_scopes(value)


@pytest.mark.parametrize(
    ("held", "required", "all_held", "any_held"),
    [
        (["read", "admin"], ["admin"], True, True),
        (["read", "admin"], ["admin", "read"], True, True),
        (["read"], ["admin", "read"], False, True),
        (["read"], ["admin"], False, False),
        (["read"], [], True, False),
        ([], [], True, False),
        (None, [], True, False),
        (None, ["read"], False, False),
        ([], ["read"], False, False),
        (["read:all"], ["read"], False, False),
        (["read"], ["read:all"], False, False),
        (["*"], ["read"], False, False),
        (["Admin"], ["admin"], False, False),
        (["admin "], ["admin"], False, False),
        (["read admin"], ["admin"], False, False),
        ([""], [""], True, True),
        ([Right.ADMIN], ["admin"], True, True),
        (["admin"], [Right.ADMIN], True, True),
        ({"read"}, ("read",), True, True),
    ],
)
def test_a_scope_is_held_when_it_is_the_same_word(held: Any, required: Any, all_held: bool, any_held: bool) -> None:
    assert validate_scopes(held, required) is all_held
    assert has_any_scope(held, required) is any_held


@pytest.mark.parametrize("check", [validate_scopes, has_any_scope])
@pytest.mark.parametrize(("held", "required"), [("admin", ["a"]), (["a"], "admin"), (Right.ADMIN, ["a"])])
def test_one_text_is_not_taken_for_its_letters(check: Callable[..., bool], held: Any, required: Any) -> None:
    with pytest.raises(TypeError, match="expected a collection of scopes, not one text"):
        check(held, required)


@pytest.mark.parametrize("check", [validate_scopes, has_any_scope])
@pytest.mark.parametrize(("held", "required"), [([1], ["a"]), (["a"], [None])])
def test_a_collection_of_something_else_is_refused(check: Callable[..., bool], held: Any, required: Any) -> None:
    with pytest.raises(TypeError, match="a scope is text, not"):
        check(held, required)
