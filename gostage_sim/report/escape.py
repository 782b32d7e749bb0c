"""Makes text harmless before it reaches a terminal, XML or markdown: everything a child said is hostile.

What would act instead of being read becomes a visible escape: control characters (a terminal obeys them, XML 1.0
forbids most, https://www.w3.org/TR/xml/#charsets), lone surrogates (no encoder takes them), and what is invisible or
reorders text (Unicode's category Cf, https://trojansource.codes).
"""

from __future__ import annotations

import json
import re

#: Unicode 16's category Cf, in whole blocks where those are kept for it, and the two separators. Not asked of
#: `unicodedata`: what is escaped would depend on the version of Python, and to look at every character takes 0.1 s.
_FORMAT = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_FORMAT}\ud800-\udfff\ufffe\uffff]")
_IN_ONE_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_FORMAT}\ud800-\udfff\ufffe\uffff]")
_NOT_FOR_A_TERMINAL = re.compile(f"[\x7f-\x9f{_FORMAT}]")
_NOT_IN_A_SCRIPT = re.compile("[<>&\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARKDOWN = re.compile(r"[\\`*_{}\[\]#|~@$<>&]|(?<=:)//|(?<=www)\.", re.IGNORECASE)
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "//": "&#47;&#47;", ".": "&#46;", "@": "&#64;"}


def visible(text: str) -> str:
    """The text with line ends and tabs as they are; all else that acts becomes an escape: `\\x1b`, `\\u202e`."""
    return _IN_LINES.sub(_escape, text)


def visible_line(text: str) -> str:
    """Like `visible`, in one line: line ends and tabs become `\\n` and `\\t` too."""
    return _IN_ONE_LINE.sub(_escape, text)


def encodable(text: str) -> str:
    """The same text for an encoder that takes all but lone surrogates; those become `\\udc80`."""
    return _SURROGATE.sub(_escape, text)


def terminal_safe_json(document: str) -> str:
    """The same JSON document, with what JSON lets through and a terminal would obey as JSON escapes.

    Outside strings JSON is ASCII without control characters other than white space, so no context is needed.
    """
    return _NOT_FOR_A_TERMINAL.sub(lambda found: json.dumps(found[0])[1:-1], document)


def json_in_html(document: str) -> str:
    """The same JSON document for the inside of a `<script>` element, which nothing in it can end, and where nothing
    begins a comment, https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements."""
    return _NOT_IN_A_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def markdown(text: str) -> str:
    """One line of text that markdown shows as it is: no markup, no table cell, no HTML, no link."""
    return _MARKDOWN.sub(lambda found: _HTML.get(found[0]) or "\\" + found[0], visible_line(text))


def markdown_block(text: str, language: str = "text") -> str:
    """A fenced block; the fence is longer than any run of backticks in the text, so that the text cannot end it."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 3)
    return f"{fence}{language}\n{shown.removesuffix(chr(10))}\n{fence}"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
