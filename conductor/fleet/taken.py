"""The nodes that are taken: their power or password is being changed, or a driver has reserved them."""

from collections import deque
from collections.abc import Iterable


class Taken:
    """The numbers of the nodes that are taken; nothing else reads or switches these nodes.

    Only the conductor's loop takes and frees nodes. Power actions and drivers' reservations take them; both
    and the recorder free them. Any thread may check whether a node is taken.
    """

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._over: set[int] = set()
        self._left_alone: set[int] = set()
        self._ended: deque[tuple[int, tuple[int, ...]]] = deque()  # changes, and the nodes of each

    def __contains__(self, number: int) -> bool:
        return number in self._numbers or number in self._left_alone

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def has_ended(self) -> bool:
        """Whether nodes wait for the fleet to show that their power changes ended."""
        return bool(self._ended)

    def leave_alone(self, numbers: Iterable[int], known: Iterable[int]) -> None:
        """Note nodes whose hardware may have another password: only a requested change may take these.

        :param known: the nodes that were checked for this
        """
        self._left_alone.difference_update(known)
        self._left_alone.update(numbers)

    def is_free(self, number: int) -> bool:
        """Whether a node is free, so that :meth:`take` would take it."""
        return number not in self._numbers

    def take(self, number: int) -> bool:
        """Take a node; return False if it is already taken."""
        if number in self._numbers:
            return False
        self._numbers.add(number)
        return True

    def note_over(self, number: int) -> None:
        """Note that the change of a node is over: it stays taken until its outcome is written and shown."""
        self._over.add(number)

    def is_under_way(self, number: int) -> bool:
        """Whether a node is taken and calls to it may still be made."""
        return number in self._numbers and number not in self._over

    def free(self, numbers: Iterable[int]) -> None:
        """Free nodes at once."""
        self._numbers.difference_update(numbers)
        self._over.difference_update(numbers)

    def free_when_seen(self, change: int, numbers: Iterable[int]) -> None:
        """Free nodes once the fleet shows the outcomes of their power changes.

        Before that, the sweep would treat the new state as somebody else's change, and the request would look
        as if it still had to be carried out.

        :param change: the number of the change with which the outcomes were written; numbers increase
        """
        self._ended.append((change, tuple(numbers)))

    def count_anew(self) -> None:
        """Free the nodes kept by :meth:`free_when_seen` at the next change that the fleet shows."""
        self._ended = deque((0, numbers) for _, numbers in self._ended)

    def note_seen(self, change: int) -> bool:
        """Free the nodes whose changes the fleet now shows.

        :param change: the newest change that it shows
        :returns: whether any node became free
        """
        freed = False
        while self._ended and self._ended[0][0] <= change:
            self.free(self._ended.popleft()[1])
            freed = True
        return freed
