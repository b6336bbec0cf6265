"""The answers that a session takes, the usual ones by a short way and all others by a long one."""

import hashlib
import hmac
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.drivers.ipmi.lan import crypto, packet
from podium.drivers.ipmi.lan.session import Session

CONSOLE, BMC = 0xA0A1A2A3, 0x02000000
KEY: Final = bytes(range(20))
DIGESTS: Final = {crypto.SUITE_3: hashlib.sha1, crypto.SUITE_17: hashlib.sha256}
BYTE = st.integers(0, 0xFF)
SUITES = pytest.mark.parametrize("suite", DIGESTS, ids=["suite 3", "suite 17"])


def asking(suite: crypto.CipherSuite = crypto.SUITE_17) -> Session:
    """A session that waits for the answer to its first Get Chassis Status, whose rqSeq is 1."""
    endpoint: Any = None
    session = Session(endpoint, crypto.SessionKeys(suite, KEY), CONSOLE, BMC)
    session.prepare(packet.GET_CHASSIS_STATUS, b"")
    return session


def authenticated(suite: crypto.CipherSuite, covered: bytes) -> bytes:
    """A datagram with a right authentication code over whatever it covers."""
    key = hmac.new(KEY, b"\x01" * 20, DIGESTS[suite]).digest()
    return b"\x06\x00\xff\x07" + covered + hmac.new(key, covered, DIGESTS[suite]).digest()[: suite.code_size]


@st.composite
def datagrams(draw: st.DrawFn, suite: crypto.CipherSuite) -> bytes:
    """Authentic ones for the most part, some of them with one thing that is not as usual."""

    def seldom(usual: Any, other: st.SearchStrategy[Any]) -> Any:
        return draw(other) if draw(st.integers(0, 7)) == 0 else usual

    command = seldom(0x01, BYTE)
    message = bytearray(
        packet.encode_response(seldom(0, st.integers(0, 63)), seldom(1, st.integers(0, 63)), command,
                               seldom(0, BYTE), draw(st.binary(max_size=20)))
    )  # fmt: skip
    message[seldom(0, st.integers(0, len(message) - 1))] ^= seldom(0, BYTE)
    del message[seldom(len(message), st.integers(0, len(message))) :]
    plain = bytearray(crypto.padded(bytes(message)))
    plain[-1] = seldom(plain[-1], BYTE)
    keys = crypto.SessionKeys(suite, KEY)
    console = seldom(CONSOLE, st.integers(0, 0xFFFFFFFF))
    datagram = keys.seal_padded(console, draw(st.integers(0, 40)), bytes(plain))
    pads = seldom(2, st.integers(0, 9))
    covered = bytearray(
        datagram[4 : -suite.code_size - 4] + b"\xff" * pads + bytes((pads, seldom(0x07, BYTE)))
    )
    covered[seldom(0, st.integers(0, 11))] ^= seldom(0, BYTE)  # the session header, its length at the end
    covered[seldom(0, st.just(10))] ^= seldom(0, st.sampled_from((16, 48)))
    datagram = authenticated(suite, bytes(covered))
    changed = bytearray(datagram + seldom(b"", st.binary(max_size=3)))
    changed[seldom(0, st.integers(0, len(changed) - 1))] ^= seldom(0, BYTE)
    return bytes(changed[: seldom(len(changed), st.integers(0, len(changed)))])


@SUITES
@given(st.data())
def test_the_short_way_takes_and_refuses_what_the_long_way_does(
    suite: crypto.CipherSuite, data: st.DataObject
) -> None:
    session, other = asking(suite), asking(suite)

    def outcome(accept: Any, datagram: bytes) -> Any:
        try:
            return accept(datagram)
        except packet.Malformed as wrong:
            return str(wrong)

    for datagram in data.draw(st.lists(datagrams(suite), min_size=1, max_size=4)):
        assert outcome(session.accept, datagram) == outcome(other._accept_any, datagram)


