"""Tags: what actions, stages and workflows are grouped by."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable


class Tagged:
    """Something with `tags`: a tuple of distinct strings, in the order they were given."""

    tags: tuple[str, ...] = ()

    def add_tag(self, tag: str) -> None:
        """Add a tag; one that is there already changes nothing."""
        if tag not in self.tags:
            self.tags = distinct_tags((*self.tags, tag))

    def has_tag(self, tag: str) -> bool:
        """Whether it carries this tag."""
        return tag in self.tags

    def has_all_tags(self, tags: Iterable[str]) -> bool:
        """Whether it carries each of these; True for none."""
        return all(tag in self.tags for tag in distinct_tags(tags))

    def has_any_tag(self, tags: Iterable[str]) -> bool:
        """Whether it carries at least one of these; False for none."""
        return any(tag in self.tags for tag in distinct_tags(tags))


def distinct_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags without repetitions; TypeError for a lone str, which would be taken apart into letters."""
    if isinstance(tags, str):
        raise TypeError(f"tags are a list of strings; found the string {tags!r}, write [{tags!r}]")
    found = tuple(dict.fromkeys(tags))
    for tag in found:
        if not isinstance(tag, str):
            raise TypeError(f"a tag is a string; found {tag!r}")
    return found
