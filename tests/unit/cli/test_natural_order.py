import re

from hypothesis import given
from hypothesis import strategies as st

from podium.node_ranges import natural


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    names = ["r10n1", "r2n10", "r2n2", "n", "7", "r2", "r2n2a", "rack-1", "10"]
    assert sorted(names, key=natural) == ["7", "10", "n", "r2", "r2n2", "r2n2a", "r2n10", "r10n1", "rack-1"]


def test_names_of_the_same_numbers_have_an_order() -> None:
    assert sorted(["n1", "n01", "n001"], key=natural) == ["n001", "n01", "n1"]


def test_a_number_of_any_length_is_sorted() -> None:
    assert sorted(["1" * 5000, "n", "1" * 4999], key=natural)[-1] == "n"


def padded(text: str) -> tuple[str, str]:
    """What natural stands for, which takes more room: every number as wide as the widest."""
    return re.sub("[0-9]{1,18}", lambda number: number[0].zfill(18), text), text


names = st.text(st.sampled_from("0019an.-_Z"), min_size=1, max_size=12)


@given(names, names, names, st.integers(0, 40))
def test_keys_have_the_order_of_numbers_that_are_as_wide(one: str, other: str, both: str, zeros: int) -> None:
    one, other = both + one, both + "0" * zeros + other
    assert (natural(one) < natural(other)) == (padded(one) < padded(other))
    assert (natural(one).encode() < natural(other).encode()) == (natural(one) < natural(other))


def test_the_key_of_the_longest_name_fits_into_its_column() -> None:
    assert len(natural("1a" * 127 + "1")) == 767
