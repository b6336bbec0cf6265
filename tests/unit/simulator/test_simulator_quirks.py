"""What simulated BMCs send when they bend the rules."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.simulator import bmc, faults, session
from podium.simulator.ipmi import codes

CONSOLE = 0xA0A1A2A3
RANDOM = bytes(range(16))
ROLE = packet.NAME_ONLY_LOOKUP | packet.PRIVILEGE_ADMINISTRATOR
PASSWORD = b"twenty bytes of it.."


def channel_with(*placed: str) -> session.LanChannel:
    made = session.LanChannel(bmc.Settings(password=PASSWORD), b"G" * 16)
    for fault in placed:
        made.bmc.faults = faults.parse_fault(fault).apply(made.bmc.faults)
    return made


def say(channel: session.LanChannel, kind: int, message: bytes) -> bytes:
    answer = channel.receive(packet.wrap_plain(kind, message))
    assert answer is not None
    return packet.unwrap_answer(answer)[1]


def open_session(channel: session.LanChannel, suite: crypto.CipherSuite = crypto.SUITE_17) -> bytes:
    asked = handshake.OpenSessionRequest(7, packet.PRIVILEGE_ADMINISTRATOR, CONSOLE, suite.algorithms)
    return say(channel, packet.OPEN_SESSION_REQUEST, asked.encode())


def rakp_1(channel: session.LanChannel, user: bytes = b"admin") -> tuple[bytes, crypto.Exchange]:
    """RAKP message 2, and the exchange as the console sees it."""
    bmc_id = int.from_bytes(open_session(channel)[8:12], "little")
    answer = say(channel, packet.RAKP_1, handshake.Rakp1(8, bmc_id, RANDOM, ROLE, user).encode())
    answer_or_refusal = answer.ljust(40, b"\0")
    exchange = crypto.Exchange(
        suite=crypto.SUITE_17,
        console_id=CONSOLE,
        bmc_id=bmc_id,
        console_random=RANDOM,
        bmc_random=answer_or_refusal[8:24],
        guid=answer_or_refusal[24:40],
        role=ROLE,
        user=user,
        user_key=PASSWORD,
    )
    return answer, exchange


def rakp_3(channel: session.LanChannel, role: int = ROLE) -> bytes:
    _, exchange = rakp_1(channel)
    code = replace(exchange, role=role).rakp_3_code()
    return say(channel, packet.RAKP_3, handshake.Rakp3(9, 0, exchange.bmc_id, code).encode())


def in_session(channel: session.LanChannel) -> tuple[bytes, crypto.SessionKeys]:
    """The datagram that answers Get Device ID, and what opens it."""
    _, exchange = rakp_1(channel)
    confirm = handshake.Rakp3(9, 0, exchange.bmc_id, exchange.rakp_3_code()).encode()
    say(channel, packet.RAKP_3, confirm)
    keys = crypto.SessionKeys(crypto.SUITE_17, exchange.session_key())
    asked = keys.seal(exchange.bmc_id, 1, packet.encode_request(packet.GET_DEVICE_ID, 1))
    answer = channel.receive(asked)
    assert answer is not None
    return answer, keys


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("blank-refusals", b"\0\x0d" + bytes(38)),
        ("short-refusals", b"\x08\x0d"),
        ("zero-tags", b"\0\x0d\0\0\xa3\xa2\xa1\xa0"),
        ("zero-ids", b"\x08\x0d\0\0" + bytes(4)),
    ],
)
def test_an_unknown_user_is_refused_in_a_wrong_form(fault: str, refusal: bytes) -> None:
    assert rakp_1(channel_with(fault), user=b"nobody")[0] == refusal


def test_an_unknown_user_is_refused_with_the_bmcs_session_id() -> None:
    answer, exchange = rakp_1(channel_with("echoed-ids"), user=b"nobody")
    assert answer == b"\x08\x0d\0\0" + exchange.bmc_id.to_bytes(4, "little")


@pytest.mark.parametrize("status", [0x04, 0x11, 0x12])
def test_suite_17_is_refused_with_any_status_and_suite_3_works(status: int) -> None:
    channel = channel_with(f"no-suite-17={status:02x}", "blank-refusals")
    assert open_session(channel) == bytes((0, status)) + bytes(34)
    assert open_session(channel, crypto.SUITE_3)[1] == 0


def test_refusals_in_full_length_have_the_length_of_their_answer() -> None:
    channel = channel_with("blank-refusals", "no-lookup-bit")
    assert rakp_3(channel) == b"\0\x0f" + bytes(6)


def test_zero_codes_are_in_suite_17_alone() -> None:
    channel = channel_with("zero-codes")
    answer, _ = rakp_1(channel)
    assert answer[40:] == bytes(32)
    bmc_id = int.from_bytes(open_session(channel, crypto.SUITE_3)[8:12], "little")
    message = handshake.Rakp1(8, bmc_id, RANDOM, ROLE, b"admin").encode()
    code = say(channel, packet.RAKP_1, message)[40:]
    assert len(code) == 20 and any(code)


def test_tags_and_session_ids_of_good_answers_are_zero() -> None:
    assert rakp_1(channel_with("zero-tags"))[0][:8] == b"\0\0\0\0\xa3\xa2\xa1\xa0"
    assert rakp_1(channel_with("zero-ids"))[0][:8] == b"\x08" + bytes(7)


def test_codes_are_computed_from_something_else() -> None:
    answer, exchange = rakp_1(channel_with("open-privilege"))
    assert answer[40:] == replace(exchange, role=packet.PRIVILEGE_ADMINISTRATOR).rakp_2_code()
    answer, exchange = rakp_1(channel_with("short-passwords"))
    assert answer[40:] == replace(exchange, user_key=PASSWORD[:16]).rakp_2_code()


def test_codes_are_a_byte_too_long() -> None:
    channel = channel_with("long-codes")
    assert len(rakp_1(channel)[0]) == 73
    assert len(rakp_3(channel)) == 25


@pytest.mark.parametrize(("role", "status"), [(ROLE, 0x0F), (packet.PRIVILEGE_ADMINISTRATOR, 0x00)])
def test_a_code_without_the_lookup_bit_is_demanded(role: int, status: int) -> None:
    assert rakp_3(channel_with("no-lookup-bit"), role)[1] == status


def test_messages_of_a_session_have_wrong_checksums() -> None:
    datagram, keys = in_session(channel_with("wrong-checksums"))
    message = keys.open(datagram)[1]
    assert sum(message[:3]) & 0xFF and sum(message[3:]) & 0xFF
    assert packet.decode_authentic_response(message)[3] == codes.OK


def test_datagrams_have_bytes_behind_them_or_no_session_id() -> None:
    datagram, keys = in_session(channel_with("trailing-bytes"))
    assert keys.open(datagram[:-4])[0] == 1 and datagram.endswith(bytes(4))
    datagram, _ = in_session(channel_with("zero-ids"))
    assert datagram[6:10] == bytes(4)


def test_a_user_is_an_operator_at_the_most() -> None:
    assert rakp_1(channel_with("operator-only"))[0][1] == 0x0A
    assert rakp_1(channel_with("operator-session"))[0][1] == 0x00


@pytest.mark.parametrize("text", ["no-suite-17", "no-suite-17=00", "no-suite-17=13", "no-suite-17=x"])
def test_a_status_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="in hexadecimal"):
        faults.parse_fault(text)


QUIRKS = [name for name, kind in faults.KINDS.items() if kind.protocols == (faults.IPMI,) and not kind.value]


@given(
    quirks=st.lists(st.sampled_from([*QUIRKS, "no-suite-17=04"]), max_size=4),
    kind=st.sampled_from([packet.OPEN_SESSION_REQUEST, packet.RAKP_1, packet.RAKP_3]),
    payload=st.binary(max_size=60),
)
def test_garbage_does_no_harm_to_a_bmc_with_any_quirks(quirks: list[str], kind: int, payload: bytes) -> None:
    channel = channel_with(*quirks)
    with contextlib.suppress(packet.Malformed):
        channel.receive(packet.wrap_plain(kind, payload))
    assert open_session(channel, crypto.SUITE_3)[1] == 0


@given(
    quirks=st.lists(st.sampled_from([*QUIRKS, "slow-erase=1", "no-boot-parameters=0,5"]), max_size=4),
    asked=st.lists(
        st.tuples(st.sampled_from([0x00, 0x0A]), st.integers(0, 0x4F), st.binary(max_size=18)), max_size=8
    ),
)
def test_commands_of_any_content_are_answered(quirks: list[str], asked: list[tuple[int, int, bytes]]) -> None:
    machine = channel_with(*quirks).bmc
    for netfn, command, data in asked:
        code, answer = machine.execute(netfn, command, data, packet.PRIVILEGE_ADMINISTRATOR)
        assert 0 <= code <= 0xFF and (code == codes.OK or answer == b"")
    assert machine.report()["log_entries"] <= 512


@pytest.mark.parametrize(
    ("part", "command", "data"),
    [
        ("boot", packet.GET_SYSTEM_BOOT_OPTIONS, b"\5\0\0"),
        ("identify", packet.CHASSIS_IDENTIFY, b"\1"),
        ("log", packet.GET_SEL_INFO, b""),
        ("clock", packet.GET_SEL_TIME, b""),
        ("sensors", packet.GET_SDR_REPOSITORY_INFO, b""),
    ],
)
def test_a_bmc_may_lack_what_is_optional(part: str, command: tuple[int, int], data: bytes) -> None:
    whole, without = channel_with().bmc, channel_with(f"lacks={part}").bmc
    codes_of = [one.execute(*command, data, packet.PRIVILEGE_OPERATOR)[0] for one in (whole, without)]
    assert codes_of == [codes.OK, codes.INVALID_COMMAND]
