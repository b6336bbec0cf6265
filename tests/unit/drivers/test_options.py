import pytest
from oslo_config import cfg

from podium.drivers import base


def test_declared_options_are_what_the_config_file_may_have() -> None:
    timeout, size = cfg.FloatOpt("timeout"), cfg.IntOpt("size")
    assert base.declare_options(timeout, size) == (timeout, size)
    assert base.declare_options() == ()


@pytest.mark.parametrize("given", ["timeout", [cfg.FloatOpt("timeout")], 5])
def test_what_is_no_option_is_refused_where_it_is_written(given: object) -> None:
    with pytest.raises(TypeError, match=r"is no option of oslo.config, such as cfg.FloatOpt\(...\)$"):
        base.declare_options(given)  # type: ignore[arg-type]
