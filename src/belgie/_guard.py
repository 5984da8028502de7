"""Importing this module makes sure that `proto` is belgie's; `require("auth")` does the same for `auth`.

Both import names are short, and others use them: an application's own `auth.py`, or `proto-plus`, which installs
a top-level `proto`. Python takes what comes first on `sys.path`, and the wrong one shows only later, as an
`AttributeError` somewhere else. So belgie looks before it imports, and runs nothing foreign for that.

`auth` and `belgie` each hold this file, word for word (a test compares the two): neither can ask the other before
it knows whose that is.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from typing import Final

# The distribution of each package, and a module that only belgie's own `__init__` imports.
_OURS: Final = {
    "auth": ("belgie-auth", "auth.core.auth"),
    "proto": ("belgie-proto", "proto.oauth_state"),
}


def require(name: str) -> None:
    """Return if the top-level package `name` is belgie's own, whether or not it is imported yet.

    Raises:
        ImportError: it is another one, or missing. The message names the file that Python finds, the distribution
            that is expected, and what to do.
    """
    distribution, module = _OURS[name]
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # it is in sys.modules without a spec: made by hand
        spec = None
    if spec is None or not _imports(spec, module):
        found = _location(name, spec)
        raise ImportError(_explain(name, distribution, found), name=name, path=found)


def _imports(spec: ModuleSpec, module: str) -> bool:
    """Return whether the code behind `spec` imports `module`, without running it."""
    if spec.loader is None:
        return False  # a folder without an `__init__`
    get_code = getattr(spec.loader, "get_code", None)
    if get_code is None:
        return True  # a freezer's loader, which cannot tell; the import itself will
    try:
        code = get_code(spec.name)
    except (ImportError, OSError, SyntaxError):
        return False
    return code is not None and module in code.co_names


def _location(name: str, spec: ModuleSpec | None) -> str | None:
    """Return where the foreign package comes from, or None if there is none."""
    if spec is not None:
        return spec.origin  # None for a folder without an `__init__`: anything installed would come before it
    module = sys.modules.get(name)
    return None if module is None else getattr(module, "__file__", None) or "a module made at run time"


def _explain(name: str, distribution: str, found: str | None) -> str:
    needed = f"belgie needs the package {name!r} of the distribution {distribution!r}"
    if found is None:
        return f"{needed}, which is not installed. Install it: pip install {distribution}"
    owner = _owner(name, distribution, found)
    if owner is not None:
        return (
            f"{needed}, but Python finds {found}, which the distribution {owner!r} has put there. Both use the import "
            f"name {name!r} and cannot share an environment: give each one of its own, or uninstall {owner!r} and "
            f"reinstall {distribution!r}."
        )
    return (
        f"{needed}, but Python finds another one: {found}. Rename it, or keep its folder off sys.path (the folder of "
        f"the script that is run, or the working directory, comes first there)."
    )


def _owner(name: str, distribution: str, found: str) -> str | None:
    """Return which other installed distribution the file `found` belongs to."""
    from importlib import metadata  # noqa: PLC0415  slow to import, and only a failure needs it
    from pathlib import Path  # noqa: PLC0415  the same

    for other in metadata.packages_distributions().get(name, ()):
        files = () if other == distribution else metadata.files(other) or ()
        if any(Path(file.locate()).resolve() == Path(found).resolve() for file in files):
            return other
    return None


require("proto")
