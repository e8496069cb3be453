"""`html`: what shows alike, and what must not pass for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.matchers import html
from harness.model import Match, Mismatch, ReferenceFault, Strength, Structured

if TYPE_CHECKING:
    from .conftest import Workspace

LONG = 100_000


def compared(reference: str, got: str) -> Match | Mismatch:
    return html.make({}).match(reference, got, str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('<a href="x" id=y>z</a>', "<A ID='y' HREF=x >z</A>"),
        ("<ul>\n  <li>a</li>\n  <li>b</li>\n</ul>\n", "<ul><li>a</li><li>b</li></ul>"),
        ("<p>a\n   b</p>", "<p>a b</p>"),
        ("<br>a<hr>", "<br/>a<hr />"),
        ("<input disabled>", '<input disabled="">'),
        ("&lt;&#39;&eacute;", "&#60;&#x27;é"),
        ("<!DOCTYPE html>\n<p>a", "<!doctype  html><p>a"),
        ("<textarea>\n a</textarea><p> b", "<textarea>\n a</textarea> <p>b"),
    ],
)
def test_what_a_reader_does_not_see_is_structural(one: str, other: str) -> None:
    if "textarea" in one:  # not a block: the blank beside it shows
        assert compared(one.replace("<p>", "<p>"), one) == Match(Strength.EXACT)
    else:
        assert compared(one, other) == compared(other, one) == Match(Strength.STRUCTURAL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>&lt;b&gt;</p>", "<p><b></p>"),
        ("a &lt; b", "a < b"),
        ("a &amp; b", "a & b"),
        ("a &amp;lt; b", "a &lt; b"),
        ("a &quot;b&quot;", 'a "b"'),
        ("it&#39;s", "it's"),
        ('<a title="&lt;">', '<a title="<">'),
        ('<a title="&quot;">', "<a title='\"'>"),
        ('<a href="?a&copy=2">', '<a href="?a©=2">'),
        ("<pre>a\n  b</pre>", "<pre>a b</pre>"),
        ("<pre> a</pre>", "<pre>a</pre>"),
        ("<pre><b> a</b></pre>", "<pre><b>a</b></pre>"),
        ("<textarea> a</textarea>", "<textarea>a</textarea>"),
        ("<script>a  b</script>", "<script>a b</script>"),
        ("<script>'&lt;'</script>", "<script>'<'</script>"),
        ("<script>'<b>'</script>", "<script>'<i>'</script>"),
        ("<style>a</style>", "<style>b</style>"),
        ("a <b>b</b>", "a<b>b</b>"),
        ("<b>a</b> <i>b</i>", "<b>a</b><i>b</i>"),
        ("a&nbsp;b", "a b"),
        ("a&nbsp; b", "a&nbsp;b"),
        ("<p>a</p>", "<p>a"),
        ("<p>a</p>", "<div>a</div>"),
        ("<p>a</p>", "<p>A</p>"),
        ("<p class='a b'>", "<p class='b a'>"),
        ("<p a=1 a=2>", "<p a=1>"),
        ("<p a>", "<p b>"),
        ("<p a='x\" b=\"y'>", '<p a="x" b="y">'),
        ("<p>a</p", "<p>a</p>"),
        ("<p", "<p>"),
        ("<p", "<p/"),
        ("<p a", "<p a="),
        ("<p a='", "<p a=''>"),
        ("<!-- a -->", "<!-- b -->"),
        ("<!-- a -->", "<!-- a "),
        ("<path/><g>", "<path><g>"),
        ("<ul><li>a</ul>", "<ul><li>a</li></ul>"),
        ("<p>a</p><p>b</p>", "<p>b</p><p>a</p>"),
        ("é", "e\u0301"),
    ],
)
def test_what_shows_or_works_differently_does_not_pass(one: str, other: str) -> None:
    assert isinstance(compared(one, other), Mismatch)
    assert isinstance(compared(other, one), Mismatch)


def test_a_mismatch_shows_the_first_token_that_differs() -> None:
    assert compared("<p>a <b x=1>c</b></p>", "<p>a <b x=2>c</b></p>") == Mismatch("""'<b x="1">', got '<b x="2">'""")
    assert compared("<p>a</p>", "<p>a</p>b") == Mismatch("'the end', got 'b'".replace("'the end'", "the end"))


def test_only_text_is_html() -> None:
    with pytest.raises(ReferenceFault):
        html.make({}).match(b"\xff", "", str)
    assert isinstance(html.make({}).match("a", b"\xff", str), Mismatch)
    assert isinstance(html.make({}).match("a", Structured("a"), str), Mismatch)


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<!--", "<!", "</a", "</a ", "<a '", '<a b="', "<a b='\"", "<script>", "&", "&#", "<a b=", " \n"],
)
def test_long_runs_of_what_never_closes_are_no_trouble(piece: str) -> None:
    # Quadratic, each of these takes minutes.
    assert isinstance(compared(piece * LONG + "x", piece * LONG + "y"), Mismatch)


def test_the_audit_finds_every_mutation_but_those_of_white_space_between_blocks(workspace: Workspace) -> None:
    page = 'Two:\n<ul class="a">\n<li>1 &lt;b&gt;</li>\n<li>it&#39;s</li>\n</ul>\n'
    workspace.pair("a", page, page.replace("\n", ""))
    rule = '[[suite.rule]]\nmatcher = "html"\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rule)
    assert workspace.run("check").first.startswith("PASS 1/1 pass (1 structural)")
    out = workspace.run("audit", "--full").out
    for mutator in ("drop a line", "repeat a line", "swap two lines", "digit", "letter case", "escape", "truncate"):
        assert f"of 1  {mutator}" not in out
