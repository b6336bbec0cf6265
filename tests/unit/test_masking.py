"""No secret is shown, wherever it stands."""

import base64
import html
import json
import re
import traceback
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_utils import strutils

from podium import masking


@pytest.mark.parametrize(
    "name",
    [
        *("ipmi_password", "PASSWORD", "passwd", "adminPassword", "snmp_passphrase"),
        *("client_secret", "api_token", "token", "credentials"),
        *("key", "api_key", "key_file", "ssh-key", "ApiKey", "privateKey", "apikey", "private key"),
    ],
)
def test_a_name_tells_that_its_value_is_secret(name: str) -> None:
    assert masking.is_secret(name)


@pytest.mark.parametrize(
    "name", [*strutils._SANITIZE_KEYS, "ipmi_pasword", "snmp_community", "user_data", "pwd", "ipmi_pass"]
)
def test_what_openstack_hides_is_hidden_here_too(name: str) -> None:
    assert masking.is_secret(name)
    assert masking.may_hide(json.dumps({name: "x"}))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("https://root:******@bmc1/x", "https://root:hunter2@bmc1/x"),
        ("https://root:******@bmc1", "https://root:p@ss@bmc1"),
        ("see http://:******@a and http://b:1/", "see http://:x@a and http://b:1/"),
        ("https://bmc1:8443/@me", "https://bmc1:8443/@me"),
        ("http://[::1]:8000/x?a=b@c", "http://[::1]:8000/x?a=b@c"),
    ],
)
def test_a_password_in_an_address_is_masked_wherever_it_stands(shown: str, text: str) -> None:
    assert masking.mask({"a": [text]}) == {"a": [shown]}
    assert masking.may_hide(json.dumps([text])) or shown == text


def test_an_address_that_was_shown_without_its_password_stands_for_itself() -> None:
    known = {"url": "https://u:hunter2@a"}
    assert masking.restored(masking.mask(known), known) == known
    moved = masking.restored({"url": "https://u:******@b"}, known)
    assert list(masking.masked_places(moved)) == ["url"]


def test_a_text_is_shown_without_the_password_of_an_address() -> None:
    assert masking.scrub("login hunter2 failed", {"url": "https://u:hunter2@a"}) == "login ****** failed"


@pytest.mark.parametrize(
    "name",
    ["ipmi_address", "monkey", "keyboard", "turkey", "hockey_team", "compass", "communities", "bypass"],
)
def test_a_name_that_only_resembles_a_secret_is_shown(name: str) -> None:
    assert not masking.is_secret(name)


def test_the_other_values_are_shown_as_they_are() -> None:
    values = {"address": "bmc1", "port": 623, "password": "hunter2"}
    assert masking.mask(values) == {"address": "bmc1", "port": 623, "password": "******"}


def test_what_a_driver_declares_secret_is_masked_whatever_its_name() -> None:
    assert masking.mask({"ipmi_kg": "0x1234"}, frozenset({"ipmi_kg"})) == {"ipmi_kg": "******"}


@pytest.mark.parametrize("value", [1234, 0, False, ["a"], {"user": "hunter2"}])
def test_a_secret_of_any_kind_is_masked(value: object) -> None:
    assert masking.mask({"password": value}) == {"password": "******"}


@pytest.mark.parametrize("value", [None, ""])
def test_that_there_is_no_secret_is_shown(value: str | None) -> None:
    assert masking.mask({"password": value}) == {"password": value}


def test_secrets_are_masked_however_deep_they_lie() -> None:
    values = {"bmcs": [{"password": "hunter2"}, ({"kg": "k"},)], "login": {"token": "t", "user": "root"}}
    assert masking.mask(values, frozenset({"kg"})) == {
        "bmcs": [{"password": "******"}, [{"kg": "******"}]],
        "login": {"token": "******", "user": "root"},
    }


def test_masking_leaves_what_it_was_given_as_it_was() -> None:
    values = {"login": {"password": "hunter2"}}
    masking.mask(values)
    assert values == {"login": {"password": "hunter2"}}


def test_a_text_loses_every_secret_that_was_put_into_it() -> None:
    info = {"acme_password": "hunter2", "acme_kg": "beef", "acme_user": "root"}
    text = "login root:hunter2 refused (hunter2, beef)"
    assert masking.scrub(text, info, frozenset({"acme_kg"})) == "login root:****** refused (******, ******)"


def test_a_secret_that_begins_like_another_is_lost_to_the_end() -> None:
    assert masking.scrub("tried hunter2", {"password": "hunter", "token": "hunter2"}) == "tried ******"


def test_a_text_loses_every_one_of_more_secrets_than_it_has_letters() -> None:
    many = {"": [{"password": f"{number:05}"} for number in range(1000)]}
    scrubbed = masking.scrubber({**many, "password": "00017-and-more"})
    assert scrubbed("00999 00017-and-more 00999 01000") == "****** ****** ****** 01000"


