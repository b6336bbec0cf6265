"""The group [notifications]: the program and the webhooks that receive each power event."""

import shlex
from typing import Any
from urllib.parse import SplitResult, urlsplit

from oslo_config import cfg, types


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


def split(url: str) -> SplitResult:
    """Return the parts of a webhook's URL.

    :raises ValueError: if it is not a URL; the message quotes nothing of it, because it may contain secrets
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not a URL of http or https with a host")
    if not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        raise ValueError("it contains a blank, a # or a character that a URL must write as %XX")
    if parts.port == 0:  # the property itself refuses everything else that is not a port
        raise ValueError("there is no port 0")
    return parts


opts = [
    cfg.Opt(
        "exec",
        type=Program(),
        default="",
        sample_default="/usr/local/bin/on-power-event --quiet",
        help="Program that is run for each power event, with its arguments and without a shell. It reads the "
        "event as a CloudEvents 1.0 JSON document from standard input. Exit status 0 means that it has taken "
        "the event; otherwise it is run again, at growing gaps. Of several conductors "
        "with the same program one runs it, for the events of all. Empty for none.",
    ),
    cfg.Opt(
        "webhook_urls",
        type=types.List(WebhookUrl(), type_name="list of URLs that begin with http:// or https://"),
        default=[],
        sample_default="https://events.example.org/podium",
        secret=True,
        help="URLs to which each power event is sent with POST, as a CloudEvents 1.0 JSON document. An "
        "answer with a status of 200 to 299 means that the event was taken; otherwise it is sent again, at "
        "growing gaps. An event that is answered with another 4xx than 401, 403, 408, 425 and 429 for an "
        "hour is set aside. Of several conductors with the same URL one sends the events of all. Redirects "
        "are not followed. User and password in a URL are sent as basic authentication.",
    ),
    cfg.Opt(
        "webhook_token",
        type=types.String(regex=r"^[!-~]*$", type_name="token of letters, digits and signs, without blanks"),
        default="",
        secret=True,
        help="Token that is sent to each of webhook_urls without a user in it, as the header Authorization: "
        "Bearer TOKEN. Use https with it.",
    ),
    cfg.IntOpt(
        "timeout",
        default=10,
        min=1,
        max=600,
        help="Seconds that the program may run, or that a webhook may take to answer, for one event.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="notifications")
