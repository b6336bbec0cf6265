"""Actions of a driver's own: what they declare, and what is refused."""

from typing import Any, Literal

import hypothesis
import pytest
from hypothesis import strategies as st

from podium.drivers import base
from podium.drivers.actions import given, usage
from podium.drivers.base import Argument, DriverAction


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

    class Static:
        @staticmethod
        @base.action(help="Blink")
        def blink(node: base.Node, colour: str) -> None: ...

    class WrongDefault:
        @base.action(help="Blink")
        def blink(self, node: base.Node, times: int = "3") -> None: ...  # type: ignore[assignment]

    class NoChoice:
        @base.action(help="Blink")
        def blink(self, node: base.Node, colour: Literal["red"] = "blue") -> None: ...  # type: ignore[assignment]

    class Unhashable:
        @base.action(help="Blink")
        def blink(self, node: base.Node, colours: ["red"]) -> None: ...  # type: ignore[valid-type]  # noqa: F821

    for driver, words in (
        (Static, "the action blink is a staticmethod, not a method"),
        (WrongDefault, "blink takes times: int = '3', whose default is none of its values"),
        (NoChoice, "blink takes colour: .*, whose default is none of its values"),
        (Unhashable, "the action blink"),
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


BLINK = base.driver_actions(Door)["blink"]
ANY = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
)


def test_texts_are_converted_to_what_an_action_takes() -> None:
    assert given(BLINK, {"colour": "red", "times": "5", "loud": "yes"}) == {
        "colour": "red",
        "times": 5,
        "loud": True,
    }
    assert given(BLINK, {"colour": "red"}) == {"colour": "red"}
    wait = DriverAction("wait", "Wait", (Argument("seconds", "number", required=True),), "wait")
    assert given(wait, {"seconds": "2.5"}) == {"seconds": 2.5}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "blink needs colour; it takes colour=red|green [times=3] [loud=false]"),
        ({"color": "red"}, "blink takes no 'color', did you mean colour?; it takes colour=red|green"),
        ({"colour": "blue"}, "blink: colour is red or green, not 'blue'"),
        ({"colour": "red", "times": "many"}, "blink: times is a whole number, not 'many'"),
        ({"colour": "red", "times": True}, "blink: times is a whole number, not True"),
        ({"colour": "red", "times": 2.5}, "blink: times is a whole number, not 2.5"),
        ({"colour": "red", "times": 2**63}, "blink: times is a whole number, not 9223372036854775808"),
        ({"colour": "red", "loud": 1}, "blink: loud is true or false, not 1"),
    ],
)
def test_what_an_action_does_not_take_is_refused_in_one_line(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="^blink") as refused:
        given(BLINK, wrong)
    assert str(refused.value).startswith(words) and "\n" not in str(refused.value)


@hypothesis.given(
    kind=st.sampled_from(["text", "whole number", "number", "true or false"]),
    choices=st.sampled_from([(), ("red", "green")]),
    value=ANY,
)
def test_whatever_is_given_an_action_gets_what_it_takes_or_is_not_called(
    kind: str, choices: tuple[str, ...], value: Any
) -> None:
    taken = {"text": str, "whole number": int, "number": float, "true or false": bool}[kind]
    action = DriverAction("do", "Do it", (Argument("one", kind, required=True, choices=choices),), "do")
    try:
        found = given(action, {"one": value})
    except ValueError as refused:
        assert str(refused).isprintable()
        return
    assert type(found["one"]) is (str if choices else taken)
    assert given(action, found) == found


def test_how_an_argument_is_written_shows_whether_it_may_be_left_out() -> None:
    assert usage(Argument("label", "text", required=True)) == "label=TEXT"
    assert usage(Argument("times", "whole number", required=True)) == "times=WHOLE-NUMBER"
    assert usage(Argument("colour", "text", False, "red", ("red", "green"))) == "[colour=red|green]"
