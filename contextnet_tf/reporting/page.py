"""HTML for the report: the few elements it is made of, escaped, with everything inside the one file."""

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence

from contextnet_tf.reporting.style import STYLE
from contextnet_tf.reporting.wording import UNKNOWN


class Markup(str):
    """Text that is HTML already; every other text is escaped where it enters the page."""


def text(value: object) -> Markup:
    """`value` as escaped text; Markup as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def element(tag: str, content: object = "", **attributes: object) -> Markup:
    """`<tag attributes>content</tag>`; an attribute's trailing underscore is dropped (`class_`)."""
    pairs = ((name.rstrip("_"), html.escape(str(value))) for name, value in attributes.items())
    written = "".join(f' {name}="{value}"' for name, value in pairs)
    return Markup(f"<{tag}{written}>{text(content)}</{tag}>")


def join(parts: Iterable[object]) -> Markup:
    """The parts one after the other, each escaped unless it is Markup."""
    return Markup("".join(map(text, parts)))


def section(identifier: str, title: str, *parts: object) -> Markup:
    """A section of the page with its heading; `identifier` is what a link points to."""
    return element("section", join([element("h2", title), *parts]), id=identifier)


def table(header: Sequence[object], rows: Iterable[Sequence[object]], total: Sequence[object] = ()) -> Markup:
    """A table whose first column names the rows; `total` is a last row that stands out."""
    head = element("tr", join(element("th", cell, scope="col") for cell in header))
    body = [element("tr", _cells(row)) for row in rows]
    if total:
        body.append(element("tr", _cells(total), class_="total"))
    whole = element("table", join([element("thead", head), element("tbody", join(body))]))
    return element("div", whole, class_="scroll")


def facts(pairs: Mapping[str, object]) -> Markup:
    """A table of names and values; a value that is not known leaves its row out."""
    rows = [
        element("tr", join([element("th", name, scope="row"), element("td", value)]))
        for name, value in pairs.items()
        if value not in (None, UNKNOWN)
    ]
    return element("table", element("tbody", join(rows)), class_="facts") if rows else Markup()


def columns(parts: Mapping[str, Markup]) -> Markup:
    """The parts beside each other where there is room, each under its title; empty parts are left out."""
    shown = [element("div", join([element("h3", title), part])) for title, part in parts.items() if part]
    return element("div", join(shown), class_="columns") if shown else Markup()


def swatch(color: Sequence[int] | None) -> Markup:
    """A small square of the color (R, G, B); hatched for None: ignored pixels."""
    if color is None:
        return element("span", class_="swatch hatched")
    return element("span", class_="swatch", style=f"background:rgb({','.join(map(str, color))})")


def image(data: bytes, kind: str, alt: str, height: int, width: int) -> Markup:
    """The image file `data` of the kind "png" or "jpeg" inside the page; height and width in pixels."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Markup(f'<img src="{source}" alt="{html.escape(alt)}" width="{width}" height="{height}">')


def chart(svg: bytes, description: str, identifier: str) -> Markup:
    """An SVG plot inside the page, so that it follows the page's colors and type face.

    `identifier` keeps the names inside the plot apart from those of the other plots.
    """
    source = svg.decode("utf-8")
    source = source[source.index("<svg") :]
    opening, rest = source.split(">", 1)
    view_box = re.search(r'viewBox="([^"]*)"', opening)[1]
    style = f"--width:{float(view_box.split()[2]):.0f}px"  # the style sheet scales the text with it
    # Names that nothing refers to are dropped, the others are made unique on the page.
    rest = re.sub(r'(<(?:g|svg)\b[^>]*?) id="[^"]*"', r"\1", rest)
    rest = re.sub(r'\bid="', f'id="{identifier}-', rest)
    rest = re.sub(r"url\(#", f"url(#{identifier}-", rest)
    rest = re.sub(r'xlink:href="#', f'href="#{identifier}-', rest)
    label = html.escape(description)
    return Markup(f'<svg viewBox="{view_box}" style="{style}" role="img" aria-label="{label}">{rest.strip()}')


def document(title: str, body: Markup) -> str:
    """The whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _cells(row: Sequence[object]) -> Markup:
    first, *rest = row
    return join([element("th", first, scope="row"), *(element("td", cell) for cell in rest)])
