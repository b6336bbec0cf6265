"""Converts YAML text to values: only plain data, within bounds, in one pass over the parser's events.

A scalar without quotes and tag keeps its text, see podium.client.enrolling.scalars.

PyYAML's own loaders first compose a tree of the whole document, which takes a minute and 2 GB for a file of
100,000 nodes, and their C code overruns the stack on deep nesting.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import yaml

from podium.client.enrolling import scalars

_DEEPEST: Final = 100
_MOST_MERGED: Final = 2_000_000
_LONGEST_NUMBER: Final = 1_000
_REMEMBERED: Final = 10_000
_EVERY: Final = 1_000

_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = {
    _TAG + kind: yaml.SafeLoader.yaml_constructors[_TAG + kind]
    for kind in ("null", "bool", "int", "float", "binary", "timestamp", "str")
}
_UNKNOWN_TAG: Final = (
    "a tag that is not known: put it in quotes if it is a text that begins with an exclamation mark"
)
_NO_KEY: Final = object()
_MERGE: Final = object()


class Refused(yaml.MarkedYAMLError):
    """YAML that Podium does not accept. Its ``problem`` repeats no value of the file."""


def load(text: str, progress: Callable[[int], None]) -> Any:
    """Return the only document of a text; None if it is empty.

    :param progress: called now and then with the number of characters that were read
    :raises Refused: with place and fault, if the text exceeds the bounds or has tags other than those of
        plain data
    :raises yaml.YAMLError: if the text is not YAML
    """
    builder = _Builder(progress)
    for event in yaml.parse(text, Loader=_PARSER):
        builder.take(event)
    return builder.document


class _Open:
    """A mapping or list that has not ended yet."""

    __slots__ = ("anchor", "key", "merged", "value")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = _NO_KEY
        self.merged: list[Any] = []


class _Builder:
    def __init__(self, progress: Callable[[int], None]) -> None:
        self.document: Any = None
        self._progress = progress
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._merged = 0
        self._known: dict[str, Any] = {}
        self._resolver = yaml.SafeLoader("")

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = value
            self._put(value, event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, "map", event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], "seq", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            # An anchor is known once its value is complete, so nothing can be part of itself.
            if event.anchor not in self._anchors:
                raise _fault(
                    "an alias without its anchor: put it in quotes if it is a text that begins with a star",
                    event,
                )
            self._put(self._anchors[event.anchor], event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _fault("a second document", event)

    def _begin(self, value: Any, kind: str, event: yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise _fault(_UNKNOWN_TAG, event)
        self._open.append(_Open(value, event.anchor))
        if len(self._open) > _DEEPEST:
            raise _fault(f"nested more than {_DEEPEST} levels deep", event)

    def _end(self, event: yaml.Event) -> None:
        ended = self._open.pop()
        for merged in ended.merged:
            self._merged += len(merged) + len(ended.value)
            if self._merged > _MOST_MERGED:
                raise _fault("merge keys that stand for too much", event)
            ended.value = merged | ended.value
        if ended.anchor is not None:
            self._anchors[ended.anchor] = ended.value
        self._put(ended.value, event)

    def _put(self, value: Any, event: yaml.Event) -> None:
        """Put a value into the innermost mapping or list that has not ended."""
        if not self._open:
            self.document = value
            return
        into = self._open[-1]
        if type(into.value) is list:
            into.value.append(_no_merge(value, event))
            if len(self._open) == 2 and len(into.value) % _EVERY == 0:
                self._progress(_place(event).index)
        elif into.key is _NO_KEY:
            into.key = _key(value, event)
            if into.key in into.value:
                raise _fault(f"the key {repr(into.key)[1:-1][:80]} is there twice", event)
        elif into.key is _MERGE:
            merged = value if isinstance(value, list) else [value]
            if not all(isinstance(one, dict) for one in merged):
                raise _fault("a merge key without mappings", event)
            into.merged += merged
            into.key = _NO_KEY
        else:
            into.value[into.key] = _no_merge(value, event)
            into.key = _NO_KEY

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        if event.tag is not None:
            return text if event.tag == "!" else self._tagged(text, event)
        if not event.implicit[0]:
            return text
        if text not in self._known:
            value = _MERGE if text == "<<" else scalars.of_yaml(text)
            if len(self._known) == _REMEMBERED:
                return value
            self._known[text] = value
        return self._known[text]

    def _tagged(self, text: str, event: yaml.ScalarEvent) -> Any:
        if event.tag not in _SCALARS:
            raise _fault(_UNKNOWN_TAG, event)
        if event.tag == _TAG + "str":
            return text
        if len(text) > _LONGEST_NUMBER:
            raise _fault("too long for what it is: put it in quotes", event)
        try:
            return _SCALARS[event.tag](self._resolver, yaml.ScalarNode(event.tag, text))
        except Exception:  # PyYAML's constructors raise any of Python's errors for a bad value
            raise _fault("a value that is not what its tag says: put it in quotes", event) from None


def _key(value: Any, event: yaml.Event) -> Any:
    """Return a key as a text, as in JSON."""
    if value is None or value is _MERGE:
        return value or ""
    if not isinstance(value, str | bool | int | float):
        raise _fault("a key that is not a text", event)
    return scalars.text(value)


def _no_merge(value: Any, event: yaml.Event) -> Any:
    if value is _MERGE:
        raise _fault("a merge key that is none: put it in quotes", event)
    return value


def _fault(problem: str, event: yaml.Event) -> Refused:
    return Refused(problem=problem, problem_mark=_place(event))


def _place(event: yaml.Event) -> yaml.Mark:
    return cast(yaml.Mark, event.start_mark)
