"""Checks a driver without its hardware, for the contract and for ``podium driver check``.

A check takes a driver that was not started, and yields one line for each finding.
"""

import contextlib
import inspect
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from oslo_config import cfg

from podium import errors, masking, states
from podium.drivers import additions, base, declarations, signatures
from podium.testing import watch
from podium.testing.making import make_node

Check = Callable[[base.Driver], Iterator[str]]

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "get_power_state": ("node",),
    "set_power_state": ("node", "target"),
    "inject_nmi": ("node",),
    "validate": ("node",),
    "identity": ("node",),
    "endpoint": ("node",),
    "close": (),
}
#: How an identity begins, such as ``acme:``.
_OWN_WORD: Final = re.compile(r"[a-z][a-z0-9_.+-]*:")
#: Names of properties that hold a host's name or address, and two spellings of one host name.
_PLACE: Final = re.compile(r"(?:^|_)(?:address|host|hostname)$")
_HOST_NAMES: Final = ("podium.example", "PODIUM.example")
_SECRET: Final = "Xyzzy-Plugh-40"  # a word that nothing else contains, to search errors and log lines for


def enforce(findings: Iterator[str]) -> None:
    """:raises AssertionError: with all findings, when there are any"""
    text = "\n".join(findings)
    if text:
        raise AssertionError(text)


def described(driver: base.Driver) -> Iterator[str]:
    """The class has a docstring, whose first line ``podium driver list`` shows."""
    if not (type(driver).__doc__ or "").strip().partition("\n")[0].strip():
        yield f"class {type(driver).__qualname__} has no docstring, whose first line is its description"


def declarations_usable(driver: base.Driver) -> Iterator[str]:
    """The driver's declarations can be used; otherwise the conductor would not load the driver."""
    yield from declarations.faults(driver)


def properties_documented(driver: base.Driver) -> Iterator[str]:
    """Every property has a lowercase identifier as its name, one line of help, and no invalid default."""
    for key, declared in driver.properties.items():
        if not isinstance(declared, base.Property):
            continue  # reported by declarations_usable
        if not (key.isidentifier() and key == key.lower()):
            yield f"property {key} is not a lowercase identifier"
        if not declared.help.strip() or "\n" in declared.help:
            yield f"property {key} has no help of one line"
        if declared.required and declared.default is not None:
            yield f"property {key} is required and has a default, which is never used"
        if declared.default is not None:
            try:
                declared.type(declared.default)
            except Exception as error:
                yield f"property {key}: its type refuses its default with {type(error).__name__}"


def secrets_marked(driver: base.Driver) -> Iterator[str]:
    """A property or option that is named like a secret is declared as a secret, so that nothing shows it."""
    for key, declared in driver.properties.items():
        if masking.is_secret(key) and not getattr(declared, "secret", True):
            yield f"property {key} is named like a secret; declare it with secret=True"
    for option in _options(driver):
        if masking.is_secret(option.name) and not option.secret:
            yield f"option {option.name} is named like a secret; declare it with secret=True"


def options_documented(driver: base.Driver) -> Iterator[str]:
    """Every option has a help text, for the sample config file."""
    for option in _options(driver):
        if not (option.help or "").strip():
            yield f"option {option.name} has no help"


def power_states_known(driver: base.Driver) -> Iterator[str]:
    """``supported_power_states`` has only targets of ``set_power_state``, and at least one."""
    supported = driver.supported_power_states
    if not supported:
        yield f"supported_power_states is {supported!r}, not a tuple of words from podium.states"
    for target in supported:
        if target in states.ACTIONS - states.BESIDE_POWER - states.TARGETS:
            yield f"supported_power_states has {target!r}, not one of {', '.join(sorted(states.TARGETS))}"


def signatures_fit(driver: base.Driver) -> Iterator[str]:
    """Every method can be called as the conductor calls it."""
    for name, arguments in _ARGUMENTS.items():
        yield from _misfits(getattr(driver, name), name, arguments)
    for name in additions.METHODS:  # declarations_usable checks their arguments
        if additions.uses(type(driver), name):
            yield from _yields(getattr(driver, name), name)


def tasks_fit(driver: base.Driver) -> Iterator[str]:
    """No periodic task is a generator; :func:`declarations_usable` checks their arguments."""
    for task, method in base.periodic_tasks(driver):
        yield from _yields(method, f"periodic task {task.name}")


