"""The options as a reload would leave them, for checks that go beyond single values."""

from typing import Any

from podium.library_internals import OpenOptions, Values


class Pending:
    """Read like the options; options that are not mutable keep their values.

    :param values: the values that the reload is to put into force
    """

    def __init__(self, conf: OpenOptions, values: Values, group: str | None = None) -> None:
        self._conf = conf
        self._values = values
        self._group = group

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if self._group is None and name in self._conf.group_names():
            return Pending(self._conf, self._values, name)
        return self._conf.pending(name, self._group, self._values)
