"""The documentation as its tests read it: pages in two languages, their blocks, headings, links and tables."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

IN_CHINESE = {
    README: ROOT / "README.zh-CN.md",
    **{DOCS / page.name: page for page in sorted((DOCS / "zh").glob("*.md"))},
}
"""The pages that there are in both languages: the English one, and its Chinese version."""

_IN_ENGLISH = {chinese: english for english, chinese in IN_CHINESE.items()}


def beside(page: Path, other: Path) -> Path:
    """Another English page, in the language of this one."""
    return IN_CHINESE[other] if page in _IN_ENGLISH else other


def every_page() -> list[Path]:
    """Every Markdown file of the repository, also those that are not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def name(page: Path) -> str:
    """A page as its test is called."""
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    """What is in the file."""
    return page.read_text("utf-8")


def fenced(page: Path) -> list[tuple[str, str]]:
    """Every code block: its language and its text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text(page), re.M | re.S)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks in one language."""
    return [block for kind, block in fenced(page) if kind == language]


def prose(page: Path) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text(page), flags=re.M | re.S)


def code_spans(page: Path) -> list[str]:
    """What is set as code within the text."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"<!--.*?-->", "", prose(page), flags=re.S))


def sentences(page: Path) -> list[str]:
    """The text of each line and of each cell of a table, without markup; `x` for code."""
    shown = re.sub(r"<!--.*?-->|\]\([^)]*\)", "", prose(page), flags=re.S)
    shown = re.sub(r"`[^`\n]+`", "x", shown)
    lines = (re.sub(r"^[-#> ]+|[*!\[]", "", line) for line in shown.splitlines())
    return [cell.strip() for line in lines for cell in line.split("|")]


def headings(page: Path) -> list[tuple[int, str]]:
    """The level of each heading, and the anchor that GitHub gives it."""
    found = []
    for marks, title in re.findall(r"^(#+) (.+)$", prose(page), re.M):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        found.append((len(marks), re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")))
    return found


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, as written."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file that a link within the repository leads to, and the anchor in it, or ""."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


def leads_to(page: Path, link: str) -> tuple[str, int]:
    """A link's goal, alike in both languages: an address or the English page, and which of its headings, or -1."""
    if link.startswith("http"):
        return link, -1
    file, anchor = target(page, link)
    place = [slug for _, slug in headings(file)].index(anchor) if anchor else -1
    return name(_IN_ENGLISH.get(file, file)), place


def cells(table: str) -> list[list[str]]:
    """The rows of a table below its head, cell by cell."""
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def sizes(page: Path) -> dict[str, int]:
    """The MB of each image that a page on containers names in the table of sizes."""
    (table,) = re.findall(r"^<!-- sizes: .*? -->\n(.*?)^<!-- /sizes -->$", text(page), re.M | re.S)
    return {row[0].strip("`"): int(row[1].removesuffix(" MB")) for row in cells(table)}


def measured(page: Path, kind: str) -> tuple[Path, list[list[str]]]:
    """The table between `<!-- KIND: FILE -->` and `<!-- /KIND -->`: the file of results that it shows, and its rows."""
    ((file, table),) = re.findall(rf"^<!-- {kind}: (\S+) -->\n(.*?)^<!-- /{kind} -->$", text(page), re.M | re.S)
    return ROOT / file, cells(table)