def abilities_whole(driver: base.Driver) -> Iterator[str]:
    """If an ability needs several methods, the driver has all of them."""
    own = type(driver)
    methods = dict.fromkeys(name for needed in base.ABILITIES.values() for name in needed)
    has = {name for name in methods if getattr(own, name) is not getattr(base.Driver, name)}
    used = {name for word, needed in base.ABILITIES.items() if base.can(driver, word) for name in needed}
    for name in methods:
        if name in has - used and additions.uses(own, name):
            missing = next(
                [one for one in needed if one not in has]
                for needed in base.ABILITIES.values()
                if name in needed
            )
            yield f"{name} is never called without {', '.join(missing) or 'login'}"


def actions_fit(driver: base.Driver) -> Iterator[str]:
    """No action is a generator or takes a secret; :func:`declarations_usable` checks everything else."""
    for action in base.driver_actions(driver).values():
        yield from _yields(getattr(driver, action.method), f"action {action.name}")
        for argument in action.arguments:
            if masking.is_secret(argument.name):
                yield (
                    f"action {action.name} takes {argument.name}, which is named like a secret: what an"
                    " action is given is shown and recorded"
                )


def empty_driver_info_refused(driver: base.Driver) -> Iterator[str]:
    """If a property is required, a node without it is refused with InvalidDriverInfo."""
    error, tried = _validate(driver, make_node(driver.name))
    if tried:
        return  # reported by validate_does_no_input_output
    required = [key for key, declared in driver.properties.items() if getattr(declared, "required", False)]
    if error is None and required:
        yield f"validate accepts a node without {', '.join(required)}"
    if error is not None and not isinstance(error, errors.InvalidDriverInfo):
        yield f"validate raises {type(error).__name__} for an empty driver_info, not InvalidDriverInfo"


def validate_does_no_input_output(driver: base.Driver, node: base.Node | None = None) -> Iterator[str]:
    """``validate`` does no input or output: ``podium node create`` calls it without access to hardware.

    :param node: a valid node; by default a node with some text in each required property
    """
    tried: list[str] = []
    for one in (make_node(driver.name), node or _filled(driver)):
        tried += _validate(driver, one)[1]
    for place in dict.fromkeys(tried):
        yield f"validate does input or output: {place}"


def secrets_kept(driver: base.Driver, node: base.Node | None = None) -> Iterator[str]:
    """No error or log line of ``validate`` shows the value of a secret property.

    :param node: as for :func:`validate_does_no_input_output`
    """
    valid = (node or _filled(driver)).driver_info
    for key, declared in driver.properties.items():
        if not getattr(declared, "secret", False):
            continue
        for wrong in (_SECRET, _SECRET * 50, [_SECRET], {"value": _SECRET}):
            with _logged() as lines:
                error, _ = _validate(driver, make_node(driver.name, {**valid, key: wrong}))
            if error is not None and _SECRET in "".join(traceback.format_exception(error)):
                yield f"validate shows the value of {key} in its error"
                break
            if any(_SECRET in line for line in lines):
                yield f"validate shows the value of {key} in the log"
                break


def identity_names_the_machine(driver: base.Driver, node: base.Node | None = None) -> Iterator[str]:
    """``identity`` depends on ``driver_info`` alone, but not on its secrets, and does no input or output.

    :param node: as for :func:`validate_does_no_input_output`
    """
    one = node or _filled(driver)
    faults, answers = _named_alone(driver, "identity", one)
    yield from faults
    for named in answers:
        if named is not None:
            yield from _misnamed(driver, named)
        yield from _dependent(driver, one, named)


def endpoint_names_what_is_spoken_to(driver: base.Driver, node: base.Node | None = None) -> Iterator[str]:
    """``endpoint`` returns a text, depends on ``driver_info`` alone, and does no input or output.

    :param node: as for :func:`validate_does_no_input_output`
    """
    one = node or _filled(driver)
    if base.reads_together(driver) and type(driver).endpoint is base.Driver.endpoint:
        yield "get_power_states reads the nodes of one endpoint, and endpoint is not defined: each is its own"
    faults, answers = _named_alone(driver, "endpoint", one)
    yield from faults
    for named in answers:
        if not _is_name(named):
            yield f"endpoint returns {named!r}, which is not a text without blanks"
        if any(driver.endpoint(other) != named for other in (one, _elsewhere(driver, one))):
            yield "endpoint is not the same for the same driver_info: it must not follow from anything else"


