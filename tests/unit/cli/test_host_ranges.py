import pytest

from podium import errors, node_ranges


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["r1n[01-03]"], ["r1n01", "r1n02", "r1n03"]),
        (["r1n[01-02],r2n05"], ["r1n01", "r1n02", "r2n05"]),
        (["r[1-2]n[1-2]"], ["r1n1", "r1n2", "r2n1", "r2n2"]),
        (["b", "a", "b", "a,c"], ["b", "a", "c"]),
        (["node-1.example"], ["node-1.example"]),
        (["n[0-10/5,2]x[7]", " b , a"], ["n0x7", "n5x7", "n10x7", "n2x7", "b", "a"]),
        (["r1n[098-101]"], ["r1n098", "r1n099", "r1n100", "r1n101"]),
        (["0b3c7f4e-8c1c-4f5b-9c57-0d6f6a1f3f10"], ["0b3c7f4e-8c1c-4f5b-9c57-0d6f6a1f3f10"]),
    ],
)
def test_ranges_stand_for_the_names_in_them(given: list[str], names: list[str]) -> None:
    assert node_ranges.expand(given) == names


@pytest.mark.parametrize(
    "text", ["r1n[01", "r1n01]", "r1n[]", "r1n[5-1]", "a,,b", ",", "r1n[a-b]", "r[[1-2]]"]
)
def test_a_bad_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(errors.BadRequest, match=r"is not a range of nodes: .*; one looks like r1n\[01-40\]"):
        node_ranges.expand([text])


@pytest.mark.parametrize(
    "text", ["n[01-3]", "n[1-03]", "n[1-2/0]", "n[-1-2]", f"n[{'1' * 5000}]", "n[1-1e3]"]
)
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(errors.BadRequest, match="is no "):
        node_ranges.expand([text])


@pytest.mark.parametrize("sign", ["&", "!", "^", "@", "%", " ", "\0"])
def test_what_chooses_among_nodes_is_no_part_of_a_range(sign: str) -> None:
    with pytest.raises(errors.BadRequest, match="cannot be in a name"):
        node_ranges.expand([f"n[1-3]{sign}n[5-7]"])


@pytest.mark.parametrize(
    "given",
    [
        ["n[1-999999999]"],
        ["n[1-1000]m[1-1000]"],
        ["n[1-5,1-200000]"],
        ["a[1-60000],b[1-60000]"],
        ["a[1-60000]", "b[1-60000]"],
        [*map(str, range(99_000)), "n[1-1001]"],
    ],
)
def test_names_without_bounds_are_refused_before_they_fill_memory(given: list[str]) -> None:
    with pytest.raises(errors.BadRequest, match="more than 100000 names"):
        node_ranges.expand(given)


def test_a_name_that_no_node_can_have_is_not_made_many_times() -> None:
    with pytest.raises(errors.BadRequest, match="at most 255 characters"):
        node_ranges.expand([f"{'n' * 60_000}[1-100000]"])


def test_names_that_are_none_are_folded_as_they_are() -> None:
    assert (
        node_ranges.fold(["n1", "a!b", "n2", "100%", "a^b", "@all", "c d"]) == "n[1-2],a!b,100%,a^b,@all,c d"
    )


def test_failures_that_differ_in_an_address_alone_are_one_reason() -> None:
    silent = [(f"n{number}", f"BMC 10.0.0.{number}:623 does not answer within 10 s") for number in (1, 2, 3)]
    refused = ("m1", "no way to BMC https://10.0.0.9:443: Connection refused")
    assert node_ranges.by_reason([refused, *silent]) == [
        ("BMC does not answer within 10 s", ["n1", "n2", "n3"]),
        ("no way to BMC https://10.0.0.9:443: Connection refused", ["m1"]),
    ]


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["r1n01", "r1n03", "r1n02"], "r1n[01-03]"),
        (["r1n1", "r1n2", "r2n1", "r2n2", "r10n1"], "r[1-2]n[1-2],r10n1"),
        (["n9", "n10", "n11", "n2"], "n[2,9-11]"),
        (["n0", "n1", "n00", "n01", "n000"], "n[0-1,00-01,000]"),
        (["rack10", "rack2-gpu", "r10n1", "r2m1"], "r2m1,r10n1,rack2-gpu,rack10"),
        (["a", "10.0.0.2", "10.0.0.1", "a"], "10.0.0.[1-2],a"),
        (["n" + "1" * 5000], "n" + "1" * 5000),
        ([], ""),
    ],
)
def test_names_are_folded_into_ranges_that_stand_for_them(names: list[str], folded: str) -> None:
    assert node_ranges.fold(names) == folded
    if len(folded) < 1000:
        assert {*node_ranges.expand([folded] if names else [])} == {*names}


def test_of_names_without_end_only_some_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_ranges, "_MOST_FOLDED", 3)
    assert node_ranges.fold_for_log(["n1", "n2", "n3"]) == "n[1-3]"
    assert node_ranges.fold_for_log(["n1", "n2", "n3", "n4"]) == "n[1-3]... (4 nodes)"


def test_names_of_several_numbers_are_folded_in_one_pass_over_them() -> None:
    # ClusterShell compares such names with one another, and needs minutes for these.
    names = [f"r{number * 7919 % 9973}n{number * 104729 % 9967}" for number in range(3000)]
    assert {*node_ranges.expand([node_ranges.fold(names)])} == {*names}
