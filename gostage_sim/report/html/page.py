"""The text of report.html."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

import jinja2
from markupsafe import Markup

from gostage_sim.report.escape import visible
from gostage_sim.report.html.details import details_of, sources_of
from gostage_sim.report.html.overview import failures, matrix, transports
from gostage_sim.report.run_report import Run
from gostage_sim.report.stories import Story
from gostage_sim.units import format_duration

_HERE = files("gostage_sim.report.html")


def render(run: Run, stories: Sequence[Story]) -> str:
    """The page as UTF-8 text without lone surrogates."""
    from plotly.offline import get_plotlyjs

    # Carriage returns would not come through the browser's parser, and the hash would not fit.
    plotly = get_plotlyjs().replace("\r\n", "\n").replace("\r", "\n")
    own = "\n".join(_HERE.joinpath(name).read_text("utf-8") for name in ("charts.js", "page.js"))
    details, left_out = details_of(stories)
    template = _environment().get_template("page.html.j2")
    return template.render(
        run=run,
        transports=transports(run),
        matrix=matrix(run),
        failures=failures(stories),
        details=details,
        left_out=left_out,
        sources=sources_of(stories),
        duration=format_duration(run.duration_s),
        css=_verbatim(_HERE.joinpath("page.css").read_text("utf-8"), "</style"),
        plotly=_verbatim(plotly, "</script"),
        own=_verbatim(own, "</script"),
        policy=_policy(plotly, own),
    )


def _environment() -> jinja2.Environment:
    """Everything is escaped, and before that every text of a child made visible; an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _HERE.joinpath(name).read_text("utf-8")),
        autoescape=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _verbatim(text: str, end: str) -> Markup:
    """Our own text for the inside of an element that only `end` closes."""
    if end in text.lower():
        raise ValueError(f"found {end!r} in a text that goes into the page as it is")
    return Markup(text)


def _policy(*scripts: str) -> str:
    """No network and no script but these, whatever else might have got into the page,
    https://www.w3.org/TR/CSP3/."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
