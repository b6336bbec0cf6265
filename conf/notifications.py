"""The group [notifications]: the program and the webhooks that receive power events, and the named sinks.

Each named sink has its own group, see :mod:`podium.conf.sinks`.
"""

import shlex
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from oslo_config import cfg, types

from podium.causes import SEVERITIES, SEVERITY
from podium.conf.default import Word
from podium.wording import nearest

#: The group of a named sink is called by this prefix and the sink's name.
PREFIX: Final = "notifications_"
_ALL: Final = "all"


class Program(types.String):
    """The path of a program and its arguments; empty for none."""

    def __init__(self) -> None:
        super().__init__(
            type_name="path of a program, beginning with /, and its arguments as a shell takes them"
        )

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value)).strip()
        argv = shlex.split(text)
        if argv and not argv[0].startswith("/"):
            raise ValueError(f"{argv[0]} does not begin with /")
        return text


class WebhookUrl(types.String):
    """The URL of a webhook."""

    def __init__(self) -> None:
        super().__init__(type_name="URL that begins with http:// or https:// and names a host")

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value))
        split(text)
        return text


class Causes(types.List):
    """Causes of events: some, all but some, or all. The value lists the causes that are selected."""

    def __init__(self) -> None:
        super().__init__(type_name="list of causes, or of those to leave out with a ! before each, or all")

    def __call__(self, value: Any) -> list[str]:
        given: list[str] = super().__call__(value)
        if given == [_ALL]:
            return [*SEVERITY]
        if not given:
            raise ValueError("name at least one cause, or all")
        names = [one.removeprefix("!").strip() for one in given]
        for name in names:
            if name not in SEVERITY:
                near = nearest(name, SEVERITY)
                hint = f"did you mean {near}?" if near else f"there are {', '.join(SEVERITY)}"
                raise ValueError(f"there is no cause {name[:80]!r}; {hint}")
        are_left_out = {one.startswith("!") for one in given}
        if len(are_left_out) > 1:
            raise ValueError("some causes have a ! before them and some do not; either all have it, or none")
        return [one for one in SEVERITY if (one in names) != (True in are_left_out)]


class _Names(types.List):
    """Names of sinks, without duplicates."""

    def __init__(self) -> None:
        name = Word(r"[a-z0-9][a-z0-9_-]{0,62}", "name")
        super().__init__(name, type_name="list of names of up to 63 small letters, digits, _ and -")

    def __call__(self, value: Any) -> list[str]:
        names: list[str] = super().__call__(value)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is there twice")
        return names


def split(url: str) -> SplitResult:
    """Return the parts of a webhook's URL.

    :raises ValueError: if it is not a URL; the message quotes nothing of it, because it may contain secrets
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not a URL of http or https with a host")
    if not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        raise ValueError("it contains a blank, a # or a character that a URL must write as %XX")
    if parts.port == 0:  # the property itself refuses all other invalid ports
        raise ValueError("there is no port 0")
    return parts


#: How programs and webhooks are run, for the help of options.
RUN: Final = (
    "It reads the event as a CloudEvents 1.0 JSON document from standard input. Exit status 0 means that it "
    "has taken the event; otherwise it is run again, at growing gaps."
)
SENT: Final = (
    "An answer with a status of 200 to 299 means that the event was taken; otherwise it is sent again, at "
    "growing gaps. An event that is answered with another 4xx than 401, 403, 408, 425 and 429 for an hour is "
    "set aside. Redirects are not followed."
)


TOKEN: Final = types.String(regex=r"^[!-~]*$", type_name="token of letters, digits and signs, without blanks")
TIMEOUT: Final = cfg.IntOpt(
    "timeout",
    default=10,
    min=1,
    max=600,
    help="Seconds that the program may run, or that a webhook may take to answer, for one event.",
)


_SEVERITIES: Final = [
    ("info", "what was wanted, and what is well again"),
    ("warning", "what nobody asked Podium for"),
    ("error", "what a person has to look at"),
]


def filters(of: str) -> Iterable[cfg.Opt]:
    """Return the options that select the events of a sink.

    :param of: the receiver, in words for people
    """
    return (
        cfg.Opt(
            "causes",
            type=Causes(),
            default=["!first reading"],
            mutable=True,
            help=f"Causes of the events that go to {of}: a list such as fault,failed request, or all but "
            "some, such as !first reading,!credentials, or all. The causes, by the severity of their events: "
            f"{'; '.join(f'{severity}: {_of(severity)}' for severity in SEVERITIES)}.",
        ),
        cfg.StrOpt(
            "min_severity",
            default=SEVERITIES[0],
            choices=_SEVERITIES,
            mutable=True,
            help="Severity below which events are left out, whatever their cause.",
        ),
        cfg.StrOpt(
            "where",
            mutable=True,
            sample_default="extra.rack=r1 and conductor_group=east",
            help="Conditions that the event's node meets when the event is delivered, in the words of podium "
            "node list --where. A node that is deleted meets none. By default events of all nodes.",
        ),
    )


def _of(severity: str) -> str:
    return ", ".join(cause for cause, its in SEVERITY.items() if its == severity)


opts = [
    cfg.Opt(
        "sinks",
        type=_Names(),
        default=[],
        sample_default="pager,audit",
        help="Names of further receivers of events, each with a section of its own: [notifications_pager] "
        "for pager. What a sink has received is known by its name.",
    ),
    cfg.Opt(
        "exec",
        type=Program(),
        default="",
        sample_default="/usr/local/bin/on-power-event --quiet",
        help="Program that is run for each power event, with its arguments and without a shell. "
        f"{RUN} Of several conductors with the same program one runs it, for the events of all. Empty for "
        "none.",
    ),
    cfg.Opt(
        "webhook_urls",
        type=types.List(WebhookUrl(), type_name="list of URLs that begin with http:// or https://"),
        default=[],
        sample_default="https://events.example.org/podium",
        secret=True,
        help=f"URLs to which each power event is sent with POST, as a CloudEvents 1.0 JSON document. {SENT} "
        "Of several conductors with the same URL one sends the events of all. User and password in a URL are "
        "sent as basic authentication.",
    ),
    cfg.Opt(
        "webhook_token",
        type=TOKEN,
        default="",
        secret=True,
        help="Token that is sent to each of webhook_urls without a user in it, as the header Authorization: "
        "Bearer TOKEN. Use https with it.",
    ),
    TIMEOUT,
    *filters("exec and webhook_urls"),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="notifications")
