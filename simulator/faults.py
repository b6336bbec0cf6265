"""The faults of simulated BMCs, and their names."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from podium import errors
from podium.simulator import fault_values as values

IPMI: Final = "IPMI"
REDFISH: Final = "Redfish"


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one BMC; :data:`HEALTHY` has none.

    :param dead: whether it never answers
    :param slow: seconds by which its answers are late
    :param lossy: probability, 0 to 1, that a datagram in either direction is lost
    :param wrong_password: whether it has a different password
    :param session_table_full: whether it has no room for a new session
    :param forgets_after_commands: commands after which it forgets a session
    :param forgets_after_seconds: age in seconds at which it forgets a session
    :param stale: seconds after a switch for which it reports the old power state
    :param refuses: seconds after a power control for which it refuses the next one
    :param lies: whether it acknowledges power controls without carrying them out
    :param no_suite_17: the status that answers an Open Session Request for cipher suite 17; 0 for none
    :param slow_reset: seconds by which the answer to a reset is late
    :param busy: seconds for which it answers only 503 with Retry-After, in every other such span
    :param says_nobody: the form of its answer without a session, if not 401
    :param redirects_posts: the status that redirects each POST and DELETE to its path with a slash
    :param starts: seconds for which its service root is almost empty
    :param drops_events: seconds after which it closes an event stream
    :param password_refused: why it refuses a new password; empty if it accepts it
    :param password_reboots: seconds for which it is away after a change of its password
    :param password_form: the only form of a password that it accepts, 16 or 20 bytes; 0 for both
    :param boot_lies: whether it accepts a boot device and still boots from the old one
    :param boot_settings: whether it accepts a boot device only in a settings resource
    :param boot_mode_alone: whether it requires a separate request for the boot mode
    :param boot_whole: whether it requires target, mode and duration in one request
    :param boot_unlisted: whether it does not list its boot devices
    :param lacks: the parts for which it has no commands, of :data:`podium.simulator.fault_values.PARTS`
    :param no_boot_parameters: the boot option parameters that cannot be set
    :param slow_log: seconds by which answers about the log are late
    :param slow_erase: seconds that erasing the log takes
    :param clock_off: seconds by which the clock is ahead until it is set
    :param clock_drifts: seconds that the clock gains in an hour
    :param lockout: wrong logins in a row that lock an account; 0 for any number
    """

    dead: bool = False
    slow: float = 0.0
    lossy: float = 0.0
    wrong_password: bool = False
    session_table_full: bool = False
    forgets_after_commands: int | None = None
    forgets_after_seconds: float | None = None
    stale: float = 0.0
    refuses: float = 0.0
    lies: bool = False
    power_fault: bool = False
    cooling_fault: bool = False
    drive_fault: bool = False
    intrusion: bool = False
    self_test_failed: bool = False
    no_suite_17: int = 0
    blank_refusals: bool = False
    short_refusals: bool = False
    echoed_ids: bool = False
    zero_codes: bool = False
    zero_tags: bool = False
    zero_ids: bool = False
    open_privilege: bool = False
    short_passwords: bool = False
    no_lookup_bit: bool = False
    long_codes: bool = False
    wrong_checksums: bool = False
    trailing_bytes: bool = False
    operator_only: bool = False
    operator_session: bool = False
    no_sessions: bool = False
    no_events: bool = False
    no_etags: bool = False
    no_queries: bool = False
    old_sensors: bool = False
    false_etags: bool = False
    odd_resets: bool = False
    slow_reset: float = 0.0
    busy: int = 0
    half_closes: bool = False
    cuts: bool = False
    odd_texts: bool = False
    odd_json: bool = False
    odd_heads: bool = False
    says_nobody: str = ""
    cut_errors: bool = False
    cut_actions: bool = False
    wrong_lengths: bool = False
    redirects_posts: int = 0
    old_tls: bool = False
    absolute_links: bool = False
    relative_links: bool = False
    wrong_type: bool = False
    tasks: bool = False
    redirects: bool = False
    foreign_links: bool = False
    null_power: bool = False
    starts: float = 0.0
    no_systems_link: bool = False
    renamed: bool = False
    pages: bool = False
    short_lists: bool = False
    select_fails: bool = False
    slow_queries: bool = False
    expand_fails: bool = False
    filter_fails: bool = False
    odd_conditions: bool = False
    unasked_304: bool = False
    body_304: bool = False
    demands_etags: bool = False
    error_200: bool = False
    empty_bodies: bool = False
    null_health: bool = False
    lower_case: bool = False
    lying_resets: bool = False
    no_actions: bool = False
    event_silence: bool = False
    drops_events: float = 0.0
    no_accounts: bool = False
    password_silent: bool = False
    password_lost: bool = False
    password_refused: str = ""
    password_lies: bool = False
    password_truncates: bool = False
    password_reboots: float = 0.0
    password_ends_sessions: bool = False
    password_expired: bool = False
    password_form: int = 0
    boot_lies: bool = False
    boot_settings: bool = False
    boot_mode_alone: bool = False
    boot_whole: bool = False
    boot_unlisted: bool = False
    old_indicator: bool = False
    chassis_indicator: bool = False
    local_times: bool = False
    log_of_manager: bool = False
    log_newest_first: bool = False
    log_references: bool = False
    log_wordless: bool = False
    lockout: int = 0
    lockout_seconds: float = 0.0
    lacks: tuple[str, ...] = ()
    no_boot_parameters: tuple[int, ...] = ()
    boot_once: bool = False
    boot_bios: bool = False
    no_force_identify: bool = False
    no_reservations: bool = False
    reserved_entries: bool = False
    no_last_entry: bool = False
    odd_entry_ids: bool = False
    short_entries: bool = False
    log_loops: bool = False
    log_grows: bool = False
    log_shrinks: bool = False
    log_wraps: bool = False
    slow_log: float = 0.0
    slow_erase: float = 0.0
    clear_lies: bool = False
    clear_logged: bool = False
    clock_off: float = 0.0
    clock_unset: bool = False
    clock_drifts: float = 0.0
    clock_lies: bool = False
    clock_refuses: bool = False


