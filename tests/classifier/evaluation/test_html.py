"""The HTML report as text: whole, escaped, and without anything that would be loaded or run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from classifier.evaluation import html
from classifier.evaluation.measure import Answer, Failure
from classifier.evaluation.result import Evaluation
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from tests.support.evaluations import evaluation, package

EVIL = '"><script>alert(1)</script>&'
VOID = {"meta", "img"}


def rendered(found: Evaluation, lang: str | None = None) -> str:
    return html.render(found, html.thumbnails(found, InProcess(Limits()), 20_000_000), lang)


class Reader(HTMLParser):
    """Every tag, its attributes, and whether all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(("classes", "pictures"), [(2, 40), (10, 300), (1000, 3000)])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_loaded_and_nothing_runs(classes: int, pictures: int, lang: str) -> None:
    text = rendered(evaluation(package(classes), pictures, Failure("x.jpg", FileNotFoundError())), lang)
    reader = Reader(text)
    assert reader.open == []
    assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "link", "iframe", "object", "base", "form"})
    for tag, attributes in reader.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "href", "srcset")}, tag
        if "src" in attributes:
            assert (attributes["src"] or "").startswith("data:image/jpeg;base64,")
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(one["content"] or "" for _, one in reader.tags if one.get("http-equiv") == "Content-Security-Policy")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{hashed}'" in policy
    assert len(text) < 1_500_000


def test_every_name_is_escaped() -> None:
    model = package(3, en=(EVIL, "dog", "b" + EVIL))
    manifest = model.manifest.model_copy(update={"title": EVIL})
    model = type(model)(model.folder, manifest, model.labels)
    wrong = Answer(f"/{EVIL}\n\udce9.jpg", 1, 0, 0.9, 0.05, 2, True)
    found = Evaluation(EVIL, 0, model, "litert", EVIL, [wrong], [Failure(EVIL, OSError(5, EVIL))])
    text = rendered(found)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert text.encode("utf-8")  # a name that is no text is escaped, too
    assert "no preview" in text


def test_what_is_shown_of_few_classes_is_all() -> None:
    found = evaluation(package(10), 300)
    text = rendered(found)
    assert text.count('<th scope="row">') == 10
    assert "<details>" not in text
    cells = re.findall(r'<g class="(?:hit|miss)[^"]*" fill-opacity="[\d.]+"><title>[^<]*: (\d+)</title>', text)
    assert sum(map(int, cells)) == 300
    assert text.count("<figure><img ") == min(24, len(found.mistakes))


def test_of_many_classes_the_most_telling_are_shown_and_the_rest_is_at_hand() -> None:
    found = evaluation(package(1000), 3000)
    text = rendered(found)
    assert text.count('<th scope="row">') == 1000
    first = re.findall(r'<th scope="row">([^<]*)</th>', text.partition("<details>")[0])
    assert len(first) == 25
    labels = found.package.labels["en"]
    assert first[:5] == [labels[one.index].replace("'", "&#x27;") for one in found.weakest[:5]]
    truth, said, count = found.confused[0]
    assert f"{labels[truth]}, called {labels[said]}: {count}" in text


def test_the_words_follow_the_language_of_the_labels() -> None:
    found = evaluation(package(2, en=("cat", "dog"), zh=("猫", "狗"), fr=("chat", "chien")), 40)
    assert '<html lang="en">' in rendered(found)
    chinese = rendered(found, "zh")
    assert '<html lang="zh-CN">' in chinese
    assert "Top-1 准确率" in chinese
    assert ">猫<" in chinese
    assert "Top-1 accuracy" not in chinese
    french = rendered(found, "fr")
    assert "Top-1 accuracy" in french
    assert ">chat<" in french


def test_a_model_without_mistakes_is_told_so() -> None:
    right = [Answer("x.jpg", index, index, 0.9, 0.9, 1, True) for index in (0, 1)]
    text = rendered(Evaluation("x", 0, package(2), "litert", "CPU", right, []))
    assert "Every first answer is right." in text
    assert "Most frequent confusions" not in text


def test_with_two_classes_the_first_two_answers_are_no_number() -> None:
    assert "Top-2 accuracy" not in rendered(evaluation(package(2), 20))
    assert "Top-5 accuracy" in rendered(evaluation(package(6), 60))


def test_the_style_is_next_to_the_code() -> None:
    assert Path(html.__file__).with_name("report.css").is_file()


def test_each_wrong_cell_of_the_matrix_leads_to_its_pictures() -> None:
    found = evaluation(package(10), 300)
    text = html.render(found, [], None, html.small_thumbnails(found, InProcess(Limits()), 20_000_000))
    tags = Reader(text).tags
    links = {(attributes["xlink:href"] or "")[1:] for tag, attributes in tags if "xlink:href" in attributes}
    assert links == {f"cell-{truth}-{said}" for truth, said, _ in found.confused}
    assert links == {attributes["id"] for tag, attributes in tags if attributes.get("class") == "cell"}
    place = text.partition(f'id="cell-{found.mistakes[0].truth}-{found.mistakes[0].predicted}"')[2].partition("</div>")[
        0
    ]
    assert found.mistakes[0].file in place
    assert "data:image/jpeg" in place


def test_many_mistakes_stay_a_file_that_can_be_sent() -> None:
    found = evaluation(package(1000), 3000)
    text = html.render(found, [], None, html.small_thumbnails(found, InProcess(Limits()), 20_000_000))
    assert 'class="cell"' in text
    assert len(text) < 3_000_000
