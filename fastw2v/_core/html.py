"""Small tables by which notebooks show an object."""

from __future__ import annotations

import html
from collections.abc import Mapping

__all__ = ["as_html_table"]


def as_html_table(title: str, facts: Mapping[str, object]) -> str:
    """Return an HTML table with a row per fact; words of a text are escaped.

    >>> as_html_table("Words", {"first": "<eos>"})
    '<table><caption>Words</caption><tr><th>first</th><td>&lt;eos&gt;</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption>{html.escape(title)}</caption>{rows}</table>"
