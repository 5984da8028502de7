"""The example's pages: plain HTML in which every value is escaped unless it is HTML already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse

STYLE: Final = Path(__file__).with_name("style.css").read_text("utf-8")

# Nothing but our own style sheet is loaded, nothing runs, nobody frames the page, forms go nowhere else.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with `Origin: null`
    "X-Content-Type-Options": "nosniff",
}


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


def fill(template: str, **values: object) -> Markup:
    """Return the template with the values put in, escaped where they are not `Markup`."""
    safe = {name: value if isinstance(value, Markup) else escape(str(value)) for name, value in values.items()}
    return Markup(template.format_map(safe))


def join(parts: Iterable[Markup]) -> Markup:
    """Return the parts as one."""
    return Markup("".join(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in."""

    name: str | None
    email: str
    email_verified: bool
    scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One of their sessions."""

    id: str
    user_agent: str | None
    ip_address: str | None
    since: datetime
    until: datetime
    is_this: bool


_LAYOUT: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
{body}
</body>
</html>
"""

_HEADER: Final = """<header>
<a class="name" href="/">belgie example</a>
<a href="/admin">Admin page</a>
<form method="post" action="/auth/signout"><button class="button">Sign out</button></form>
</header>
"""

_SIGN_IN: Final = """<main class="narrow"><section class="card">
<h1>Sign in</h1>
<p class="soft">An example application with belgie.</p>
{notice}{buttons}
</section></main>"""

_PROFILE: Final = """<section class="card person">
<span class="initials" aria-hidden="true">{initials}</span>
<div><h1>{name}</h1><p class="soft">{email} {chips}</p></div>
</section>
"""

_SESSIONS: Final = """<section class="card">
<div class="heading"><h2>Where you are signed in</h2>{others}</div>
<ul class="sessions">{items}</ul>
</section>
"""

_OTHERS: Final = """<form method="post" action="/sessions/others/end">
<button class="button">Sign out everywhere else</button></form>"""

_SESSION: Final = """<li><div>
<span class="device" title="{user_agent}">{device}</span>
<span class="soft">{address}, since {since}, until {until}</span>
</div>{action}</li>"""

_THIS: Final = Markup('<span class="chip good">this one</span>')
_END: Final = """<form method="post" action="/sessions/{id}/end">
<button class="button">Sign out this one</button></form>"""

_MESSAGE: Final = """<main class="narrow"><section class="card">
<h1>{title}</h1><p>{text}</p><p><a class="button" href="/">Back</a></p>
</section></main>"""

# The first that a browser names is what it is: Chrome also names Safari, and Edge also names Chrome.
_BROWSERS: Final = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}

_CHIP: Final = '<span class="chip {kind}">{text}</span> '
_NOTICE: Final = '<p class="notice" role="alert">{text}</p>\n'
_BUTTON: Final = '<a class="button main wide" href="{url}">Sign in with {label}</a>\n'


def page(title: str, body: Markup, *, status_code: int = 200) -> HTMLResponse:
    """Return a whole page."""
    return HTMLResponse(fill(_LAYOUT, title=title, body=body), status_code, HEADERS)


def sign_in_page(buttons: Mapping[str, str], *, notice: str | None = None) -> HTMLResponse:
    """Return the page for somebody who is not signed in.

    Args:
        buttons: the address of each sign-in by what its button says.
        notice: why the last attempt failed.
    """
    links = join(fill(_BUTTON, url=url, label=label) for label, url in buttons.items())
    shown = fill(_NOTICE, text=notice) if notice is not None else Markup()
    return page("Sign in", fill(_SIGN_IN, notice=shown, buttons=links))


def home_page(person: Person, devices: Iterable[Device]) -> HTMLResponse:
    """Return the page for somebody who is signed in."""
    listed = list(devices)
    others = Markup(_OTHERS) if any(not device.is_this for device in listed) else Markup()
    sessions = fill(_SESSIONS, others=others, items=join(map(_session, listed)))
    return page(
        "Your account",
        fill("{header}<main>{rest}</main>", header=Markup(_HEADER), rest=join([_profile(person), sessions])),
    )


def message_page(title: str, text: str, *, status_code: int = 200) -> HTMLResponse:
    """Return a page that says one thing."""
    return page(title, fill(_MESSAGE, title=title, text=text), status_code=status_code)


def _profile(person: Person) -> Markup:
    chips = [fill(_CHIP, kind="good", text="verified")] if person.email_verified else []
    chips += [fill(_CHIP, kind="", text=scope) for scope in person.scopes]
    name = person.name or person.email
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return fill(_PROFILE, initials=initials, name=name, email=person.email, chips=join(chips))


def _device_name(user_agent: str | None) -> str:
    """Return what a person would call the device; what it says of itself where that is not known."""
    if not user_agent:
        return "Unknown device"
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    return f"{browser} on {system}" if browser and system else user_agent


def _session(device: Device) -> Markup:
    return fill(
        _SESSION,
        device=_device_name(device.user_agent),
        user_agent=device.user_agent or "",
        address=device.ip_address or "unknown address",
        since=f"{device.since:%d %b %Y, %H:%M}",
        until=f"{device.until:%d %b %Y}",
        action=_THIS if device.is_this else fill(_END, id=device.id),
    )
