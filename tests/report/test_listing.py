"""`gostage-sim list`."""

from __future__ import annotations

from pathlib import Path

from gostage_sim.report.listing import index

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_the_index_of_the_catalogue() -> None:
    """The guide's index has every shipped scenario, by family, with what its file says of it."""
    guide = (SCENARIOS / "README.md").read_text("utf-8")
    written = guide.partition("<!-- index -->\n")[2].partition("<!-- end of the index -->")[0]
    told = "write it again: gostage-sim list scenarios --markdown, between the two comments in scenarios/README.md"
    assert written.strip().splitlines() == [*index([SCENARIOS])], told
    links = [line.partition("](")[2].partition(")")[0] for line in written.splitlines() if line.startswith("* [")]
    assert all((SCENARIOS / link).is_file() for link in links)


def test_what_is_reported_is_a_group_of_its_own(tmp_path: Path) -> None:
    """Scenarios with this tag are named before all families, and stand in their own as well."""
    family = tmp_path / "kill"
    family.mkdir()
    for name, tags in (("a", "[kill]"), ("b", "[kill, reported]")):
        said = f"name: {name}\ndescription: It ends.\ntags: {tags}\ntransports: [json]\n"
        (family / f"{name}.yaml").write_text(f"{said}children: {{a: {{steps: [{{send: 1}}]}}}}\n")
    assert [*index([tmp_path])] == [
        "Scenarios: 2, in families: 1.",
        "",
        "### What people report of other programs (1)",
        "",
        "* [b](kill/b.yaml) (json only)",
        "",
        "### kill (2)",
        "",
        "* [a](kill/a.yaml) (json only): It ends.",
        "* [b](kill/b.yaml) (json only): It ends.",
    ]


def test_names_are_no_markup(tmp_path: Path) -> None:
    """Neither a name nor a description can make a link, and a file of several scenarios stands there once."""
    family = tmp_path / "a family"
    family.mkdir()
    (family / "x y.yaml").write_text(
        "name: '[here](http://x)'\ndescription: '<b>'\ntransports: [json]\nparametrize: {n: [1, 2]}\n"
        "children: {a: {steps: [{send: '${n}'}]}}\n"
    )
    count, _, heading, _, line = index([tmp_path])
    assert (count, heading) == ("Scenarios: 1, in families: 1.", "### a family (1)")
    assert line == r"* [\[here\](http:&#47;&#47;x)](a%20family/x%20y.yaml) (json only): &lt;b&gt;"