def test_a_text_loses_secrets_that_lie_deeper() -> None:
    info = {"login": {"password": "hunter2"}, "others": [{"token": "swordfish"}], "password": ["sesame"]}
    assert masking.scrub("hunter2 swordfish sesame", info) == "****** ****** ******"


def test_a_number_can_be_a_secret() -> None:
    assert masking.scrub("pin 123456 refused", {"password": 123456}) == "pin ****** refused"


def test_a_secret_of_a_letter_or_two_does_not_make_the_text_unreadable() -> None:
    assert masking.scrub("no answer from bmc1", {"password": "a"}) == "no answer from bmc1"


@pytest.mark.parametrize("nothing", [None, True, ""])
def test_a_secret_that_was_not_given_takes_no_words_from_a_text(nothing: object) -> None:
    assert masking.scrub("None is True", {"password": nothing}) == "None is True"


def test_a_secret_is_lost_in_quotes_too() -> None:
    secret = "back\\slash"
    assert masking.scrub(f"bad value {secret!r}", {"password": secret}) == "bad value '******'"


def test_places_with_the_mask_instead_of_a_secret_are_found() -> None:
    values = {
        "address": "******",
        "pin": " ******\n",
        "hosts": [{"token": ["a", "******"]}, {"note": "******"}],
        "secret": {"user": "******"},
        "password": "a******",
    }
    assert list(masking.masked_places(values, frozenset({"pin"}))) == ["pin", "hosts.token", "secret.user"]


def _raised() -> Exception:
    """An error with a secret in itself, its note, its cause, and a group that came before."""
    try:
        try:
            raise ExceptionGroup("of hunter2", [KeyError("hunter2"), ValueError("fine")])
        except ExceptionGroup:
            try:
                raise OSError(5, "hunter2 did not work")
            except OSError as cause:
                error = ConnectionError("Basic root:hunter2")
                error.add_note("asked with hunter2")
                raise error from cause
    except ConnectionError as raised:
        return raised


def test_a_logged_traceback_shows_the_same_but_for_secrets() -> None:
    error = _raised()
    plain = "".join(traceback.format_exception(error))
    shown = masking.for_log(error, lambda text: text.replace("hunter2", masking.MASK))
    assert plain.count("hunter2") > 3
    code = re.compile(r"[ |]*(raise |error[. ])")  # its lines are shown as they are
    expected = [
        line if code.match(line) else line.replace("hunter2", masking.MASK) for line in plain.splitlines()
    ]
    assert "".join(traceback.format_exception(shown)).splitlines() == expected


def test_errors_that_refer_to_one_another_can_be_logged() -> None:
    one, other = ValueError("hunter2"), KeyError("hunter2")
    one.__context__, other.__context__ = other, one
    assert "hunter2" not in "".join(
        traceback.format_exception(masking.for_log(one, lambda text: text.replace("hunter2", "")))
    )


_NAMES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["Password", "admin_key", "privateKey", "monkey", "snmp_pin", "paſſword", "Kelvin\u212aey"]
    ),
)
_VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.none(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=4), st.booleans())
def test_nothing_is_hidden_of_what_may_be_shown_unread(values: dict[str, Any], ascii: bool) -> None:
    secret = frozenset({"snmp_pin"})
    if not masking.may_hide(json.dumps(values, ensure_ascii=ascii), secret):
        assert masking.mask(values, secret) == values


def test_most_texts_of_nodes_may_be_shown_unread() -> None:
    assert not masking.may_hide('{"vendor": "unknown", "memory_mb": 1024, "capabilities": "boot_mode:uefi"}')


@pytest.mark.parametrize("secret", ["swordfish", "a'b\"swordfish\\%d /&<", "pä🔑swordfishß\u2028"])
@pytest.mark.parametrize(
    "spelt",
    [
        str,
        repr,
        lambda text: repr(text.encode()),
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        html.escape,
        urllib.parse.quote,
        lambda text: urllib.parse.quote(text, safe=""),
        urllib.parse.quote_plus,
        lambda text: urllib.parse.quote(urllib.parse.quote(text)),
        lambda text: repr(repr(text)),
        lambda text: urllib.parse.urlencode({"x": [text]}),
        lambda text: json.dumps([repr({"x": text})]),
        lambda text: repr(json.dumps(json.dumps(text))),
    ],
)
def test_a_secret_is_hidden_however_it_is_spelt(secret: str, spelt: Callable[[str], str]) -> None:
    for values in ({"password": secret}, {"at": f"https://u:{urllib.parse.quote(secret, safe='')}@host"}):
        assert "swordfish" not in masking.scrub(f"it is {spelt(secret)}, no?", values)


@pytest.mark.parametrize("user", ["", "a", "ab", "abc"])
def test_a_secret_is_hidden_in_headers(user: str) -> None:
    header = base64.b64encode(f"{user}:swordfish".encode()).decode()
    hidden = masking.scrub(f"Authorization: Basic {header}", {"password": "swordfish"})
    assert masking.MASK in hidden
    assert header[6:-4] not in hidden