def _named_alone(driver: base.Driver, method: str, one: base.Node) -> tuple[list[str], list[Any]]:
    """Call a method that must do no input or output. Return its faults and, without faults, its answer."""
    ask = getattr(driver, method)
    # Other checks report a method that cannot be called: declarations_usable, signatures_fit. The method is
    # not called for an invalid node.
    if inspect.iscoroutinefunction(ask) or any(_misfits(ask, method, ("node",))) or _validate(driver, one)[0]:
        return [], []
    with watch.no_input_output() as tried:
        try:
            named = ask(one)
        except Exception:
            if not tried:
                raise
            named = None
    faults = [
        f"{method} {'looks up a name' if watch.looks_up(place) else 'does input or output'}: {place}"
        for place in dict.fromkeys(tried)
    ]
    return faults, [] if faults else [named]


def _elsewhere(driver: base.Driver, one: base.Node) -> base.Node:
    """The same node, with the same uuid and driver_info, but other values in other fields."""
    fields = {"power_state": states.POWER_ON, "properties": {"model": "A-17"}, "extra": {"a": "b"}}
    return make_node(driver.name, one.driver_info, uuid=one.uuid, name=f"{one.name}-2", **fields)


def _is_name(named: Any) -> bool:
    return isinstance(named, str) and named.isprintable() and named.split() == [named]


def _misnamed(driver: base.Driver, named: Any) -> Iterator[str]:
    if not _is_name(named):
        yield f"identity returns {named!r}, which is neither None nor a text without blanks"
    elif not _OWN_WORD.match(named):
        yield (
            f"identity returns {named!r}, which does not begin with a word of the driver's own:"
            f" {driver.name}:{named}"
        )


def _dependent(driver: base.Driver, one: base.Node, named: str | None) -> Iterator[str]:
    """Yield a finding for each thing that ``identity`` must not depend on, but does."""
    other_machine = replace(_elsewhere(driver, one), uuid=make_node(driver, name="node2").uuid)
    for other in (one, other_machine):
        if driver.identity(other) != named:
            yield "identity is not the same for the same driver_info: it must not follow from anything else"
            return
    for key, declared in driver.properties.items():
        if getattr(declared, "secret", False):
            changed = make_node(driver.name, {**one.driver_info, key: _SECRET})
            if _validate(driver, changed)[0] is None and driver.identity(changed) != named:
                yield f"identity changes with the secret {key}: it is saved and shown, and must not hold it"
        elif _PLACE.search(key):
            written = [make_node(driver.name, {**one.driver_info, key: name}) for name in _HOST_NAMES]
            if any(_validate(driver, place)[0] for place in written):
                continue
            if len({driver.identity(place) for place in written}) > 1:
                yield (
                    f"identity changes with the case of {key}: {' and '.join(_HOST_NAMES)} are one host,"
                    " whose name belongs into it in lower case"
                )


#: Every check that needs neither hardware nor a valid node, by its name.
STATIC: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        described,
        declarations_usable,
        properties_documented,
        secrets_marked,
        options_documented,
        power_states_known,
        signatures_fit,
        tasks_fit,
        abilities_whole,
        actions_fit,
        empty_driver_info_refused,
        validate_does_no_input_output,
        secrets_kept,
        identity_names_the_machine,
        endpoint_names_what_is_spoken_to,
    )
}


def findings(driver: base.Driver) -> Iterator[str]:
    """Yield one line for each fault that is found without the driver's hardware."""
    for name, check in STATIC.items():
        try:
            yield from check(driver)
        except (Exception, SystemExit) as error:
            yield f"{name} cannot be checked: {errors.one_line(error)}"


def _options(driver: base.Driver) -> list[cfg.Opt]:
    return [option for option in type(driver).options if isinstance(option, cfg.Opt)]


def _misfits(method: Callable[..., Any], name: str, arguments: tuple[str, ...]) -> Iterator[str]:
    if fault := signatures.misfit(method, arguments):
        yield f"{name} {fault}"
    yield from _yields(method, name)


def _yields(method: Callable[..., Any], name: str) -> Iterator[str]:
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        yield f"{name} is a generator: it has a yield, and calling it does nothing"


def _validate(driver: base.Driver, node: base.Node) -> tuple[Exception | None, list[str]]:
    """The error of ``validate``, and the input and output that it tried."""
    if inspect.iscoroutinefunction(driver.validate) or any(_misfits(driver.validate, "validate", ("node",))):
        return errors.InvalidDriverInfo("reported by declarations_usable or signatures_fit"), []
    with watch.no_input_output() as tried:
        try:
            driver.validate(node)
        except Exception as error:
            return error, tried
    return None, tried


def _filled(driver: base.Driver) -> base.Node:
    required = [key for key, declared in driver.properties.items() if getattr(declared, "required", False)]
    return make_node(driver.name, dict.fromkeys(required, "1"))


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect the lines that any logger writes inside the ``with``."""
    handler = _Lines()
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
