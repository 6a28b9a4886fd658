"""Studies in real storages: the journal file, SQLite, PostgreSQL; what is refused, and outages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import psycopg2
import pytest
from optuna_dashboard import wsgi

from msann_sweep.errors import StorageError
from msann_sweep.secrets import masked
from msann_sweep.sweep.study_storage import (
    check_study_storage,
    new_study_name,
    open_stored,
    study_url,
)
from tests.limits import files_up_to
from tests.sweep.postgresql import PASSWORD, PostgreSQL, running_server
from tests.sweep.sweeps import Sweep, load

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with running_server() as server:
        yield server


def summary(trials: list[optuna.trial.FrozenTrial]) -> list[tuple[object, ...]]:
    """What must be the same in every storage."""
    return [(t.state.name, t.params, t.values, t.user_attrs) for t in trials]


def goes_on_after_a_cut(tmp_path: Path, url: str | None, name: str) -> None:
    config = load(tmp_path, f"search.storage={url or 'null'}", f"name={name}")
    check_study_storage(config)
    undisturbed = Sweep(load(tmp_path), tmp_path / "undisturbed")
    expected = undisturbed.run()
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=6)
    running = first.next()
    second = Sweep(config, tmp_path / "study", first.records)
    assert before + second.run() == expected
    assert running == expected[6]
    assert summary(second.stored.trials()) == summary(undisturbed.stored.trials())
    assert (tmp_path / "study").exists() == (url is None)


@pytest.mark.parametrize("url", [None, "sqlite:///study.db"])
def test_a_study_in_files(tmp_path: Path, url: str | None) -> None:
    goes_on_after_a_cut(tmp_path, url, "files")
    assert (tmp_path / "study.db").exists() == (url is not None)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_journal_that_a_full_disk_has_torn_goes_on(tmp_path: Path, resumed: bool) -> None:
    journal = tmp_path / "study"
    undisturbed = Sweep(load(tmp_path), tmp_path / "undisturbed")
    expected = undisturbed.run()
    sweep = Sweep(load(tmp_path), journal)
    told = sweep.run(at_most=5)
    with files_up_to(journal.stat().st_size + 100):
        told += sweep.run(at_most=1)
    assert sweep.stored.lost
    assert not journal.read_bytes().endswith(b"\n")
    if resumed:
        sweep = Sweep(sweep.config, journal, sweep.records)
    told += sweep.run()
    sweep.stored.flush(PATIENCE_S)
    assert told == expected
    assert summary(sweep.stored.trials()) == summary(undisturbed.stored.trials())


@pytest.mark.slow
class TestPostgreSQL:
    def test_a_study_in_postgresql(self, tmp_path: Path, postgresql: PostgreSQL) -> None:
        goes_on_after_a_cut(tmp_path, postgresql.url, "database")

    def test_the_password_may_come_from_the_environment(
        self, tmp_path: Path, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        check_study_storage(load(tmp_path, f"search.storage={masked(postgresql.url)}"))

    def test_a_user_who_may_make_no_tables_is_refused(
        self, tmp_path: Path, postgresql: PostgreSQL
    ) -> None:
        with closing(psycopg2.connect(postgresql.url)) as owner:
            owner.autocommit = True
            for command in ("ROLE guest LOGIN PASSWORD 'welcome'", "DATABASE guests"):
                owner.cursor().execute(f"CREATE {command}")
        there = postgresql.url.replace("/postgres", "/guests")
        with closing(psycopg2.connect(there)) as owner:
            owner.autocommit = True
            owner.cursor().execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        url = there.replace(f"sweep:{PASSWORD}", "guest:welcome")
        with pytest.raises(StorageError, match=r"search\.storage: .*: permission denied"):
            check_study_storage(load(tmp_path, f"search.storage={url}"))

    def test_a_wrong_password_is_refused_and_not_shown(
        self, tmp_path: Path, postgresql: PostgreSQL
    ) -> None:
        wrong = postgresql.url.replace(PASSWORD, "guessed")
        with pytest.raises(StorageError) as caught:
            check_study_storage(load(tmp_path, f"search.storage={wrong}"))
        assert "password authentication failed" in str(caught.value)
        assert "guessed" not in str(caught.value)

    @pytest.mark.parametrize("comes_back", [True, False])
    def test_an_outage_does_not_end_a_sweep(
        self, tmp_path: Path, postgresql: PostgreSQL, comes_back: bool
    ) -> None:
        config = load(tmp_path, f"search.storage={postgresql.url}", f"name=out-{comes_back}")
        expected = Sweep(load(tmp_path), tmp_path / "undisturbed").run()
        sweep = Sweep(config, tmp_path / "study")
        before = sweep.run(at_most=5)
        postgresql.stop()
        try:
            during = sweep.run(at_most=3)
            assert sweep.stored.lost
            assert PASSWORD not in sweep.stored.lost
        finally:
            postgresql.start()
        if comes_back:
            sweep.stored.flush(PATIENCE_S)
            assert sweep.stored.lost is None
        else:
            sweep = Sweep(config, tmp_path / "study", sweep.records)
        after = sweep.run()
        sweep.stored.flush(PATIENCE_S)
        assert before + during + after == expected
        names = [trial.user_attrs["sample"] for trial in sweep.stored.trials()]
        assert names == [f"t000{number}" for number in range(8)]
        assert {trial.state.name for trial in sweep.stored.trials()} == {"COMPLETE"}


def test_sweeps_of_one_name_share_a_storage(tmp_path: Path) -> None:
    config = load(tmp_path, "search.storage=sqlite:///study.db")
    names = [new_study_name(config) for _ in range(2)]
    for name in names:
        stored = open_stored(config, tmp_path / "unused", name)
        assert stored.trials() == []
        stored.study.ask()
    url = study_url(config)
    assert url
    assert set(optuna.get_all_study_names(str(url))) == set(names)


def test_a_trial_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false")
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=2)
    first.stored.study.ask()
    first.stored.study.enqueue_trial({"L": 3})
    second = Sweep(config, tmp_path / "study", first.records)
    assert before + second.run() == Sweep(config, tmp_path / "undisturbed").run()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("study.db", "got no URL; allowed: null, sqlite:///FILE, postgresql://"),
        ("sqlite://", "keeps nothing"),
        ("sqlite:////nowhere/at/all/study.db", "/nowhere/at/all is no folder"),
        ("sqlite:///space.yaml", "space.yaml is no SQLite database"),
        (
            "postgresql://sweep:secret@127.0.0.1:9/x",
            "postgresql+psycopg2://sweep:***@127.0.0.1:9/x",
        ),
        ("mysql+nodriver://sweep:secret@127.0.0.1/x", "whose driver is not installed"),
    ],
)
def test_what_is_no_storage_is_refused(tmp_path: Path, url: str, message: str) -> None:
    config = load(tmp_path, f"search.storage={url}")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError, match=r"search\.storage") as caught:
        check_study_storage(config)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    assert caught.value.exit_code == 2


def test_home_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    home = study_url(load(tmp_path, "search.storage=sqlite:///~/study.db"))
    relative = study_url(load(tmp_path, "search.storage=sqlite:///study.db"))
    assert home
    assert relative
    assert home.database == str(tmp_path / "home" / "study.db")
    assert relative.database == str(tmp_path / "study.db")


def test_optunas_dashboard_opens_the_study(tmp_path: Path) -> None:
    sweep = Sweep(load(tmp_path, "search.storage=sqlite:///study.db"), tmp_path / "unused")
    sweep.run()
    answers: list[str] = []

    def start_response(status: str, headers: object, error: object = None) -> None:  # noqa: ARG001
        answers.append(status)

    environ = {"PATH_INFO": "/api/studies/1"}
    setup_testing_defaults(environ)
    application = wsgi(optuna.storages.RDBStorage(str(study_url(sweep.config))))
    page = json.loads(b"".join(application(environ, start_response)))
    assert answers == ["200 OK"]
    assert len(page["trials"]) == 8
    shown = {each["key"] for each in page["trials"][0]["user_attrs"]}
    assert {"cost", "mse", "role", "sample"} <= shown
