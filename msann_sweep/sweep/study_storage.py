"""Where a sweep's Optuna study is stored: a journal file, or any database that Optuna knows."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import OptunaError, StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import local_folder
from msann_sweep.errors import StorageError
from msann_sweep.secrets import without_mask
from msann_sweep.sweep.files import cut_off_torn_line

SAMPLE_ATTR = "sample"
CONNECT_TIMEOUT_S = 10
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
OUTAGES = (SQLAlchemyError, StorageInternalError, OSError)

ALLOWED = (
    "null, sqlite:///FILE, postgresql://USER@HOST/DATABASE, mysql+pymysql://USER@HOST/DATABASE"
)
DRIVERS = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"}


def study_url(config: SweepConfig) -> URL | None:
    """``search.storage`` as it is used, None for the journal file.

    An SQLite file's ``~`` is expanded, and a relative path is one below ``storage``. Raises
    StorageError for what is no URL of a database.
    """
    if config.search.storage is None:
        return None
    try:
        url = sqlalchemy.make_url(without_mask(config.search.storage))
    except (ArgumentError, ValueError):
        raise StorageError(f"search.storage: got no URL; allowed: {ALLOWED}") from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise StorageError(f"search.storage: got {url}, which keeps nothing; allowed: {ALLOWED}")
    file = Path(url.database).expanduser()
    return url.set(database=str((local_folder(config.storage) / file).absolute()))


def study_location(config: SweepConfig, journal: Path) -> str | None:
    """What opens the sweep's study elsewhere: a URL, password and all, or the journal's path."""
    url = study_url(config)
    if url is not None:
        return url.render_as_string(hide_password=False)
    return str(journal) if journal.is_file() else None


def new_study_name(config: SweepConfig) -> str:
    """A name for the sweep's study that no other sweep's study has in any storage."""
    return f"{config.name}-{uuid.uuid4().hex[:8]}"


def check_study_storage(config: SweepConfig) -> None:
    """Raise StorageError, its passwords masked, where the study could not be kept.

    Makes nothing but, in a server's database that has none, Optuna's tables; waits for a server
    some ten seconds.
    """
    url = study_url(config)
    if url is None:
        return
    if url.get_backend_name() == "sqlite":
        _check_file(Path(str(url.database)), below=local_folder(config.storage))
        return
    try:
        database = _open_database(url)
        database.remove_session()
        database.engine.dispose()
    except (ImportError, NoSuchModuleError) as error:
        raise StorageError(
            f"search.storage: got {url}, whose driver is not installed "
            f"({error.__cause__ or error}); for PostgreSQL: "
            f"pip install 'msann-sweep[postgresql]'; allowed: {ALLOWED}"
        ) from None
    except (*OUTAGES, OptunaError, RuntimeError) as error:
        raise StorageError(f"search.storage: {url} cannot be used: {_detail(error)}") from None


def _check_file(file: Path, below: Path) -> None:
    folder = file.parent
    # The sweep makes its own storage folder; no other one is made.
    if not folder.is_dir() and folder != below.absolute():
        raise StorageError(f"search.storage: {folder} is no folder; give the file's folder first")
    if file.is_dir():
        raise StorageError(f"search.storage: {file} is a folder; allowed: {ALLOWED}")
    if file.exists() and file.read_bytes()[:16] not in (b"", b"SQLite format 3\0"):
        raise StorageError(f"search.storage: {file} is no SQLite database; give another file")


def _detail(error: BaseException) -> str:
    """What the driver of a database says, without the links of what lies above it."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else None
    found = cause or error
    text = str(getattr(found, "orig", None) or found).strip()
    return text.splitlines()[0] if text else type(found).__name__


def _open_database(url: URL) -> RDBStorage:
    text = url.render_as_string(hide_password=False)
    return RDBStorage(text, engine_kwargs=_engine_settings(url))


