"""The sinks of the config file: who is notified of what."""

from pathlib import Path

import pytest

from fakes import make_conf
from podium import errors
from podium.causes import SEVERITY
from podium.conductor.telling.sink_settings import NotificationSettings, SinkSettings
from podium.db import event_filters
from podium.db.event_filters import EventFilter

BUT_FIRST_READINGS = EventFilter(frozenset(SEVERITY) - {"first reading"})


def read(tmp_path: Path, text: str) -> tuple[SinkSettings, ...]:
    return NotificationSettings.read(make_conf(tmp_path, text)).sinks


def test_who_is_notified_comes_from_the_config_file(tmp_path: Path) -> None:
    text = (
        "[notifications]\nexec = /bin/notify --to 'the team'\nwebhook_urls = https://a/x, http://[::1]:80/\n"
        "webhook_token = t0k3n\ntimeout = 3\n"
    )
    webhooks = [
        SinkSettings(url=url, token="t0k3n", timeout=3.0, wanted=BUT_FIRST_READINGS)
        for url in ("https://a/x", "http://[::1]:80/")
    ]
    program = SinkSettings(program="/bin/notify --to 'the team'", timeout=3.0, wanted=BUT_FIRST_READINGS)
    assert read(tmp_path, text) == (program, *webhooks)


def test_nobody_is_notified_by_default(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()


def test_named_sinks_have_groups_of_their_own(tmp_path: Path) -> None:
    text = (
        "[notifications]\nsinks = pager, audit\nwebhook_urls = https://a/x\nmin_severity = warning\n"
        "[notifications_pager]\nurl = https://b/y\ntoken = t0k3n\ntimeout = 3\n"
        "causes = fault, failed request\nwhere = extra.rack=r1\n"
        "[notifications_audit]\nexec = /bin/audit\ncauses = all\n"
    )
    errors_of_rack = EventFilter(
        frozenset({"fault", "failed request"}), event_filters.where("extra.rack=r1"), False
    )
    assert read(tmp_path, text) == (
        SinkSettings(
            url="https://a/x", wanted=EventFilter(frozenset({"out-of-band", "failed request", "fault"}))
        ),
        SinkSettings(url="https://b/y", token="t0k3n", timeout=3.0, wanted=errors_of_rack, name="pager"),
        SinkSettings(program="/bin/audit", wanted=EventFilter(), name="audit"),
    )


def test_a_named_sink_is_known_by_its_name_whatever_it_is() -> None:
    sinks = SinkSettings(url="https://a/x"), SinkSettings(url="https://a/x", name="pager")
    assert list(NotificationSettings(sinks).subscriptions()) == ["https://a/x", "pager"]


def test_options_of_a_named_sink_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_NOTIFICATIONS__SINKS", "pager")
    monkeypatch.setenv("OS_NOTIFICATIONS_PAGER__URL", "https://b/y")
    (pager,) = read(tmp_path, "")
    assert (pager.name, pager.url) == ("pager", "https://b/y")


PAGER = "sinks = pager\n[notifications_pager]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exec = notify", "notify does not begin with /"),
        ("exec = /bin/notify 'the team", "No closing quotation"),
        ("webhook_urls = ftp://eva:s3cr3t@host/", "a secret, cannot be used: expected: list of URLs"),
        ("webhook_urls = https://eva:s3cr3t/x@host", "a secret, cannot be used: expected: list of URLs"),
        ("webhook_urls = https:///s3cr3t", "a secret, cannot be used: expected: list of URLs"),
        ("webhook_urls = https://host/s3cr3t#part", "a secret, cannot be used: expected: list of URLs"),
        ("webhook_urls = https://host:0/s3cr3t", "a secret, cannot be used: expected: list of URLs"),
        ("webhook_token = s3cr3t and more", "a secret, cannot be used: expected: token of letters"),
        ("timeout = 0", "timeout"),
        ("sinks = Pager", "'Pager' is not allowed; expected: list of names of up to 63 small letters"),
        ("sinks = a, b, a", "a is there twice; expected"),
        (f"{PAGER}url = ftp://eva:s3cr3t@host/", "[notifications_pager] url, a secret, cannot be used"),
        (f"{PAGER}token = s3cr3t and more", "[notifications_pager] token, a secret, cannot be used"),
        (f"{PAGER}causes = faults", "there is no cause 'faults'; did you mean fault?"),
        (f"{PAGER}causes = boot", "there is no cause 'boot'; there are request, enforced,"),
        (f"{PAGER}causes = fault, !request", "either all have it, or none"),
        (f"{PAGER}causes =", "name at least one cause, or all"),
        (f"{PAGER}min_severity = critical", "it is none of info, warning, error; write one of them"),
        (
            f"{PAGER}exec = /bin/x\nwhere = rack=r1",
            "[notifications_pager] where = rack=r1 cannot be used: there is no field rack",
        ),
        (
            "sinks = pager",
            "[notifications_pager] has neither exec nor url; give it one of them, or take pager",
        ),
        (f"{PAGER}exec = /bin/x\nurl = https://a/s3cr3t", "has both exec and url; make two sinks of it"),
        (
            f"{PAGER}exec = /bin/x\ncauses = request, recovery\nmin_severity = error",
            "[notifications_pager] causes (request, recovery) and min_severity = error leave none;"
            " events of severity error or worse have the causes failed request, fault",
        ),
        (
            "exec = /bin/x\ncauses = request\nmin_severity = error",
            "[notifications] causes (request) and min_severity = error leave none;",
        ),
        (
            "causes = fault\nmin_severity = error",
            "[notifications] causes, min_severity: without exec and webhook_urls this is for nothing; it"
            " belongs to the section of a sink",
        ),
        (
            f"causes = fault\n{PAGER}exec = /bin/x",
            "[notifications] causes: without exec and webhook_urls this is for nothing; it belongs to"
            " [notifications_pager]",
        ),
    ],
)
def test_a_wrong_option_is_refused_without_its_secrets(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(errors.ConfigError) as refusal:
        read(tmp_path, f"[notifications]\n{text}\n")
    assert told in str(refusal.value)
    assert "s3cr3t" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("all", frozenset(SEVERITY)),
        ("fault,out-of-band", {"fault", "out-of-band"}),
        ("!first reading, ! credentials", frozenset(SEVERITY) - {"first reading", "credentials"}),
    ],
)
def test_causes_are_some_or_all_but_some_or_all(tmp_path: Path, text: str, causes: frozenset[str]) -> None:
    (sink,) = read(tmp_path, f"[notifications]\nexec = /bin/x\ncauses = {text}\n")
    assert sink.wanted.causes == causes
