"""The name of a worker process, under which it reserves nodes, begins requests and writes events.

A conductor has a host name and one or more workers. A column or an argument for the conductor is a ``str``
called ``conductor`` or ``hostname``; one for a worker is a :class:`Worker`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Worker:
    """One worker process of a conductor; its text is ``host/index@incarnation``, everywhere.

    :param host: the conductor's host name
    :param index: counted from 0
    :param incarnation: the number of the member, see podium.db.members, which is new at every entry; 0 for
        none, as in rows of older versions of Podium, and then not in the text
    """

    host: str
    index: int
    incarnation: int = 0

    def __str__(self) -> str:
        which = f"@{self.incarnation}" if self.incarnation else ""
        return f"{self.host}/{self.index}{which}"

    @classmethod
    def parse(cls, text: str) -> "Worker":
        """The worker that a text names.

        :raises ValueError: when the text is not ``host/index`` or ``host/index@incarnation``
        """
        host, _, rest = text.rpartition("/")
        index, at, incarnation = rest.partition("@")
        if not (host and _is_number(index) and (not at or _is_number(incarnation))):
            raise ValueError(f"{text!r} is not the name of a worker: HOST/INDEX or HOST/INDEX@INCARNATION")
        return cls(host, int(index), int(incarnation or 0))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
