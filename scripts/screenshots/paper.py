"""A report on paper: its pages, and whether all of it is on them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pypdfium2
from PIL import Image
from playwright.sync_api import Page

_MARGIN = 12
"""Left and right margin in millimetres, as ``report.css`` sets it."""
_PIXELS = 96 / 25.4
_DOTS = 110 / 72
_BESIDE_TABLES = ".meanings, .words, figure, caption, p, ul, h1, h2, summary"

_TOO_WIDE = """
() => {
  const width = document.documentElement.clientWidth;
  const names = [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => (one.dataset.label || one.textContent).trim().slice(0, 40));
  const hidden = [...document.querySelectorAll(".scroll")]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.getAttribute("aria-label"));
  return [...new Set([...names, ...hidden])];
}
"""


@dataclass(frozen=True)
class Sheet:
    """A size of paper, in millimetres as it lies before the reader."""

    name: str
    width: float
    height: float


A4, LETTER = Sheet("A4", 297, 210), Sheet("Letter", 279.4, 215.9)
SHEETS = [
    *(A4, LETTER),
    *(Sheet(f"{one.name} upright", one.height, one.width) for one in (A4, LETTER)),
]


def printed(page: Page, sheet: Sheet) -> pypdfium2.PdfDocument:
    """Print a page that is open in the browser."""
    page.add_style_tag(content=f"@page {{ size: {sheet.width}mm {sheet.height}mm; }}")
    return pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))


def too_wide(page: Page, sheet: Sheet) -> list[str]:
    """Return what would be cut on paper: the names of columns and tables beyond the margin."""
    before = page.viewport_size
    page.emulate_media(media="print")
    width = int((sheet.width - 2 * _MARGIN) * _PIXELS)
    page.set_viewport_size({"width": width, "height": int(sheet.height * _PIXELS)})
    found: list[str] = page.evaluate(_TOO_WIDE)
    page.emulate_media(media="null")
    if before is not None:
        page.set_viewport_size(before)
    return found


def missing_headings(page: Page, sheet: Sheet) -> list[str]:
    """Return the headings of columns that are on the screen and not on paper.

    Only tables are printed for it: the words of a heading may also stand elsewhere.
    """
    hidden = page.add_style_tag(content=f"{_BESIDE_TABLES} {{ display: none !important; }}")
    text = squeezed("".join(texts(printed(page, sheet))))
    hidden.evaluate("(style) => style.remove()")
    headings = page.eval_on_selector_all("thead th", "all => all.map((one) => one.textContent)")
    return [heading for heading in headings if squeezed(heading) not in text]


def texts(document: pypdfium2.PdfDocument) -> list[str]:
    """Return the text within each page."""
    return [one.get_textpage().get_text_bounded() for one in document]


def pictures(document: pypdfium2.PdfDocument, most: int) -> list[Image.Image]:
    """Draw the first pages."""
    pages = (document[place] for place in range(min(most, len(document))))
    return [one.render(scale=_DOTS).to_pil() for one in pages]


def squeezed(text: str) -> str:
    """Text without blanks, line breaks and hyphens, which depend on how it is laid out."""
    return re.sub(r"[\s\x00-\x1f\u00ad\u2010\u2011\ufffe-]", "", text)
