from podium.node_ranges import natural


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    names = ["r10n1", "r2n10", "r2n2", "n", "7", "r2", "r2n2a", "rack-1", "10"]
    assert sorted(names, key=natural) == ["7", "10", "n", "r2", "r2n2", "r2n2a", "r2n10", "r10n1", "rack-1"]


def test_names_of_the_same_numbers_have_an_order() -> None:
    assert sorted(["n1", "n01", "n001"], key=natural) == ["n001", "n01", "n1"]


def test_a_number_of_any_length_is_sorted() -> None:
    assert sorted(["1" * 5000, "n", "1" * 4999], key=natural)[-1] == "n"
