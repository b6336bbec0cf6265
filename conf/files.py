"""Which config files a program reads."""

from oslo_config import cfg

from podium.conf.default import environment


def default_files(prog: str) -> tuple[list[str], list[str]]:
    """Return the config files and their folders that are read if the command line names none.

    A program in a virtual environment reads ``etc/podium/podium.conf`` of the environment if it exists.
    Otherwise oslo.config looks for the files of the project ``podium``.
    """
    own = environment()
    if own is not None:
        file = own / "etc/podium/podium.conf"
        if file.exists():
            return [str(file)], [f"{file}.d"]
    return cfg.find_config_files("podium", prog), cfg.find_config_dirs("podium", prog)
