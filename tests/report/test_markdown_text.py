"""Hostile text in Markdown and Mermaid renders as itself."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tools.report import markdown_text
from tools.report.markdown_text import cell, code, fence, inline, label, table, visible

RENDERER = MarkdownIt("commonmark").enable("table").enable("strikethrough")

HOSTILE = [
    pytest.param("<script>alert(1)</script>", id="html"),
    pytest.param("<!-- hidden", id="comment"),
    pytest.param("&lt;b&gt; &amp;", id="entities"),
    pytest.param("[click](javascript:alert(1))", id="link"),
    pytest.param("![x](http://evil.example/p.png)", id="image"),
    pytest.param("http://evil.example www.evil.example", id="bare address"),
    pytest.param("**bold** _it_ ~~gone~~ `code`", id="emphasis"),
    pytest.param("a | b || c \\| d \\\\| e", id="pipes"),
    pytest.param("# heading", id="heading"),
    pytest.param("- item", id="list"),
    pytest.param("1. item", id="numbered list"),
    pytest.param("+ item", id="plus list"),
    pytest.param("> quote", id="quote"),
    pytest.param("===", id="underline"),
    pytest.param("---", id="rule"),
    pytest.param("```", id="fence"),
    pytest.param("`` ` ```` `", id="backticks"),
    pytest.param("trailing \\", id="backslash"),
    pytest.param("$x$ and @someone", id="math and mention"),
    pytest.param("ceo@evil.example mailto:ceo@evil.example xmpp:a@evil.example/x", id="addresses"),
    pytest.param("one\ntwo\n\n# three", id="lines"),
]
DANGEROUS = ["\x1b[31m", "\u202e", "\u200b", "\x00", "\x9b", "\u2028", "\udc80", "\ufeff"]


def shown(text: str) -> str:
    return visible(" ".join(text.split()))


def body(rendered: str) -> str:
    return html.unescape(re.sub(r"</?(?:p|td|code|i)>", "", rendered)).strip("\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_running_text_renders_as_itself(text: str) -> None:
    rendered = RENDERER.render("- " + inline(text)).replace("@<i></i>", "@")
    assert re.sub(r"[^<>]|(?<=<)[^<>]*(?=>)", "", rendered).count("<") == 4, rendered  # ul and li alone
    assert html.unescape(re.sub(r"</?(?:ul|li)>", "", rendered)).strip() == shown(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_address_follows_an_at_sign(text: str) -> None:
    """GitHub's own renderer, which is not at hand here, looks for an address in the text on both sides of the sign."""
    assert re.search(r"(?:@|&#64;)(?!<i></i>)", inline(text)) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_keeps_its_columns(text: str) -> None:
    rendered = RENDERER.render(table(("a", "b", "c"), [(inline(text), code(text), "end")]))
    cells = re.findall(r"<td>(.*?)</td>", rendered)
    assert len(cells) == 3
    assert body(cells[0]) == shown(text)
    assert cells[1].startswith("<code>")
    assert cells[2] == "end"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_fence_holds_what_it_is_given(text: str) -> None:
    rendered = RENDERER.render(fence(text) + "\n\nafter")
    assert (
        html.unescape(rendered) == f'<pre><code class="language-text">{text}\n</code></pre>\n<p>after</p>\n'
    )


@pytest.mark.parametrize("char", DANGEROUS)
def test_characters_that_hide_are_shown_by_their_code(char: str) -> None:
    text = f"a{char}b"
    for made in (inline(text), code(text), fence(text), label(text)):
        assert not {letter for letter in made if letter in char and not letter.isprintable()}
    assert f"{ord(char[0]):x}" in visible(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_diagram_label_holds_no_syntax(text: str) -> None:
    assert re.fullmatch(r"(?:[\w \-.,/()?+…]|#\d+;)+", label(text))


@pytest.mark.parametrize("text", ["end", "END", "the end", "end of it"])
def test_a_diagram_label_never_says_end(text: str) -> None:
    assert "end" not in label(text).lower().split(" ")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_renders_as_itself(text: str) -> None:
    made = inline(text)
    expected = shown(text)
    if expected:
        assert body(RENDERER.render(made)) == expected


@given(st.text(alphabet="ab|\\`*_<&$ \n-#", max_size=40))
def test_any_text_keeps_a_table_whole(text: str) -> None:
    rendered = RENDERER.render(table(("a", "b"), [(inline(text), code(text))]))
    assert rendered.count("<tr>") == 2
    assert rendered.count("<td>") == 2


@given(st.text(alphabet="ab|\\", max_size=20))
def test_a_cell_has_no_bare_pipe(text: str) -> None:
    assert re.search(r"(?<!\\)(?:\\\\)*\|", cell(text)) is None


def test_long_texts_are_cut_and_say_by_how_much() -> None:
    assert markdown_text.shortened("x" * 12, 10) == "xxxxxxxxxx… (2 more characters)"
    assert markdown_text.shortened("x" * 10, 10) == "x" * 10


def test_commands_in_advice_are_code_and_the_rest_is_escaped() -> None:
    text = "See *them* (XINFO CONSUMERS a_b desk); then XACK a|b `g` 1-0; <b>"
    assert markdown_text.advice(text) == (
        "See \\*them\\* (`XINFO CONSUMERS a_b desk`); then ``XACK a|b `g` 1-0``; &lt;b&gt;"
    )
