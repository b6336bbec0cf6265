"""The codec against the specification: what it makes, what it takes, and what it refuses."""

import contextlib
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from podium.drivers.ipmi.lan import crypto, handshake, packet

SUITES = pytest.mark.parametrize("suite", [crypto.SUITE_3, crypto.SUITE_17], ids=["suite 3", "suite 17"])
BYTES_16 = st.binary(min_size=16, max_size=16)
WORD = st.integers(0, 0xFFFFFFFF)
BYTE = st.integers(0, 0xFF)


def exchange(suite: crypto.CipherSuite, **changes: Any) -> crypto.Exchange:
    known: dict[str, Any] = {
        "suite": suite,
        "console_id": 0xA0A1A2A3,
        "bmc_id": 0x02000000,
        "console_random": bytes(range(16)),
        "bmc_random": bytes(range(16, 32)),
        "guid": bytes(range(32, 48)),
        "role": 0x14,
        "user": b"podium",
        "user_key": b"secret",
    }
    return crypto.Exchange(**known | changes)


def test_a_request_has_the_bytes_of_the_specification() -> None:
    # Get Chassis Status with rqSeq 1: both checksums by hand, table 13-8.
    assert packet.encode_request(packet.GET_CHASSIS_STATUS, 1).hex() == "2000e0" + "810401" + "7a"


def test_a_sessionless_request_has_the_bytes_of_the_specification() -> None:
    request = packet.encode_request(packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES, 0, b"\x8e\x04")
    header = "0600ff07" + "00" + "00000000" + "00000000" + "09"
    assert packet.wrap_sessionless(request).hex() == header + "2018c8" + "810038" + "8e04" + "b5"


def test_an_open_session_request_has_the_bytes_of_the_specification() -> None:
    request = handshake.OpenSessionRequest(0x55, 4, 0xA0A1A2A3, crypto.SUITE_17.algorithms)
    algorithms = "0000000803000000" + "0100000804000000" + "0200000801000000"
    assert request.encode().hex() == "55040000" + "a3a2a1a0" + algorithms


@SUITES
def test_the_codes_of_rakp_are_hmacs_of_the_fields_of_the_specification(suite: crypto.CipherSuite) -> None:
    known = exchange(suite)
    digest = {3: hashlib.sha1, 17: hashlib.sha256}[suite.number]
    console, bmc = bytes.fromhex("a3a2a1a0"), bytes.fromhex("00000002")
    name = b"\x14\x06podium"
    console_random, bmc_random, guid = known.console_random, known.bmc_random, known.guid

    def mac(key: bytes, *parts: bytes) -> bytes:
        return hmac.new(key.ljust(20, b"\0"), b"".join(parts), digest).digest()

    session_key = mac(b"secret", console_random, bmc_random, name)
    integrity = mac(session_key, console_random, bmc, guid)
    assert known.rakp_2_code() == mac(b"secret", console, bmc, console_random, bmc_random, guid, name)
    assert known.rakp_3_code() == mac(b"secret", bmc_random, console, name)
    assert known.session_key() == session_key
    assert known.rakp_4_code(session_key) == integrity[: {3: 12, 17: 16}[suite.number]]


@SUITES
def test_a_kg_key_makes_the_session_key_but_not_the_login(suite: crypto.CipherSuite) -> None:
    plain, keyed = exchange(suite), exchange(suite, bmc_key=b"K" * 20)
    randoms = plain.console_random + plain.bmc_random
    assert keyed.rakp_2_code() == plain.rakp_2_code()
    assert keyed.rakp_3_code() == plain.rakp_3_code()
    assert keyed.session_key() == suite.mac(b"K" * 20, randoms + b"\x14\x06podium")


