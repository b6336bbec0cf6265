"""What a driver declares is checked where it is loaded: each fault is a line that names the package."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from oslo_config import cfg

from podium import errors
from podium.conf import opts
from podium.drivers import base, declarations, registry
from podium.drivers.fake import FakeDriver

Install = Callable[..., None]

PACKAGE = "driver acme (package acme-podium, entry point acme_podium:Acme)"


def source(*lines: str) -> str:
    head = (
        "from oslo_config import cfg",
        "from podium import states",
        "from podium.drivers import base",
        "from podium.drivers.fake import FakeDriver",
        "class Acme(FakeDriver):",
    )
    return "\n".join((*head, *(f"    {line}" for line in lines), ""))


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    config = cfg.ConfigOpts()
    config([], project="podium", default_config_files=[], default_config_dirs=[])
    return config


#: What makes a driver one of the second edition.
SECOND = "\n    needs_api = (2, 0)"
#: And one that has abilities beside the power.
THIRD = "\n    needs_api = (2, 2)"

WRONG = [
    (
        "properties = {'acme_port': 'its port'}",
        "property acme_port is a value of the type str, not a podium.drivers.base.Property",
    ),
    (
        "properties = {'acme_port': base.Property}",
        "property acme_port is the class Property, not a podium.drivers.base.Property",
    ),
    (
        "properties = [base.Property('its port')]",
        "properties is a value of the type list, not a mapping of names to podium.drivers.base.Property",
    ),
    ("properties = {7: base.Property('its port')}", "properties has the name 7, which is not a text"),
    ("properties = {'a': base.Property(None)}", "property a: its help is None, not a text"),
    (
        "properties = {'a': base.Property('A.', type='int')}",
        "property a: its type is a value of the type str, which cannot be called with a value",
    ),
    ("options = 'timeout'", "options is a value of the type str, not a tuple of oslo.config options"),
    ("options = None", "options is None, not a tuple of oslo.config options"),
    ("options = ['timeout']", "options has a value of the type str, not an oslo.config option"),
    (
        "options = (cfg.IntOpt('timeout'), cfg.StrOpt('timeout'))",
        "options cannot be used: DuplicateOptError: duplicate option: timeout",
    ),
    (
        "supported_power_states = 'power on'",
        "supported_power_states is 'power on', not a tuple of words from podium.states",
    ),
    (
        "supported_power_states = [states.POWER_ON, 'on']",
        "supported_power_states has 'on', not one of power off, power on, rebooting, soft power off, soft",
    ),
    ("supported_power_states = [['power on']]", "supported_power_states has ['power on'], not one of "),
    (
        "async def validate(self, node): pass",
        "validate is async; it is called as a plain method and does no input or output",
    ),
    (
        "async def identity(self, node): return 'acme:1'",
        "identity is async; it is called as a plain method and does no input or output",
    ),
    (
        "async def endpoint(self, node): yield 'acme'",
        "endpoint is async; it is called as a plain method and does no input or output",
    ),
    (
        "async def statistics(self): return {}",
        "statistics is async; it is called as a plain method and does no input or output",
    ),
    (f"threads = '8'{SECOND}", "threads is '8', not a whole number from 1 to 256"),
    (f"threads = None{SECOND}", "threads is None, not a whole number from 1 to 256"),
    (f"threads = 0{SECOND}", "threads is 0, not a whole number from 1 to 256"),
    (f"endpoint_calls = True{SECOND}", "endpoint_calls is True, not a whole number from 1 to 4096"),
    (f"endpoint_calls = 2.5{SECOND}", "endpoint_calls is 2.5, not a whole number from 1 to 4096"),
    ("set_power_state = None", "set_power_state is None, not a method"),
    (f"get_power_states = None{SECOND}", "get_power_states is a value of the type NoneType, not a method"),
    (f"node_added = 'log'{SECOND}", "node_added is a value of the type str, not a method"),
    (
        f"async def get_power_states(self): return {{}}{SECOND}",
        "get_power_states cannot be called with (nodes): too many positional arguments",
    ),
    (
        f"def node_added(self, node, manager): pass{SECOND}",
        "node_added cannot be called with (node): missing a required argument: 'manager'",
    ),
    (
        "@base.driver_periodic_task(name='check_status')\n    def again(self, manager, context): pass",
        "2 periodic tasks are named check_status; give each a name of its own",
    ),
    (
        "@base.action(help='Blink')\n    def blink(self, node, colour): pass",
        "the action blink takes colour, which is annotated with none of str, int, float, bool and Literal",
    ),
    (
        "@base.action(help='Blink')\n    def one(self, node): pass\n"
        "    @base.action(help='Blink', name='one')\n    def two(self, node): pass",
        "the methods one and two are both the action one",
    ),
    (
        "@base.action(help='Look')\n    async def get_power_state(self, node): return states.POWER_ON",
        "get_power_state is marked as an action, but Podium calls it; give the action another method",
    ),
    (
        "@base.action(help='Look')\n    @base.driver_periodic_task()\n"
        "    def look(self, manager, context: str): pass",
        "look is a periodic task and an action; make two methods of it",
    ),
    (f"clear_log = None{THIRD}", "clear_log is a value of the type NoneType, not a method"),
    (
        f"async def get_log(self, node, limit): return []{THIRD}",
        "get_log cannot be called with (node, before, after, limit): too many positional arguments",
    ),
    (
        f"async def get_log(self, node, older, newer, most): return []{THIRD}",
        "get_log cannot be called with (node, before=, after=, limit=): missing a required argument: 'older'",
    ),
]


@pytest.mark.parametrize(("line", "fault"), WRONG, ids=[line.partition("\n")[0] for line, _ in WRONG])
def test_a_wrong_declaration_is_a_line_that_names_the_package(
    install: Install, conf: cfg.ConfigOpts, line: str, fault: str
) -> None:
    install(source(line))
    found = registry.find("acme")
    assert isinstance(found, errors.DriverLoadError)
    assert str(found).startswith(f"{PACKAGE}: {fault}")
    assert "\n" not in str(found)
    with pytest.raises(errors.DriverLoadError, match=re.escape(f"{PACKAGE}: {fault}")):
        registry.load(["acme"], conf)


@pytest.mark.parametrize(
    "line", [line for line, _ in WRONG], ids=[line.partition("\n")[0] for line, _ in WRONG]
)
def test_a_driver_with_a_wrong_declaration_is_skipped_where_that_is_wished(
    install: Install, conf: cfg.ConfigOpts, line: str
) -> None:
    install(source(line))
    assert list(registry.load(["fake", "acme"], conf, skip_faulty=True)) == ["fake"]


def test_all_faults_are_told_at_once(install: Install) -> None:
    install(source("properties = {'a': 1}", "supported_power_states = 'on'"))
    found = registry.find("acme")
    assert isinstance(found, errors.DriverLoadError)
    assert [fault.partition(" is ")[0] for fault in found.faults] == ["property a", "supported_power_states"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "def __init__(self, name, options): self.mine = name",
            ": its __init__ does not call super().__init__(name, options)",
        ),
        (
            "def __init__(self, name, options): super().__init__('other', options)",
            ": its __init__ names it 'other' instead of acme: super().__init__(name, options)",
        ),
        (
            "def __init__(self, name, options):\n        super().__init__(name, options)\n"
            "        self.properties = {'a': 1}",
            ": property a is a value of the type int, not a podium.drivers.base.Property",
        ),
        ("def __init__(self, name, options): raise SystemExit(3)", " cannot be made: SystemExit: 3"),
        ("def __init__(self): pass", " cannot be made: TypeError: "),
    ],
)
def test_what_goes_wrong_where_the_instance_is_made_is_a_line_and_can_be_skipped(
    install: Install, conf: cfg.ConfigOpts, line: str, fault: str
) -> None:
    install(source(line))
    with pytest.raises(errors.DriverLoadError, match=re.escape(f"{PACKAGE}{fault}")):
        registry.load(["acme"], conf)
    assert list(registry.load(["fake", "acme"], conf, skip_faulty=True)) == ["fake"]


@pytest.mark.parametrize(
    ("raised", "place"),
    [
        ("@base.driver_periodic_task\n    def look(self, manager, context): pass", 6),
        ("@base.driver_periodic_task(spacing='60')\n    def look(self, manager, context): pass", 6),
        ("options = (cfg.IntOpt('timeout', defalt=5),)", 6),
    ],
)
def test_an_error_of_an_import_is_told_with_the_place_in_the_drivers_own_file(
    install: Install, raised: str, place: int
) -> None:
    install(source(raised))
    text = str(registry.find("acme"))
    assert text.startswith(f"{PACKAGE} cannot be imported: ")
    assert text.endswith(f" (acme_podium.py, line {place})")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (
            "@base.node_periodic_task(spaceing=60)\n    def look(self, node, manager, context): pass",
            "spacing",
        ),
        ("properties = {'a': base.Property('A.', requird=True)}", "required"),
        ("health = base.Health('OK', reason='hot')", "reasons"),
    ],
)
def test_a_misspelt_argument_is_told_with_its_place_and_the_nearest(
    install: Install, line: str, meant: str
) -> None:
    install(source(line))
    assert str(registry.find("acme")).endswith(f" (acme_podium.py, line 6); did you mean {meant}?")


@pytest.mark.parametrize("name", ["acme.rack", "acme rack", "-acme", "a" * 65, "acme:1", "acmé", "acme,b"])
def test_an_odd_name_is_refused_before_anything_is_imported(install: Install, name: str) -> None:
    install("raise SystemExit", name=name)
    assert str(registry.find(name)).endswith(
        ": its name is not made of up to 64 letters, digits, _ and -, a letter or digit first"
    )


@pytest.mark.parametrize("name", ["acme", "Acme-2", "3par", "acme_rack", "a" * 64])
def test_a_name_that_files_and_the_database_can_hold_is_none_of_these(name: str) -> None:
    assert declarations.name_fault(name) is None


def test_no_driver_can_have_the_name_of_an_option_or_a_group_of_the_config_file() -> None:
    groups = {group for group, _ in opts.list_opts()}
    options = {option.dest for _, listed in opts.list_opts()[:1] for option in listed}
    for name in {*groups, *options, "debug", "log_file", "Database", "default"}:
        assert "podium.conf has an option or a group of that name" in str(declarations.name_fault(name)), name


@pytest.mark.parametrize("name", ["acme", "not a name"])
def test_a_class_without_a_package_is_told_as_the_driver_it_is_to_be(conf: cfg.ConfigOpts, name: str) -> None:
    class Odd(FakeDriver):
        properties: Any = {"a": 1}

    with pytest.raises(errors.DriverLoadError, match=f"^driver {name}: "):
        registry.instance(name, Odd, conf)


def test_whatever_a_declaration_raises_is_a_fault() -> None:
    class Raises(dict[str, base.Property]):
        def items(self) -> Any:
            raise RuntimeError("no items today")

    class Odd(FakeDriver):
        properties = Raises()

    assert declarations.faults(Odd) == ["what it declares cannot be read: RuntimeError: no items today"]
