"""Actions of a driver's own: what they declare, and what is refused."""

from typing import Literal

import pytest

from podium.drivers import base
from podium.drivers.base import Argument


class Door:
    """A driver with an action."""

    @base.action(help="Blink the LED at the door")
    async def blink(
        self, node: base.Node, colour: Literal["red", "green"], times: int = 3, loud: bool = False
    ) -> str:
        return f"{node.name} {colour} {times} {loud}"

    @base.action(help="Open it", name="open_door")
    def open(self, node: base.Node) -> None: ...


class Lower(Door):
    """Its child, which has them too."""


def test_an_action_takes_what_its_method_does() -> None:
    found = base.driver_actions(Lower)
    assert {one.name: (one.help, one.method) for one in found.values()} == {
        "blink": ("Blink the LED at the door", "blink"),
        "open_door": ("Open it", "open"),
    }
    assert found["blink"].arguments == (
        Argument("colour", "text", required=True, choices=("red", "green")),
        Argument("times", "whole number", required=False, default=3),
        Argument("loud", "true or false", required=False, default=False),
    )
    assert found["open_door"].arguments == ()


def test_an_action_that_cannot_be_given_its_arguments_is_refused() -> None:
    class Untyped:
        @base.action(help="Blink")
        def blink(self, node, colour): ...  # type: ignore[no-untyped-def]

    class Many:
        @base.action(help="Blink")
        def blink(self, node: base.Node, *colours: str) -> None: ...

    class Few:
        @base.action(help="Blink")
        def blink(self) -> None: ...

    class Twice(Door):
        @base.action(help="Blink", name="blink")
        def blink_too(self, node: base.Node) -> None: ...

    for driver, words in (
        (Untyped, "blink takes colour, which is annotated with none of"),
        (Many, "blink takes \\*colours"),
        (Few, "blink takes self and node"),
        (Twice, "blink and blink_too are both the action blink"),
    ):
        with pytest.raises(ValueError, match=words):
            base.driver_actions(driver)


def test_a_mark_that_says_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match="parentheses"):
        base.action(lambda self, node: None)  # type: ignore[arg-type]
    for help, name in (("", None), ("two\nlines", None), ("Blink", "Blink"), ("Blink", "a-b")):
        with pytest.raises(ValueError, match="action's"):
            base.action(help=help, name=name)(lambda self, node: None)