@SUITES
def test_a_sealed_datagram_is_hmac_over_aes_cbc_as_specified(suite: crypto.CipherSuite) -> None:
    session_key = bytes(range(20))
    digest = {3: hashlib.sha1, 17: hashlib.sha256}[suite.number]
    size = {3: 12, 17: 16}[suite.number]
    datagram = crypto.SessionKeys(suite, session_key).seal(0x02000000, 7, b"message")

    key_1 = hmac.new(session_key, b"\x01" * 20, digest).digest()
    key_2 = hmac.new(session_key, b"\x02" * 20, digest).digest()
    assert datagram[-size:] == hmac.new(key_1, datagram[4:-size], digest).digest()[:size]
    assert datagram[:16].hex() == "0600ff07" + "06" + "c0" + "00000002" + "07000000" + "2000"
    decryptor = Cipher(algorithms.AES(key_2[:16]), modes.CBC(datagram[16:32])).decryptor()
    assert decryptor.update(datagram[32:48]) == b"message" + bytes(range(1, 9)) + b"\x08"
    assert datagram[48:-size] == b"\xff\xff\x02\x07"


@SUITES
def test_no_two_datagrams_share_an_initialization_vector(suite: crypto.CipherSuite) -> None:
    keys = crypto.SessionKeys(suite, b"key")
    assert len({keys.seal(1, 1, b"the same")[16:32] for _ in range(100)}) == 100


@SUITES
def test_what_one_side_seals_the_other_opens_in_any_order(suite: crypto.CipherSuite) -> None:
    console, bmc = crypto.SessionKeys(suite, b"key"), crypto.SessionKeys(suite, b"key")
    sealed = [console.seal(1, number, bytes(number)) for number in range(1, 40)]
    assert [bmc.open(datagram) for datagram in reversed(sealed)] == [
        (number, bytes(number)) for number in range(39, 0, -1)
    ]


@SUITES
def test_a_datagram_with_any_bit_changed_is_malformed(suite: crypto.CipherSuite) -> None:
    keys = crypto.SessionKeys(suite, b"key")
    datagram = keys.seal(1, 1, b"message")
    for place in range(4, len(datagram)):
        changed = datagram[:place] + bytes((datagram[place] ^ 0x01,)) + datagram[place + 1 :]
        with pytest.raises(packet.Malformed):
            keys.open(changed)


def test_a_trailer_with_another_pad_is_understood() -> None:
    # A BMC may pad to more than the next multiple of four.
    keys = crypto.SessionKeys(crypto.SUITE_3, b"key")
    key_1 = hmac.new(b"key", b"\x01" * 20, hashlib.sha1).digest()
    covered = keys.seal(1, 5, b"message")[4:-16] + b"\xff" * 6 + b"\x06\x07"
    code = hmac.new(key_1, covered, hashlib.sha1).digest()[:12]
    assert keys.open(b"\x06\x00\xff\x07" + covered + code) == (5, b"message")


@given(netfn=st.integers(0, 31), number=BYTE, sequence=st.integers(0, 63), data=st.binary(max_size=40))
def test_requests_come_back_as_they_went(netfn: int, number: int, sequence: int, data: bytes) -> None:
    message = packet.encode_request((2 * netfn, number), sequence, data)
    assert packet.decode_request(message) == (2 * netfn, sequence, number, data)


@given(st.integers(0, 31), BYTE, st.integers(0, 63), BYTE, st.binary(max_size=40))
def test_responses_come_back_as_they_went(
    netfn: int, number: int, sequence: int, code: int, data: bytes
) -> None:
    message = packet.encode_response(2 * netfn, sequence, number, code, data)
    assert packet.decode_response(message) == (2 * netfn + 1, sequence, number, code, data)


@given(st.builds(handshake.Rakp1, BYTE, WORD, BYTES_16, BYTE, st.binary(max_size=16)))
def test_rakp_message_1_comes_back_as_it_went(message: handshake.Rakp1) -> None:
    assert handshake.Rakp1.decode(message.encode()) == message


@given(st.builds(handshake.Rakp3, BYTE, BYTE, WORD, st.binary(max_size=32)))
def test_rakp_message_3_comes_back_as_it_went(message: handshake.Rakp3) -> None:
    assert handshake.Rakp3.decode(message.encode()) == message


