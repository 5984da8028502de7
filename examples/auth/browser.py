"""Just enough of a browser: it keeps cookies, follows redirects and submits the forms of a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpx

_REDIRECTS: Final = 10


@dataclass(slots=True)
class Form:
    """A form: where it goes, what it sends, and its buttons by their text."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict[str, str])
    buttons: dict[str, tuple[str, str] | None] = field(default_factory=dict[str, tuple[str, str] | None])


class Page(HTMLParser):
    """A page that was opened: its text, links by their text, and forms."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.url = str(response.url)
        self.text = ""
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self._open: list[tuple[str, dict[str, str], int]] = []
        self.feed(response.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.url, attributes.get("action", ""))
            self.forms.append(Form(action, attributes.get("method", "get").upper()))
        elif tag == "input" and self.forms and attributes.get("name"):
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        elif tag in {"a", "button"}:
            self._open.append((tag, attributes, len(self.text)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            return
        _, attributes, start = self._open.pop()
        label = " ".join(self.text[start:].split())
        if tag == "a":
            self.links[label] = urljoin(self.url, attributes.get("href", ""))
        elif self.forms:
            name = attributes.get("name")
            self.forms[-1].buttons[label] = (name, attributes.get("value", "")) if name else None


class Browser:
    """A browser of its own: nobody else has its cookies."""

    def __init__(self, name: str) -> None:
        self._client = httpx.Client(headers={"User-Agent": name}, timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies it holds, by name."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Request `url` without following redirects."""
        return self._client.get(url, headers=headers)

    def open(self, url: str) -> Page:
        """Go to `url`."""
        return self._go(self._client.build_request("GET", url))

    def press(self, page: Page, label: str) -> Page:
        """Press the button with this text.

        Raises:
            LookupError: the page has none.
        """
        for form in page.forms:
            if label in form.buttons:
                data = {**form.fields, **dict(filter(None, [form.buttons[label]]))}
                parts = urlsplit(page.url)
                # A browser says where a form came from; servers rely on that.
                headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
                return self._go(self._client.build_request(form.method, form.action, data=data, headers=headers))
        msg = f"no button {label!r} on {page.url}"
        raise LookupError(msg)

    def _go(self, request: httpx.Request) -> Page:
        response = self._client.send(request)
        for _ in range(_REDIRECTS):
            if response.next_request is None:
                return Page(response)
            response = self._client.get(response.next_request.url)
        msg = f"more than {_REDIRECTS} redirects from {request.url}"
        raise RuntimeError(msg)