@SUITES
def test_the_usual_answer_takes_the_short_way(
    suite: crypto.CipherSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, keys = asking(suite), crypto.SessionKeys(suite, KEY)
    monkeypatch.delattr(Session, "_accept_any")
    for number, status in enumerate((b"", b"\x01\0\0", b"\x21\0\0\x70", bytes(7)), 1):
        answer = packet.encode_response(packet.NETFN_CHASSIS, number, 0x01, 0, status)
        assert session.accept(keys.seal(CONSOLE, number, answer)) == (0, status)
        session.prepare(packet.GET_CHASSIS_STATUS, b"")


def test_an_answer_in_an_unusual_form_is_an_answer() -> None:
    keys = crypto.SessionKeys(crypto.SUITE_17, KEY)
    usual = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0")
    with_luns = bytearray(usual)
    for place, checksum in ((1, 2), (4, -1)):  # the two bits below netFn and rqSeq
        with_luns[place] += 1
        with_luns[checksum] = (with_luns[checksum] - 1) & 0xFF
    long = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0" + bytes(30))
    sealed = keys.seal(CONSOLE, 5, usual)
    padded = sealed[4:-20] + b"\xff" * 6 + b"\x06\x07"
    for datagram in (
        keys.seal(CONSOLE, 5, bytes(with_luns)),
        keys.seal(CONSOLE, 5, long),
        authenticated(crypto.SUITE_17, padded),
        sealed[:1] + b"\x01\x02" + sealed[3:],  # reserved, and the RMCP sequence number
    ):
        said = asking().accept(datagram)
        assert said is not None and said[0] == 0 and said[1].startswith(b"\x01\0\0")


@pytest.mark.parametrize("place", [16, 40, 48, 52, 67])
def test_a_usual_answer_with_any_bit_changed_is_malformed(place: int) -> None:
    keys = crypto.SessionKeys(crypto.SUITE_17, KEY)
    answer = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0")
    datagram = bytearray(keys.seal(CONSOLE, 1, answer))
    datagram[place] ^= 0x10
    session = asking()
    with pytest.raises(packet.Malformed):
        session.accept(bytes(datagram))
    datagram[place] ^= 0x10
    assert session.accept(bytes(datagram)) == (0, b"\x01\0\0")
    assert session.accept(bytes(datagram)) is None  # a replay


def with_wrong_checksums(message: bytes) -> bytes:
    changed = bytearray(message)
    changed[2] ^= 0x55
    changed[-1] ^= 0x55
    return bytes(changed)


@SUITES
def test_an_authentic_answer_that_bends_the_rules_is_an_answer(suite: crypto.CipherSuite) -> None:
    keys = crypto.SessionKeys(suite, KEY)
    answer = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0")
    sealed = keys.seal(CONSOLE, 1, answer)
    without_trailer = sealed[4 : -suite.code_size - 4]
    for datagram in (
        keys.seal(CONSOLE, 1, with_wrong_checksums(answer)),
        keys.seal(0, 1, answer),  # the session id is empty
        sealed + b"\0",
        sealed + bytes(40),
        authenticated(suite, without_trailer),
        authenticated(suite, without_trailer + b"\0\0\0\0"),
    ):
        assert asking(suite).accept(datagram) == (0, b"\x01\0\0")


def test_an_answer_from_another_address_is_an_answer() -> None:
    keys = crypto.SessionKeys(crypto.SUITE_17, KEY)
    answer = bytearray(packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0"))
    answer[3], answer[-1] = answer[3] + 2, answer[-1] - 2
    assert asking().accept(keys.seal(CONSOLE, 1, bytes(answer))) == (0, b"\x01\0\0")


@SUITES
def test_what_bends_the_rules_and_is_not_authentic_is_no_answer(suite: crypto.CipherSuite) -> None:
    forger = crypto.SessionKeys(suite, b"another key")
    answer = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0")
    sealed = forger.seal(CONSOLE, 1, answer)
    for datagram in (
        forger.seal(CONSOLE, 1, with_wrong_checksums(answer)),
        forger.seal(0, 1, answer),
        sealed + b"\0",
        sealed[: -suite.code_size],
        sealed[: -suite.code_size] + bytes(suite.code_size),
        packet.pack_header(0xC0, 0, 1, 32) + bytes(36 + suite.code_size),
        packet.wrap_plain(packet.PAYLOAD_IPMI, answer),
    ):
        with pytest.raises(packet.Malformed):
            asking(suite).accept(datagram)


def test_a_replayed_answer_without_session_id_is_none() -> None:
    session, keys = asking(), crypto.SessionKeys(crypto.SUITE_17, KEY)
    answer = packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0")
    datagram = keys.seal(0, 7, with_wrong_checksums(answer))
    assert session.accept(datagram) == (0, b"\x01\0\0")
    assert session.accept(datagram) is None


def test_an_authentic_message_that_is_no_answer_is_malformed() -> None:
    keys = crypto.SessionKeys(crypto.SUITE_17, KEY)
    answer = bytearray(packet.encode_response(packet.NETFN_CHASSIS, 1, 0x01, 0, b"\x01\0\0"))
    answer[3] ^= 0x01  # not the BMC's address, as in what was decrypted with another key
    with pytest.raises(packet.Malformed):
        asking().accept(keys.seal(CONSOLE, 1, bytes(answer)))