def _engine_settings(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {}
    return {
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": CONNECT_TIMEOUT_S},
    }


def open_stored(config: SweepConfig, journal: Path, study_name: str) -> StoredStudy:
    """The sweep's stored study, made if need be. Raises StorageError where that cannot be."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = study_url(config)
    try:
        storage = JournalStorage(_Journal(str(journal))) if url is None else _open_database(url)
        study = optuna.create_study(
            storage=storage,
            study_name=study_name,
            directions=["minimize"] * len(config.search.objectives),
            load_if_exists=True,
        )
        return StoredStudy(study)
    except (*OUTAGES, OptunaError, RuntimeError, ImportError) as error:
        where = url or journal
        raise StorageError(f"search.storage: {where} cannot be used: {_detail(error)}") from None


class _Journal(JournalFileBackend):
    """Optuna's, which would write on behind a torn line, and could never read the file again."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines behind the last whole one."""
        self._lock.acquire()
        try:
            cut_off_torn_line(Path(self._file_path))
        finally:
            self._lock.release()
        super().append_logs(logs)


class StoredStudy:
    """The study in its storage. While that is away, changes are kept and made later, in order.

    What is never written is not lost either: the sweep's own record has it, and ``resume``
    brings the study up to it.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self._pending: deque[Callable[[], None]] = deque()
        self._wait_s = FIRST_WAIT_S
        self._next_try = 0.0
        self.lost: str | None = None
        """What the storage answered when changes were last kept back; None: nothing is."""
        self._finished = {_name(trial) for trial in self.trials() if trial.state.is_finished()}

    def trials(self) -> list[FrozenTrial]:
        """The trials that sweeps have put there, in order."""
        return [t for t in self.study.get_trials(deepcopy=False) if SAMPLE_ATTR in t.user_attrs]

    def add(self, trial: FrozenTrial) -> None:
        """Store a new trial as it is, by one write."""
        self._pending.append(lambda: self._add(trial))
        self.flush()

    def finish(self, trial: FrozenTrial) -> None:
        """Store the end of a trial, and whatever was not known when it was added."""
        if _name(trial) in self._finished:
            return
        self._finished.add(_name(trial))
        self._pending.append(lambda: self._finish(trial))
        self.flush()

    def flush(self, patience_s: float = 0.0) -> None:
        """Write what is pending, trying again for so long; a storage that fails is left alone a
        while."""
        deadline = time.monotonic() + patience_s
        while self._pending:
            wait_s = self._next_try - time.monotonic()
            if wait_s > 0:
                if time.monotonic() + wait_s > deadline:
                    return
                time.sleep(wait_s)
            try:
                self._pending[0]()
            except OUTAGES as error:
                self.lost = _detail(error)
                self._next_try = time.monotonic() + self._wait_s
                self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            else:
                self._pending.popleft()
                self._wait_s = FIRST_WAIT_S
        self.lost = None

    def _find(self, trial: FrozenTrial) -> FrozenTrial | None:
        known = reversed(self.trials())
        return next((each for each in known if _name(each) == _name(trial)), None)

    def _add(self, trial: FrozenTrial) -> None:
        if self._find(trial) is None:
            self.study.add_trial(trial)

    def _finish(self, trial: FrozenTrial) -> None:
        known = self._find(trial)
        if known is None:
            self.study.add_trial(trial)
            return
        if known.state.is_finished():
            return
        stored = optuna.Trial(self.study, known._trial_id)
        for step, value in trial.intermediate_values.items():
            stored.storage.set_trial_intermediate_value(known._trial_id, step, value)
        for key, attribute in trial.user_attrs.items():
            if key not in known.user_attrs:
                stored.set_user_attr(key, attribute)
        for key, attribute in trial.system_attrs.items():
            if key not in known.system_attrs:
                stored.storage.set_trial_system_attr(known._trial_id, key, attribute)
        stored.storage.set_trial_state_values(known._trial_id, trial.state, trial.values)


def _name(trial: FrozenTrial) -> str:
    return str(trial.user_attrs[SAMPLE_ATTR])