HEALTHY: Final = Faults()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, as users write it.

    :param fields: the fields of :class:`Faults` that it sets
    :param value: a description of its value, for messages; None if it takes none
    :param parse: turns the value into fields of :class:`Faults`; raises ValueError for a bad value
    :param protocols: protocols of the BMCs that can have it
    """

    fields: tuple[str, ...]
    value: str | None = None
    parse: Callable[[str], dict[str, Any]] = lambda _: {}
    protocols: tuple[str, ...] = (IPMI, REDFISH)


_SECONDS: Final = "seconds, up to 3600"


def _lasting(field: str, *protocols: str) -> Kind:
    return Kind((field,), _SECONDS, values.in_seconds(field), protocols or (IPMI, REDFISH))


def _of_ipmi(field: str) -> Kind:
    return Kind((field,), protocols=(IPMI,))


def _of_redfish(field: str) -> Kind:
    return Kind((field,), protocols=(REDFISH,))


KINDS: Final[dict[str, Kind]] = {
    "dead": Kind(("dead",)),
    "slow": _lasting("slow"),
    "lossy": Kind(("lossy",), "a probability above 0, up to 1", values.lossy, (IPMI,)),
    "wrong-password": Kind(("wrong_password",)),
    "session-table-full": Kind(("session_table_full",)),
    "forgets-sessions": Kind(
        ("forgets_after_commands", "forgets_after_seconds"), "commands (20) or seconds (30s)", values.forgets
    ),
    "stale": _lasting("stale"),
    "refuses": _lasting("refuses"),
    "lies": Kind(("lies",)),
    "power-fault": Kind(("power_fault",)),
    "cooling-fault": Kind(("cooling_fault",)),
    "drive-fault": Kind(("drive_fault",)),
    "intrusion": Kind(("intrusion",)),
    "self-test-failed": _of_ipmi("self_test_failed"),
    "no-suite-17": Kind(("no_suite_17",), "a status from 01 to 12, in hexadecimal", values.status, (IPMI,)),
    "blank-refusals": _of_ipmi("blank_refusals"),
    "short-refusals": _of_ipmi("short_refusals"),
    "echoed-ids": _of_ipmi("echoed_ids"),
    "zero-codes": _of_ipmi("zero_codes"),
    "zero-tags": _of_ipmi("zero_tags"),
    "zero-ids": _of_ipmi("zero_ids"),
    "open-privilege": _of_ipmi("open_privilege"),
    "short-passwords": _of_ipmi("short_passwords"),
    "no-lookup-bit": _of_ipmi("no_lookup_bit"),
    "long-codes": _of_ipmi("long_codes"),
    "wrong-checksums": _of_ipmi("wrong_checksums"),
    "trailing-bytes": _of_ipmi("trailing_bytes"),
    "operator-only": _of_ipmi("operator_only"),
    "operator-session": _of_ipmi("operator_session"),
    "no-sessions": _of_redfish("no_sessions"),
    "no-events": _of_redfish("no_events"),
    "no-etags": _of_redfish("no_etags"),
    "no-queries": _of_redfish("no_queries"),
    "old-sensors": _of_redfish("old_sensors"),
    "false-etags": _of_redfish("false_etags"),
    "odd-resets": _of_redfish("odd_resets"),
    "slow-reset": _lasting("slow_reset", REDFISH),
    "busy": Kind(("busy",), "whole seconds, up to 3600", values.busy, (REDFISH,)),
    "half-closes": _of_redfish("half_closes"),
    "cuts": _of_redfish("cuts"),
    "odd-texts": _of_redfish("odd_texts"),
    "odd-json": _of_redfish("odd_json"),
    "odd-heads": _of_redfish("odd_heads"),
    "says-nobody": Kind(("says_nobody",), f"one of {', '.join(values.NOBODY)}", values.nobody, (REDFISH,)),
    "cut-errors": _of_redfish("cut_errors"),
    "cut-actions": _of_redfish("cut_actions"),
    "wrong-lengths": _of_redfish("wrong_lengths"),
    "redirects-posts": Kind(("redirects_posts",), "301, 302, 307 or 308", values.redirects, (REDFISH,)),
    "old-tls": _of_redfish("old_tls"),
    "absolute-links": _of_redfish("absolute_links"),
    "relative-links": _of_redfish("relative_links"),
    "wrong-type": _of_redfish("wrong_type"),
    "tasks": _of_redfish("tasks"),
    "redirects": _of_redfish("redirects"),
    "foreign-links": _of_redfish("foreign_links"),
    "null-power": _of_redfish("null_power"),
    "starts": _lasting("starts", REDFISH),
    "no-systems-link": _of_redfish("no_systems_link"),
    "renamed": _of_redfish("renamed"),
    "pages": _of_redfish("pages"),
    "short-lists": _of_redfish("short_lists"),
    "select-fails": _of_redfish("select_fails"),
    "slow-queries": _of_redfish("slow_queries"),
    "expand-fails": _of_redfish("expand_fails"),
    "filter-fails": _of_redfish("filter_fails"),
    "odd-conditions": _of_redfish("odd_conditions"),
    "unasked-304": _of_redfish("unasked_304"),
    "body-304": _of_redfish("body_304"),
    "demands-etags": _of_redfish("demands_etags"),
    "error-200": _of_redfish("error_200"),
    "empty-bodies": _of_redfish("empty_bodies"),
    "null-health": _of_redfish("null_health"),
    "lower-case": _of_redfish("lower_case"),
    "lying-resets": _of_redfish("lying_resets"),
    "no-actions": _of_redfish("no_actions"),
    "event-silence": _of_redfish("event_silence"),
    "drops-events": _lasting("drops_events", REDFISH),
    "no-accounts": _of_redfish("no_accounts"),
    "boot-lies": Kind(("boot_lies",)),
    "boot-settings": _of_redfish("boot_settings"),
    "boot-mode-alone": _of_redfish("boot_mode_alone"),
    "boot-whole": _of_redfish("boot_whole"),
    "boot-unlisted": _of_redfish("boot_unlisted"),
    "old-indicator": _of_redfish("old_indicator"),
    "chassis-indicator": _of_redfish("chassis_indicator"),
    "log-of-manager": _of_redfish("log_of_manager"),
    "log-newest-first": _of_redfish("log_newest_first"),
    "log-references": _of_redfish("log_references"),
    "log-wordless": _of_redfish("log_wordless"),
    "local-times": _of_redfish("local_times"),
    "password-silent": Kind(("password_silent",)),
    "password-lost": Kind(("password_lost",)),
    "password-refused": Kind(
        ("password_refused",),
        f"one of {', '.join(values.REASONS)}, or a completion code in hexadecimal",
        values.refusal,
    ),
    "password-lies": Kind(("password_lies",)),
    "password-truncates": Kind(("password_truncates",)),
    "password-reboots": _lasting("password_reboots"),
    "password-ends-sessions": Kind(("password_ends_sessions",)),
    "password-expired": _of_redfish("password_expired"),
    "password-form": Kind(("password_form",), "16 or 20", values.form, (IPMI,)),
    "lockout": Kind(
        ("lockout", "lockout_seconds"), "wrong logins (3), also with seconds (3/60s)", values.lockout
    ),
    "lacks": Kind(("lacks",), f"some of {', '.join(values.PARTS)} (log,clock)", values.lacks),
    "no-boot-parameters": Kind(
        ("no_boot_parameters",), "numbers from 0 to 6 (0,3,4)", values.boot_parameters, (IPMI,)
    ),
    "boot-once": _of_ipmi("boot_once"),
    "boot-bios": _of_ipmi("boot_bios"),
    "no-force-identify": _of_ipmi("no_force_identify"),
    "no-reservations": _of_ipmi("no_reservations"),
    "reserved-entries": _of_ipmi("reserved_entries"),
    "no-last-entry": _of_ipmi("no_last_entry"),
    "odd-entry-ids": _of_ipmi("odd_entry_ids"),
    "short-entries": _of_ipmi("short_entries"),
    "log-loops": _of_ipmi("log_loops"),
    "log-grows": Kind(("log_grows",)),
    "log-shrinks": _of_ipmi("log_shrinks"),
    "log-wraps": Kind(("log_wraps",)),
    "slow-log": _lasting("slow_log"),
    "slow-erase": _lasting("slow_erase", IPMI),
    "clear-lies": Kind(("clear_lies",)),
    "clear-logged": Kind(("clear_logged",)),
    "clock-off": Kind(("clock_off",), "seconds that it is ahead (3600) or behind (-3600)", values.clock_off),
    "clock-unset": Kind(("clock_unset",)),
    "clock-drifts": Kind(("clock_drifts",), "seconds in an hour, up to 3600 (-5)", values.clock_drifts),
    "clock-lies": Kind(("clock_lies",)),
    "clock-refuses": Kind(("clock_refuses",)),
}


@dataclass(frozen=True, slots=True)
class Change:
    """The appearance or end of a kind of fault: new values for fields of :class:`Faults`."""

    kind: str
    fields: dict[str, Any]

    def apply(self, faults: Faults) -> Faults:
        """Return the faults of a BMC after the change."""
        changed = replace(faults, **self.fields)
        return HEALTHY if changed == HEALTHY else changed


def parse_fault(text: str) -> Change:
    """Read ``KIND`` or ``KIND=VALUE``.

    :raises podium.errors.ConfigError: for an unknown kind or a bad value; the message lists those that exist
    """
    name, equals, value = text.partition("=")
    kind = _kind(name)
    if kind.value is None:
        if equals:
            raise errors.ConfigError(f"the fault {name} takes no value, but {value!r} was given")
        return Change(name, dict.fromkeys(kind.fields, True))
    try:
        return Change(name, kind.parse(value))
    except ValueError:
        raise errors.ConfigError(f"{text!r}: {name} takes {kind.value}, as {name}=VALUE") from None


def parse_clear(name: str) -> Change:
    """Return the change that removes a kind of fault, or every kind for ``all``.

    :raises podium.errors.ConfigError: with the kinds that exist
    """
    kind, equals, _ = name.partition("=")
    if equals and kind in KINDS:
        raise errors.ConfigError(f"{kind} is cleared without its value: clear {kind}")
    fields = Faults.__dataclass_fields__ if name == "all" else _kind(name).fields
    return Change(name, {field: getattr(HEALTHY, field) for field in fields})


def _kind(name: str) -> Kind:
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS)}"
        raise errors.ConfigError(f"there is no fault {name!r}; {hint}")
    return KINDS[name]


def parse_placed(text: str) -> tuple[Change, str]:
    """Read ``KIND[=VALUE]:WHERE``. :func:`podium.simulator.selection.select` reads WHERE.

    :raises podium.errors.ConfigError: if it does not have that form
    """
    fault, colon, where = text.partition(":")
    change = parse_fault(fault)
    if not colon or not where:
        raise errors.ConfigError(f"the fault {text!r} does not say where: give KIND[=VALUE]:WHERE (dead:10%)")
    return change, where
