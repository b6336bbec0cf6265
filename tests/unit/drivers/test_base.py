"""What the author of a driver relies on."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from oslo_config import types

from podium import errors, states
from podium.drivers import base, driver_info


class Acme(base.Driver):
    properties: ClassVar[Mapping[str, base.Property]] = {
        "acme_address": base.Property("host name or address", required=True),
        "acme_port": base.Property("UDP port", default="623", type=types.Port()),
        "acme_fast": base.Property("whether it is fast", default=False, type=types.Boolean()),
        "acme_pin": base.Property("four digits", secret=True, type=int),
        "acme_password": base.Property("a number, of all things", type=int),
    }

    def get_power_state(self, node: base.Node) -> str:
        return states.POWER_ON

    def set_power_state(self, node: base.Node, target: str) -> None:
        pass

    @base.driver_periodic_task(spacing=5, run_immediately=True, deadline=3, enabled=False, name="watch")
    def check(self, manager: base.Manager, context: object) -> str:
        """Look at everything."""
        return f"{self.name} looked"

    @base.driver_periodic_task()
    async def check_status(self, manager: base.Manager, context: object) -> None:
        pass


def node(**driver_info: Any) -> base.Node:
    return base.Node(uuid="1-2-3", name="n1", driver="acme", driver_info=driver_info)


def parse(**driver_info: Any) -> dict[str, Any]:
    return Acme("acme", None).parse_driver_info(node(**driver_info))


def names(driver: base.Driver) -> list[str]:
    return [task.name for task, _ in base.periodic_tasks(driver)]


def test_a_class_without_the_two_power_methods_is_no_driver() -> None:
    class Half(base.Driver):
        def get_power_state(self, node: base.Node) -> str:
            return states.POWER_ON

    with pytest.raises(TypeError, match="set_power_state"):
        Half("half", None)  # type: ignore[abstract]


def test_a_node_does_not_show_its_secrets_when_it_is_printed() -> None:
    assert "hunter2" not in repr(node(acme_password="hunter2"))


def test_a_driver_gets_every_property_that_it_declared_and_defaults_as_if_they_were_given() -> None:
    assert parse(acme_address="bmc1") == {
        "acme_address": "bmc1",
        "acme_port": 623,
        "acme_fast": False,
        "acme_pin": None,
        "acme_password": None,
    }


@pytest.mark.parametrize(("given", "value"), [("1623", 1623), (1623, 1623), ("", 623), (None, 623), (0, 0)])
def test_a_number_may_be_given_as_text_and_nothing_is_the_default(given: Any, value: int) -> None:
    assert parse(acme_address="bmc1", acme_port=given)["acme_port"] == value


def test_a_false_that_was_given_is_not_taken_for_nothing() -> None:
    assert parse(acme_address="bmc1", acme_fast=False)["acme_fast"] is False


@pytest.mark.parametrize("info", [{}, {"acme_address": ""}, {"acme_address": None}])
def test_a_required_property_that_is_missing_is_named_with_its_help(info: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=r"lacks acme_address \(host name or address\)"):
        parse(**info)


@pytest.mark.parametrize("key", ["acme_password", "acme_pin"])
def test_the_mask_is_never_taken_for_a_secret(key: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=rf"{key} is \*{{6}}, which Podium shows instead"):
        parse(acme_address="bmc1", **{key: "******"})


def test_an_unknown_property_is_named_with_the_nearest() -> None:
    told = r"driver_info has no property acme_adress; did you mean acme_address\?"
    with pytest.raises(errors.InvalidDriverInfo, match=told):
        parse(acme_adress="bmc1")


def test_a_property_that_resembles_none_is_named_with_those_there_are() -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="no property user; there are acme_address, acme_port"):
        parse(acme_address="bmc1", user="root")


def test_a_driver_without_properties_says_so() -> None:
    class Bare(Acme):
        properties: ClassVar[Mapping[str, base.Property]] = {}

    with pytest.raises(errors.InvalidDriverInfo, match="no property user; there are none"):
        Bare("bare", None).validate(node(user="root"))


@pytest.mark.parametrize("port", [70000, "http", [623]])
def test_a_wrong_value_is_named_with_what_is_wrong(port: Any) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=r"driver_info: acme_port is wrong: .+ \(UDP port\)"):
        parse(acme_address="bmc1", acme_port=port)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (types.Port(min=1), "0x26F", "'0x26F' is not a whole number"),
        (types.Port(min=1), 70000, "should be at most 65535"),
        (types.Port(min=1), 0, "should be at least 1"),
        (types.Port(), [623], "a list cannot be used here"),
        (types.Integer(choices=[3, 17]), 5, "not one of 3, 17"),
        (types.String(choices=["OK", "Critical"]), "ok?", "not one of OK, Critical"),
        (types.Float(), "soon", "'soon' is not a number"),
        (types.Boolean(), "perhaps", "'perhaps' is neither true nor false"),
        (types.Boolean(), 7, "a number cannot be used here"),
        (types.Boolean(), {"a": "b"}, "a mapping cannot be used here"),
        (int, "1.5", "'1.5' is not a whole number"),
        (float, None, None),
    ],
)
def test_what_is_wrong_with_a_value_is_said_in_no_words_of_python(kind: Any, value: Any, words: Any) -> None:
    faults = driver_info.faults({"odd": base.Property("any", type=kind)}, {"odd": value})
    assert faults == ([f"driver_info: odd is wrong: {words} (any)"] if words else [])


@pytest.mark.parametrize("name", ["acme_pin", "acme_password"])
def test_the_wrong_value_of_a_secret_is_not_shown(name: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=f"{name} has a wrong value") as caught:
        parse(acme_address="bmc1", **{name: "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_task_can_be_called_like_the_method_it_is() -> None:
    assert Acme("acme", None).check(None, None) == "acme looked"  # type: ignore[arg-type]


def test_the_mark_leaves_the_function_itself_as_it_was() -> None:
    def check(self: object, manager: object, context: object) -> None: ...

    assert base.driver_periodic_task(spacing=5)(check) is check


def test_what_a_task_was_told_is_found_on_the_driver_with_the_bound_method() -> None:
    driver = Acme("acme", None)
    task, method = base.periodic_tasks(driver)[0]
    assert task == base.PeriodicTask(name="watch", spacing=5, run_immediately=True, deadline=3, enabled=False)
    assert method == driver.check


def test_a_task_that_was_told_nothing_has_the_name_of_its_method_and_runs_every_minute() -> None:
    task, _ = base.periodic_tasks(Acme("acme", None))[1]
    assert task == base.PeriodicTask(
        name="check_status", spacing=60, run_immediately=False, deadline=None, enabled=True
    )


def test_a_driver_that_inherits_from_another_has_its_tasks_too() -> None:
    class Better(Acme):
        @base.driver_periodic_task(spacing=1)
        def check_more(self, manager: base.Manager, context: object) -> None: ...

    assert names(Better("better", None)) == ["watch", "check_more", "check_status"]


def test_a_method_that_replaces_a_task_without_the_mark_is_none() -> None:
    class Quiet(Acme):
        async def check_status(self, manager: base.Manager, context: object) -> None: ...

    assert names(Quiet("quiet", None)) == ["watch"]


def test_a_method_that_replaces_a_task_has_its_own_spacing() -> None:
    class Often(Acme):
        @base.driver_periodic_task(spacing=1)
        async def check_status(self, manager: base.Manager, context: object) -> None: ...

    assert base.periodic_tasks(Often("often", None))[1][0].spacing == 1
    assert base.periodic_tasks(Acme("acme", None))[1][0].spacing == 60


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("given", [0, -1, NAN, INF, -INF, 1e300, 10**400, "60", True, [60]], ids=repr)
@pytest.mark.parametrize("time", ["spacing", "deadline"])
@pytest.mark.parametrize("decorator", [base.driver_periodic_task, base.node_periodic_task])
def test_a_time_that_is_no_positive_number_is_refused_where_it_is_written(
    decorator: Any, time: str, given: Any
) -> None:
    with pytest.raises(ValueError, match=f"^{time} is a positive number of seconds up to ten years, not "):
        decorator(**{time: given})


@pytest.mark.parametrize("given", [0, -1, 2.5, "50", True, None])
def test_a_number_of_nodes_in_flight_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(
        ValueError, match=f"^max_in_flight is a whole number of nodes from 1 on, not {given!r}"
    ):
        base.node_periodic_task(max_in_flight=given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"power": "power on"}, "^filters has 'power', which is no field of Node; there are uuid, name, "),
        ({7: 7}, "^filters has 7, which is no field of Node"),
        (["power_state"], "^filters are a mapping of fields of Node to values, not "),
    ],
)
def test_filters_that_no_node_can_have_are_refused(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        base.node_periodic_task(filters=given)


@pytest.mark.parametrize("decorator", ["driver_periodic_task", "node_periodic_task"])
def test_a_decorator_without_parentheses_is_told_how_it_is_written(decorator: str) -> None:
    def check(self: object, manager: object, context: object) -> None: ...

    told = rf"^{decorator} is used with parentheses, .*: @base\.{decorator}\(spacing=60\)$"
    for given in (check, 60):
        with pytest.raises(TypeError, match=told):
            getattr(base, decorator)(given)


@pytest.mark.parametrize(
    "name", ["check status", "check.status", "9lives", "check:5", "a,b", "check\n", "", "a" * 129, 5]
)
def test_a_task_name_that_the_config_file_could_not_hold_is_refused(name: Any) -> None:
    def check(self: object, manager: object, context: object) -> None: ...

    with pytest.raises(ValueError, match="identifier"):
        base.driver_periodic_task(name=name)(check)


@pytest.mark.parametrize("status", ["BAD", "ok", "", None, 1, ["OK"]])
def test_a_health_of_no_known_status_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="^the status of a Health is OK, Warning, Critical, not "):
        base.Health(status)


@pytest.mark.parametrize("reasons", [5, None, (5,), ["hot", OSError("no fan")], (("hot",),)])
def test_reasons_that_are_no_texts_are_refused(reasons: Any) -> None:
    with pytest.raises(ValueError, match="^the reasons of a Health are texts, not "):
        base.Health("Warning", reasons)


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ("the fan is slow", ("the fan is slow",)),
        (["hot", "loud"], ("hot", "loud")),
        ((word for word in ("hot", "loud")), ("hot", "loud")),
        ((), ()),
        (["x" * 501] * 51, ("x" * 501,) * 50),
    ],
    ids=["one text", "a list", "a generator", "none", "too much"],
)
def test_the_reasons_of_a_health_are_texts(given: Any, reasons: tuple[str, ...]) -> None:
    assert base.Health("Warning", given).reasons == reasons
