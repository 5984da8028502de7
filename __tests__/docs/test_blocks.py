"""The Markdown files: what they show runs, what they link to exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n]*$", re.MULTILINE)
LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)


def documents() -> Iterator[Path]:
    """Every Markdown file outside hidden folders."""
    for folder, below, files in ROOT.walk():
        below[:] = sorted(name for name in below if not name.startswith(".") and name != "node_modules")
        yield from (folder / name for name in sorted(files) if name.endswith(".md"))


DOCUMENTS = {str(path.relative_to(ROOT)): path for path in documents()}


def languages(path: Path) -> list[str]:
    """The language of each fenced block: every second fence opens one."""
    return [match["language"] for match in FENCE.finditer(path.read_text())][::2]


def anchors(path: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = (match["text"].lower() for match in HEADING.finditer(path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_there_are_documents_with_python_to_check() -> None:
    assert {"README.md", "packages/auth/README.md", "packages/proto/README.md"} <= DOCUMENTS.keys()
    assert "python" in languages(DOCUMENTS["README.md"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_python_block_is_run_with_the_tests(name: str, request: pytest.FixtureRequest) -> None:
    found = languages(DOCUMENTS[name])
    assert not {"py", "python3", "pycon", "Python"} & set(found), "spell the language 'python', or it is not run"
    if "python" in found:
        roots = [ROOT / part for part in request.config.getini("testpaths")]
        assert any(DOCUMENTS[name].is_relative_to(root) for root in roots), "add it to testpaths"
        conftest = request.config.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
        assert conftest is not None
        document = conftest.sybil.parse(DOCUMENTS[name])
        assert len(list(document.examples())) >= found.count("python")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_local_link_leads_somewhere(name: str) -> None:
    document = DOCUMENTS[name]
    for match in LINK.finditer(document.read_text()):
        target, _, anchor = match["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), match["target"]
        assert not anchor or anchor in anchors(file), match["target"]
