"""Text of users in Markdown: no renderer makes anything of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobs.common.markdown import code, plain

HOSTILE = [
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "a_b_ *c* **d** ~~e~~ `f`",
    "| a | b |",
    "http://evil.example www.evil.example a@evil.example @someone :smile:",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "===",
    "a\n\n# b",
    "&lt;b&gt; &#60; \\_",
    "![][1]\n\n[1]: http://evil.example",
    "$x^2$",
]
CHARACTERS = st.text(st.sampled_from("ab 1.)!#&*()[]{}<>@:/|~`_\\-+=\n\twww"), max_size=60)
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(markdown: str) -> str:
    """The text that a page shows, of a note that must have nothing but text."""
    tokens = RENDERER.parse(markdown)
    inline = [child for token in tokens for child in token.children or []]
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {token.type for token in inline} <= {"text", "text_special"}, markdown
    return "".join(token.content for token in inline)


@settings(max_examples=50, deadline=None)
@given(CHARACTERS)
@example("1) a")
@example("- -")
def test_what_is_shown_is_what_was_given(text: str) -> None:
    assert shown(plain(text)) == " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_github_s_renderers_would_act_on(text: str) -> None:
    escaped = plain(text)
    assert shown(escaped) == " ".join(text.split())
    assert not re.search(r"[<>\n@]|://|www\.|(?<!\\)[*_`|\[\]~!]|:smile:", escaped)


@pytest.mark.parametrize("text", [*HOSTILE, "a`b`` c", "`", "a|b"])
def test_a_code_span_is_not_left(text: str) -> None:
    [paragraph] = [token for token in RENDERER.parse(f"x {code(text)} y") if token.children]
    kinds = [child.type for child in paragraph.children or []]
    assert kinds == ["text", "code_inline", "text"]
