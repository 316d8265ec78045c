"""Embeds plots and images in a page, so that the page is a single file."""

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


def chart(svg: bytes, description: str, identifier: str) -> "Markup":
    """An SVG plot that follows the page's colors and type face.

    `identifier` makes the ids in the plot unique on the page.
    """
    from markupsafe import Markup, escape  # here: only pages need it

    source = svg.decode("utf-8")
    source = source[source.index("<svg") :]
    opening, rest = source.split(">", 1)
    view_box = re.search(r'viewBox="([^"]*)"', opening)[1]  # type: ignore[index]  # matplotlib writes one
    style = f"--width:{float(view_box.split()[2]):.0f}px"  # the style sheet scales the text with it
    # Ids without references are dropped; the others are made unique on the page.
    rest = re.sub(r'(<(?:g|svg)\b[^>]*?) id="[^"]*"', r"\1", rest)
    rest = re.sub(r'\bid="', f'id="{identifier}-', rest)
    rest = re.sub(r"url\(#", f"url(#{identifier}-", rest)
    rest = re.sub(r'xlink:href="#', f'href="#{identifier}-', rest)
    label = escape(description)
    return Markup(f'<svg viewBox="{view_box}" style="{style}" role="img" aria-label="{label}">{rest.strip()}')


def data_uri(data: bytes, kind: str) -> str:
    """The image file `data` of the kind "png" or "jpeg" as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
