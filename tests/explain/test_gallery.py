"""The page of many texts."""

from small_models import explained
from test_page import OUR_ATTRIBUTES, OUR_TAGS, Read

from tokenlayer.explain.gallery import ExplainedRow, Gallery, Section, gallery_page

WEIGHTS = {"good": 2.0, "bad": -1.0}
NASTY = "</title><script>alert(1)</script>"


def gallery(class_names=("neg", "pos"), label="neg"):
    rows = [
        ExplainedRow(line, label, explained(WEIGHTS, text, class_names)) for line, text in enumerate(("good", "bad"), 2)
    ]
    return Gallery(1200, None if label is None else 1100, 60, [Section("Wrong", rows[:1]), Section("Right", rows[1:])])


def test_all_texts_have_one_scale_of_colours():
    html = gallery_page(gallery(), "run 1")
    read = Read(html)
    assert read.text == "goodbad"
    assert '<span class="above" style="--s:1.000" title="&quot;good&quot; +2.0000">good</span>' in html
    assert '<span class="below" style="--s:0.500" title="&quot;bad&quot; -1.0000">bad</span>' in html
    assert "1,200 texts, the model is right about 1,100 of them (91.67%)" in html
    assert "<bdi>pos</bdi> 0.8808, labelled <bdi>neg</bdi>" in html
    assert "line 2" in html
    assert html.index("Wrong") < html.index("Right")
    assert "run 1" in html


def test_labels_need_not_be_known():
    html = gallery_page(gallery(label=None), "x")
    assert "1,200 texts</p>" in html
    assert "labelled" not in html


def test_several_classes():
    weights = {"good": [0.0, 2.0, 0.0], "bad": [1.0, 0.0, 0.0]}
    rows = [ExplainedRow(1, None, explained(weights, "a good one", ("a", "b", "c")))]
    html = gallery_page(Gallery(1, None, 60, [Section("All", rows)]), "x")
    assert "the logit of the class that is predicted, against the mean of all classes" in html


def test_nothing_in_it_is_markup_of_its_own():
    read = Read(gallery_page(gallery((NASTY, "pos"), NASTY), NASTY))
    assert read.tags <= OUR_TAGS | {"article"}
    assert read.attributes <= OUR_ATTRIBUTES
