"""The name of a worker process, under which it reserves nodes, begins requests and writes events.

A conductor has a host name and one or more workers. Where a column or an argument means the conductor, it is
a ``str`` called ``conductor`` or ``hostname``; where it means one of the workers, it is a :class:`Worker`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Worker:
    """One worker process of a conductor; its text is ``host/index``, everywhere.

    :param host: the conductor's host name
    :param index: counted from 0
    """

    host: str
    index: int

    def __str__(self) -> str:
        return f"{self.host}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> "Worker":
        """The worker of a text.

        :raises ValueError: when the text is not ``host/index``
        """
        host, _, index = text.rpartition("/")
        if not (host and index.isascii() and index.isdecimal()):
            raise ValueError(f"{text!r} is not the name of a worker: HOST/INDEX")
        return cls(host, int(index))
