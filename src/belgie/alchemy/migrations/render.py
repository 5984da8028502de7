"""How column types are written into a migration script, together with the imports that they need."""

from collections.abc import Callable
from typing import Any, Literal, cast

from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from belgie.alchemy.types import DateTimeUTC, Scopes

type RenderItem = Callable[[str, Any, AutogenContext], str | Literal[False]]

_OURS = (DateTimeUTC, Scopes)


def rendering(own: RenderItem | None) -> RenderItem:
    """Return Alembic's `render_item`.

    Args:
        own: the application's, which is asked first.
    """

    def render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
        if own is not None and (text := own(kind, item, context)) is not False:
            return text
        if kind != "type" or not isinstance(item, TypeEngine):
            return False
        return _type(cast("TypeEngine[Any]", item), context)

    return render


def _type(item: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    kind = type(item)
    if kind in _OURS:
        context.imports.add(f"from belgie.alchemy import {kind.__name__}")
        return repr(item)
    if not isinstance(item, TypeDecorator | UserDefinedType) or kind.__module__.startswith("sqlalchemy."):
        return False
    if context.opts.get("user_module_prefix") is None:
        # Alembic writes the application's own type with its module, and leaves the import to its reader.
        context.imports.add(f"import {kind.__module__}")
    # The repr of ours is a call of ours: a subclass is called by its own name.
    return f"{kind.__module__}.{kind.__qualname__}()" if isinstance(item, _OURS) else False
