"""Scopes: the rights that a user has, as exact words."""

from collections.abc import Iterable


def parse_scopes(value: str | Iterable[str] | None) -> list[str]:
    """Return the scopes in `value`, each once, in their order.

    Args:
        value: scopes separated by spaces (RFC 6749, section 3.3) or commas (as some providers answer),
            or the scopes one by one, or None.

    Raises:
        TypeError: `value` holds something that is not text.
    """
    if value is None:
        return []
    words = value.replace(",", " ").split() if isinstance(value, str) else list(value)
    _require_texts(words)
    return list(dict.fromkeys(str(word) for word in words))


def validate_scopes(user_scopes: Iterable[str] | None, required_scopes: Iterable[str]) -> bool:
    """Whether the user has every required scope: the same word to the letter, never a prefix or a pattern.

    Raises:
        TypeError: one of the two is a single text, whose letters would be taken for scopes.
    """
    return _as_set(required_scopes) <= _as_set(user_scopes)


def has_any_scope(user_scopes: Iterable[str] | None, required_scopes: Iterable[str]) -> bool:
    """Whether the user has at least one of the required scopes; with none required, false.

    Raises:
        TypeError: one of the two is a single text, whose letters would be taken for scopes.
    """
    return not _as_set(required_scopes).isdisjoint(_as_set(user_scopes))


def _as_set(scopes: Iterable[str] | None) -> set[str]:
    if isinstance(scopes, str):
        raise TypeError("expected a collection of scopes, not one text; parse_scopes() splits a text")
    words = list(scopes or ())
    _require_texts(words)
    return {str(word) for word in words}


def _require_texts(words: Iterable[object]) -> None:
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"a scope is text, not {type(word).__name__}")