ALGORITHMS = st.builds(handshake.Algorithms, *[st.integers(0, 0x3F)] * 3)


@given(st.builds(handshake.OpenSessionRequest, BYTE, st.integers(0, 15), WORD, ALGORITHMS))
def test_an_open_session_request_comes_back_as_it_went(message: handshake.OpenSessionRequest) -> None:
    assert handshake.OpenSessionRequest.decode(message.encode()) == message


@given(
    st.one_of(
        st.tuples(
            st.just(packet.OPEN_SESSION_RESPONSE),
            st.builds(handshake.OpenSessionResponse, BYTE, st.integers(0, 15), WORD, WORD, ALGORITHMS),
        ),
        st.tuples(
            st.just(packet.RAKP_2),
            st.builds(handshake.Rakp2, BYTE, WORD, BYTES_16, BYTES_16, st.binary(max_size=32)),
        ),
        st.tuples(st.just(packet.RAKP_4), st.builds(handshake.Rakp4, BYTE, WORD, st.binary(max_size=32))),
        st.tuples(st.just(packet.RAKP_2), st.builds(handshake.Refusal, BYTE, st.integers(1, 255), WORD)),
    )
)
def test_answers_of_the_set_up_come_back_as_they_went(sent: tuple[int, handshake.Answer]) -> None:
    payload_type, message = sent
    assert handshake.decode_answer(payload_type, message.encode()) == message


@pytest.mark.parametrize("kind", [packet.OPEN_SESSION_RESPONSE, packet.RAKP_2, packet.RAKP_4])
@pytest.mark.parametrize("rest", range(39))
def test_a_refusal_of_any_length_is_understood(kind: int, rest: int) -> None:
    assert handshake.decode_answer(kind, b"\x21\x04" + bytes(rest)) == handshake.Refusal(0x21, 0x04, 0)


ANYTHING = st.binary(max_size=100)
KEYS = crypto.SessionKeys(crypto.SUITE_3, b"key")
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "auth_type": packet.auth_type,
    "unwrap_sessionless": packet.unwrap_sessionless,
    "unpack_header": packet.unpack_header,
    "unwrap_plain": packet.unwrap_plain,
    "unwrap_answer": packet.unwrap_answer,
    "decode_request": packet.decode_request,
    "decode_response": packet.decode_response,
    "decode_authentic_response": packet.decode_authentic_response,
    "OpenSessionRequest": handshake.OpenSessionRequest.decode,
    "Rakp1": handshake.Rakp1.decode,
    "Rakp3": handshake.Rakp3.decode,
    "OpenSessionResponse": lambda payload: handshake.decode_answer(packet.OPEN_SESSION_RESPONSE, payload),
    "Rakp2": lambda payload: handshake.decode_answer(packet.RAKP_2, payload),
    "Rakp4": lambda payload: handshake.decode_answer(packet.RAKP_4, payload),
    "open": KEYS.open,
}


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS.keys())
@given(data=st.one_of(ANYTHING, ANYTHING.map(lambda tail: b"\x06\0\xff\x07\x06" + tail)))
def test_arbitrary_bytes_are_decoded_or_malformed(decoder: Callable[[bytes], Any], data: bytes) -> None:
    with contextlib.suppress(packet.Malformed):
        decoder(data)


def test_a_sequence_number_is_accepted_once() -> None:
    window = crypto.SequenceWindow()
    accepted = [window.accept(number) for number in (1, 1, 3, 2, 2, 3, 1)]
    assert accepted == [True, False, True, True, False, False, False]


def test_a_sequence_number_far_behind_is_refused() -> None:
    window = crypto.SequenceWindow()
    assert [window.accept(number) for number in (1, 100, 68, 69, 0)] == [True, True, False, True, False]


def test_sequence_numbers_wrap() -> None:
    window = crypto.SequenceWindow()
    accepted = [window.accept(number) for number in (0xFFFFFFFE, 1, 0xFFFFFFFF, 0xFFFFFFFE)]
    assert accepted == [True, True, True, False]
