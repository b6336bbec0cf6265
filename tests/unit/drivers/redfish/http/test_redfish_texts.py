"""JSON as firmware writes it: what is meant is understood, and what could mean two things is refused."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.drivers.redfish.http import texts
from rounds import ROUNDS

ON = b'"PowerState": "On"'

UNDERSTOOD = {
    "bytes that are no UTF-8": (b'{"SerialNumber": "\xff\xfe12\xe9", ' + ON + b"}", "\ufffd\ufffd12\ufffd"),
    "a byte that begins a longer letter": (b'{"SerialNumber": "\xe9", ' + ON + b"}", "\ufffd"),
    "erased flash": (b'{"SerialNumber": "' + b"\xff" * 32 + b'", ' + ON + b"}", "\ufffd" * 32),
    "raw controls": (
        b'{"SerialNumber": "a\tb\x01c\x00d\x1fe\x7f\n", ' + ON + b"}",
        "a\tb\x01c\x00d\x1fe\x7f\n",
    ),
    "a path of Windows": (
        b'{"SerialNumber": "C:\\Program \\x41 \\u12", ' + ON + b"}",
        "C:\ufffdrogram \ufffd41 \ufffd12",
    ),
    "NaN": (b'{"SerialNumber": nan, ' + ON + b"}", None),
    "infinity": (b'{"SerialNumber": -inf, ' + ON + b"}", None),
    "Windows' NaN": (b'{"SerialNumber": -1.#IND, ' + ON + b"}", None),
    "a hexadecimal number": (b'{"SerialNumber": 0x1F, ' + ON + b"}", None),
    "leading zeros": (b'{"SerialNumber": 007, ' + ON + b"}", None),
    "Python's words": (b'{"SerialNumber": None, ' + ON + b"}", None),
    "no value": (b'{"SerialNumber": , ' + ON + b"}", None),
    "no value at the end": (b"{" + ON + b', "SerialNumber": }', None),
    "commas at the end": (b'{"SerialNumber": [1, 2,], ' + ON + b",\r\n}", [1, 2]),
    "commas too many": (b'{"SerialNumber": [1,,2],, ,' + ON + b",,}", [1, 2]),
    "NUL behind it": (b'{"SerialNumber": "1", ' + ON + b"}\0", "1"),
    "many NULs behind it": (b'{"SerialNumber": "1", ' + ON + b"}\0\0\0\0", "1"),
    "an old buffer behind NUL": (b'{"SerialNumber": "1", ' + ON + b'}\0"PowerState": "Off"}', "1"),
    "odd space behind it": (
        b'{"SerialNumber": "1", ' + ON + b"}\r\n\x0b\x0c\x1a\xff\xc2\xa0\xef\xbb\xbf",
        "1",
    ),
    "odd values and NUL": (b'{"SerialNumber": nan, ' + ON + b"}\xff\0", None),
    "a mark of byte order": (b'\xef\xbb\xbf{"SerialNumber": "1", ' + ON + b"}", "1"),
    "marks and space before it": (b'\xef\xbb\xbf \r\n\0\xef\xbb\xbf{"SerialNumber": "1", ' + ON + b"}", "1"),
    "UTF-16": ('\ufeff{"SerialNumber": "ü", "PowerState": "On"}'.encode("utf-16-le"), "ü"),
}

REFUSED = {
    "nothing": b"",
    "NUL": b"\0\0",
    "half": b"{" + ON,
    "half a text": b'{"PowerState": "O',
    "two objects": b"{" + ON + b'}{"PowerState": "Off"}',
    "two objects on two lines": b"{" + ON + b'}\n{"PowerState": "Off"}',
    "words behind it": b"{" + ON + b"} Off",
    "names without quotes": b'{PowerState: "On"}',
    "quotes of another kind": b"{'PowerState': 'On'}",
    "a quote within a text": b'{"SerialNumber": "19" rack", ' + ON + b"}",
    "a text that ends with a backslash": b'{"SerialNumber": "C:\\", ' + ON + b"}",
    "no comma": b'{"SerialNumber": "1" ' + ON + b"}",
    "NUL between": b"{\0" + ON + b"}",
    "a page": b"<html>200 OK</html>",
}


@pytest.mark.parametrize(("body", "serial"), UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_only_the_odd_property_is_damaged(body: bytes, serial: Any) -> None:
    assert texts.loads(body) == {"SerialNumber": serial, "PowerState": "On"}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_could_mean_two_things_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        texts.loads(body)


@pytest.mark.parametrize(
    "word", [b"On", b'"On\xff"', b'"On\0"', b'"\\On"', b'"O\\n"', b'"\xffOn"', b'"On\x01"']
)
def test_a_damaged_power_state_is_none(word: bytes) -> None:
    assert texts.loads(b'{"PowerState": ' + word + b"}\0")["PowerState"] != "On"


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 1_000_000,
        b" " * 2_000_000,
        b"nan," * 500_000,
        b'{"a":"' + b"\\" * 250_000,
        b",  " * 80_000,
    ]
    + [b"[nan" * 60_000],
)
def test_what_is_long_and_senseless_is_refused_all_the_same(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        texts.loads(body)


@settings(max_examples=200 * ROUNDS)
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.floats() | st.none()),
    st.binary(max_size=6),
    st.integers(0),
)
@example({"a": "b"}, b"}{", 3)
def test_damage_never_makes_another_power_state(told: dict[str, Any], noise: bytes, place: int) -> None:
    """Whatever is damaged in other properties, the power state is the BMC's or there is none."""
    others = json.dumps(told, ensure_ascii=False).encode(errors="surrogatepass")
    place %= len(others)
    body = b'{"Oem": ' + others[:place] + noise + others[place + 1 :] + b', "PowerState": "On"}'
    try:
        found = texts.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict):
        assert found.get("PowerState", "On") == "On"
