"""The database of a configuration, with the keys for its secrets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from oslo_config import cfg

from podium import errors
from podium.conf.database import database_url, engine_options
from podium.conf.secrets import KeyFile, key_file
from podium.db import secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, write_new_file
from podium.db.limits import COMMAND, Limits
from podium.db.sealed import Sealing
from podium.db.urls import parse_url


def configured(
    conf: cfg.ConfigOpts,
    secret_names: Callable[[], frozenset[str]],
    limits: Limits = COMMAND,
    *,
    needs_keys: bool = True,
    **options: Any,
) -> Database:
    """Return the database of a configuration, without a connection.

    :param secret_names: returns the names that drivers declared as secret
    :param needs_keys: False to go on without keys if their file cannot be used
    :param options: of the engine; they override those of the configuration
    :raises podium.errors.ConfigError: its URL or its key file cannot be used
    """
    url = parse_url(database_url(conf))
    file = _key_file(conf, url.database if url.get_backend_name() == "sqlite" else None)
    try:
        keyring = _read(file)
    except errors.ConfigError:
        if needs_keys:
            raise
        keyring = Keyring()
    sealing = Sealing(keyring, secret_names, str(file.path) if file else "[secrets] key_file")
    return Database(url, limits, sealing, **{**engine_options(conf), **options})


def _key_file(conf: cfg.ConfigOpts, sqlite: str | None) -> KeyFile | None:
    return key_file(conf, None if sqlite is None else Path(sqlite))


def _read(file: KeyFile | None) -> Keyring:
    if file is None or (file.made and not file.path.exists()):
        return Keyring()
    return Keyring.from_file(file.path)


def check_keys(conf: cfg.ConfigOpts) -> None:
    """Make sure that the keys in the configuration can be read.

    :raises podium.errors.ConfigError: their file cannot be used
    """
    url = parse_url(str(conf.database.connection))
    _read(_key_file(conf, url.database if url.get_backend_name() == "sqlite" else None))


def read_keys_again(conf: cfg.ConfigOpts, database: Database) -> Keyring:
    """Return the keys that are now in the configuration; the database continues to use those that it had.

    :raises podium.errors.ConfigError: their file cannot be used
    """
    file = _key_file(conf, None if database.sqlite_file is None else str(database.sqlite_file))
    return _read(file)


def reload_keys(conf: cfg.ConfigOpts, database: Database) -> bool:
    """Make a database use the keys that are now in the configuration; return whether they have changed.

    :raises podium.errors.ConfigError: the file cannot be used, or lacks a key that is in use
    :raises podium.errors.DatabaseUnavailable: the keys in use cannot be read
    """
    keyring, sealing = read_keys_again(conf, database), database.sealing
    if sealing is None or keyring.names == sealing.keyring.names:
        return False
    with database.read() as connection:
        used = secret_keys.in_use(connection)
    if (fault := Sealing(keyring, frozenset, sealing.source).lacking(used)) is not None:
        raise errors.ConfigError(fault)
    sealing.keyring = keyring
    sealing.note(used)
    return True


def prepare_keys(conf: cfg.ConfigOpts, database: Database, *, make: bool = True) -> str | None:
    """Prepare work with a database: find its keys, create them for an SQLite file, begin to use them.

    :param make: whether a missing file may be created: by the user whose daemons will read it
    :returns: a remark for people, if any
    :raises podium.errors.ConfigError: a key is missing, or the file cannot be made
    """
    sealing = database.sealing
    if sealing is None:
        return None
    with database.read() as connection:
        secret_keys.check(connection, sealing)
    file = _key_file(conf, None if database.sqlite_file is None else str(database.sqlite_file))
    if make and file is not None and file.made and not sealing.keyring.names:
        _make(file.path)
        sealing.keyring = Keyring.from_file(file.path)
    if not sealing.keyring.names:
        return None
    keyring = sealing.keyring
    sealing.secret_names()  # imports drivers; no transaction should have to wait for that later
    with database.read() as connection:
        if secret_keys.next_key(connection, keyring) is None:
            return None
    begun = database.written(lambda connection: secret_keys.begin(connection, keyring))
    return None if begun is None else secret_keys.words(begun, sealing.source)


def _make(path: Path) -> None:
    try:
        write_new_file(path)
    except FileExistsError:
        return  # another process was faster
    except OSError as error:
        raise errors.ConfigError(
            f"cannot make the key file {path} for the secrets in the database: {error.strerror}; "
            "name another with [secrets] key_file"
        ) from None
