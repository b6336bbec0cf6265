from podium.conductor.power.limits import PowerLimits


def test_no_more_machines_of_a_domain_are_switched_on_than_its_window_allows() -> None:
    limits = PowerLimits({"rack7": (2, 10.0)})
    assert [limits.admit(["rack7"], now) for now in (100.0, 104.0, 105.0)] == [0.0, 0.0, 5.0]
    assert [limits.admit(["rack7"], now) for now in (110.0, 110.0, 114.0)] == [0.0, 4.0, 0.0]


def test_a_machine_waits_for_all_of_its_domains_and_counts_in_none_until_then() -> None:
    limits = PowerLimits({"rack7": (1, 10.0), "feed-a": (1, 30.0)})
    assert limits.admit(["feed-a"], 100.0) == 0.0
    assert limits.admit(["feed-a", "rack7"], 100.0) == 30.0
    assert limits.admit(["rack7"], 100.0) == 0.0


def test_only_domains_that_have_a_limit_count() -> None:
    limits = PowerLimits({"rack7": (1, 10.0), "12": (1, 1.0)})
    assert limits.domains({"rack": "rack7", "power_domain": "feed-b"}) == ["rack7"]
    assert limits.domains({"rack": "rack7", "power_domain": 12}) == ["12", "rack7"]
    assert limits.domains({"name": "rack7"}) == []
    assert limits.admit([], 1.0) == 0.0
