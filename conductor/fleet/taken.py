"""Which nodes are taken: their power or their password is being changed, or a driver has reserved them."""

from collections import deque
from collections.abc import Iterable


class Taken:
    """The numbers of the nodes that are taken; nobody else reads or switches these nodes.

    The conductor's loop alone takes and frees nodes: power actions and drivers' reservations take them, these
    and the recorder free them. Any thread may ask whether a node is taken.
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
        """Note nodes whose hardware may have another password than they: only a change may take these.

        :param known: nodes of which it is known whether they are among these
        """
        self._left_alone.difference_update(known)
        self._left_alone.update(numbers)

    def is_free(self, number: int) -> bool:
        """Whether nobody has taken a node: :meth:`take` would."""
        return number not in self._numbers

    def take(self, number: int) -> bool:
        """Take a node; False when somebody else has it."""
        if number in self._numbers:
            return False
        self._numbers.add(number)
        return True

    def note_over(self, number: int) -> None:
        """Note that the change of a node is over: it is taken until its outcome is written and shown."""
        self._over.add(number)

    def is_under_way(self, number: int) -> bool:
        """Whether a node is taken by somebody who may still make calls to it."""
        return number in self._numbers and number not in self._over

    def free(self, numbers: Iterable[int]) -> None:
        """Free nodes at once."""
        self._numbers.difference_update(numbers)
        self._over.difference_update(numbers)

    def free_when_seen(self, change: int, numbers: Iterable[int]) -> None:
        """Free nodes once the fleet shows how their power changes ended.

        Before that, the sweep would take the new state for one that somebody else switched, and the request
        would look as if it were still to be carried out.

        :param change: the number of the change that the outcomes were written as; numbers rise
        """
        self._ended.append((change, tuple(numbers)))

    def count_anew(self) -> None:
        """Free what :meth:`free_when_seen` keeps with the next change that the fleet shows, of any number."""
        self._ended = deque((0, numbers) for _, numbers in self._ended)

    def note_seen(self, change: int) -> bool:
        """Free the nodes whose changes the fleet shows now.

        :param change: the newest change that it shows
        :returns: whether any node became free
        """
        freed = False
        while self._ended and self._ended[0][0] <= change:
            self.free(self._ended.popleft()[1])
            freed = True
        return freed
