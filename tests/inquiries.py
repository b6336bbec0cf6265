"""Inquiries to a BMC without a network in between."""

from collections.abc import Callable
from types import SimpleNamespace

from podium.drivers.ipmi.lan import commands, packet

#: Returns completion code and data for a command with its data.
Answers = Callable[[tuple[int, int], bytes], tuple[int, bytes]]


class DirectInquiry:
    """Replaces :class:`podium.drivers.ipmi.lan.inquiry.Inquiry`, with a function that answers.

    :param over: whether the time is up after each command
    """

    def __init__(self, answers: Answers, *, over: bool = False) -> None:
        self._over = over
        self.connection = SimpleNamespace(target="192.0.2.1:623")
        self.asked: list[tuple[tuple[int, int], bytes]] = []
        self._answers = answers

    def more(self) -> bool:
        return not self._over

    async def ask(
        self, command: tuple[int, int], data: bytes = b"", privilege: int = packet.PRIVILEGE_USER
    ) -> bytes:
        self.asked.append((command, data))
        code, answer = self._answers(command, data)
        if code:
            raise commands.CommandFailed("192.0.2.1:623", command, code)
        return answer
