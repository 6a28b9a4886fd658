"""Copying a sweep's folder to a URI and back, and the lease there; the store is a local folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import is_remote, local_folder
from msann_sweep.errors import StorageError
from msann_sweep.sweep.mirror import Mirror, bring_down
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.remote import RemoteFolder, in_time, reason


class Machine:
    """A working folder with a mirror to the store all machines share."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder / "sweep"
        self.database = folder / "sweep.mlflow.db"
        self.remote = RemoteFolder(f"file://{store}/sweep")
        self.mirror = Mirror(self.folder, self.database, self.remote)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def fetch(self) -> bool:
        return bring_down(self.remote, self.folder, self.database)

    def new_stretch(self) -> None:
        self.mirror = Mirror(self.folder, self.database, self.remote)
        self.mirror.begin()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def here(tmp_path: Path, store: Path) -> Machine:
    return Machine(tmp_path / "here", store)


@pytest.fixture
def there(tmp_path: Path, store: Path) -> Machine:
    return Machine(tmp_path / "there", store)


def stored(machine: Machine) -> set[str]:
    return set(machine.remote.listing()) - {"stretch.json"}


def test_what_changes_is_copied_and_what_goes_is_removed(here: Machine) -> None:
    here.write("sweep.json", "1")
    here.write("curves/a.jsonl", "row\n")
    here.write("tune/trial/result.json", "Tune's own")
    here.write("sweep.json.new", "half")
    here.write("lease.json", "this machine's")
    assert here.mirror.copy()
    assert stored(here) == {"sweep.json", "curves/a.jsonl"}
    here.write("curves/a.jsonl", "row\nrow\n")
    (here.folder / "sweep.json").unlink()
    assert here.mirror.copy(everything=True)
    assert stored(here) == {"curves/a.jsonl"}
    assert here.remote.read("curves/a.jsonl") == b"row\nrow\n"


def test_the_record_is_stored_after_what_it_tells_of(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("trials.jsonl", "sweep.json", "study.journal", "weights/a.pt"):
        here.write(name, "old")
    order = []
    upload = here.remote.upload

    def grows_meanwhile(file: Path, name: str) -> None:
        order.append(name)
        here.write("trials.jsonl", "newer than the journal stored")
        upload(file, name)

    monkeypatch.setattr(here.remote, "upload", grows_meanwhile)
    assert here.mirror.copy()
    assert order[0] == "stretch.json"
    assert here.remote.read("trials.jsonl") == b"old"
    assert here.mirror.copy(everything=True)
    assert here.remote.read("trials.jsonl") == b"newer than the journal stored"


def test_a_new_stretch_removes_what_the_sweep_removed_and_nothing_else(here: Machine) -> None:
    here.write("sweep.json", "1")
    here.write("checkpoints/a.ckpt", "state")
    here.mirror.copy()
    here.remote.write("notes.txt", b"somebody's")
    (here.folder / "checkpoints/a.ckpt").unlink()
    here.new_stretch()
    here.mirror.copy()
    assert stored(here) == {"sweep.json", "notes.txt"}


def test_another_machine_gets_everything(here: Machine, there: Machine) -> None:
    for name in ("sweep.json", "curves/a.jsonl", "weights/a.pt"):
        here.write(name, name)
    with closing(sqlite3.connect(here.database)) as database:
        database.execute("create table runs (id)")
        database.execute("insert into runs values (7)")
        database.commit()
        # Open all the while, as MLflow has it: what is stored is a whole database nevertheless.
        assert here.mirror.copy()
    assert not there.fetch()
    assert there.read("weights/a.pt") == "weights/a.pt"
    with closing(sqlite3.connect(there.database)) as database:
        assert database.execute("select id from runs").fetchall() == [(7,)]


def test_a_copy_follows_the_machine_that_works(here: Machine, there: Machine) -> None:
    here.write("sweep.json", "1")
    here.write("curves/a.jsonl", "1")
    here.mirror.copy()
    there.fetch()
    here.write("sweep.json", "2")
    (here.folder / "curves/a.jsonl").unlink()
    here.mirror.copy(everything=True)
    there.fetch()
    assert there.read("sweep.json") == "2"
    assert not (there.folder / "curves/a.jsonl").exists()


def test_only_changed_files_are_fetched_again(
    here: Machine, there: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("sweep.json", "1")
    here.write("weights/a.pt", "large")
    here.mirror.copy()
    there.fetch()
    here.write("sweep.json", "22")
    here.mirror.copy(everything=True)
    fetched = []
    download = there.remote.download

    def noted(name: str, file: Path) -> None:
        fetched.append(name)
        download(name, file)

    monkeypatch.setattr(there.remote, "download", noted)
    there.fetch()
    assert fetched == ["sweep.json"]


def test_the_machine_that_worked_last_keeps_what_was_not_copied(here: Machine) -> None:
    here.write("sweep.json", "1")
    here.mirror.copy()
    here.write("sweep.json", "2, after an outage")
    assert here.fetch()
    assert here.read("sweep.json") == "2, after an outage"


def test_a_stretch_that_was_never_copied_counts_too(here: Machine) -> None:
    here.write("sweep.json", "1")
    here.mirror.copy()
    here.new_stretch()
    here.write("sweep.json", "2")
    assert here.fetch()
    assert here.read("sweep.json") == "2"


def test_the_machine_that_was_replaced_takes_the_other_s_work(
    here: Machine, there: Machine
) -> None:
    here.write("sweep.json", "1")
    here.mirror.copy()
    here.write("sweep.json", "never copied")
    there.fetch()
    there.new_stretch()
    there.write("sweep.json", "gone on")
    there.mirror.copy()
    assert not here.fetch()
    assert here.read("sweep.json") == "gone on"


def test_an_outage_is_waited_for(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("sweep.json", "1")
    here.mirror.copy()
    here.write("sweep.json", "22")

    def fails(*_: object) -> None:
        raise OSError("the network is gone")

    with monkeypatch.context() as outage:
        outage.setattr(here.remote, "write", fails)
        assert not here.mirror.copy(everything=True)
        assert here.mirror.lost == "the network is gone"
        here.mirror.start()
        assert here.mirror.close(patience_s=0) == ["sweep.json"]
    assert here.remote.read("sweep.json") == b"1"
    assert here.mirror.copy(everything=True)
    assert here.mirror.lost is None
    assert here.remote.read("sweep.json") == b"22"


def test_a_store_that_took_all_patience_is_not_tried_again(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("weights", "1")
    tried, closing_down = threading.Event(), threading.Event()
    times = []

    def freezes(*_: object) -> None:
        times.append(time.monotonic())
        tried.set()
        assert closing_down.wait(60)
        time.sleep(1.0)
        raise TimeoutError("not taken")

    monkeypatch.setattr(here.remote, "upload", freezes)
    here.mirror.start()
    assert tried.wait(60)
    closing_down.set()
    assert here.mirror.close(patience_s=0.1) == ["stretch.json", "weights"]
    assert len(times) == 1


def test_errors_in_words_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    assert reason(OSError("signed with very-secret\nand more")) == "signed with ***"
    with pytest.raises(StorageError, match=r"^storage: x: not allowed"):
        in_time("storage: x", lambda: (_ for _ in ()).throw(PermissionError("no")))


def test_a_store_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # nobody will ever write to it
    with pytest.raises(StorageError, match=r"^storage: x: no answer within 0 s$"):
        in_time("storage: x", pipe.read_bytes, limit_s=0.01)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("memory://sweeps", "allowed: a store that keeps"),
        ("nosuch://sweeps", "Protocol not known"),
        ("ftp://user:secret@host/sweeps", r"ftp://user:\*\*\*@host/sweeps; allowed: a URI without"),
    ],
)
def test_what_is_no_store(uri: str, message: str) -> None:
    with pytest.raises(StorageError, match=message) as refusal:
        RemoteFolder(uri)
    assert "secret" not in str(refusal.value)


def test_a_sweep_at_a_uri_is_named_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSANN_CACHE_DIR", str(tmp_path))
    config = SweepConfig(name="sweep", storage="s3://bucket/team/")
    directory = SweepDirectory.create(config)
    assert directory.path == local_folder("s3://bucket/team") / "sweep"
    assert directory.address == "s3://bucket/team/sweep"
    assert directory.config() == config
    elsewhere = SweepDirectory(shutil.copytree(directory.path, tmp_path / "by-hand" / "sweep"))
    assert elsewhere.address == str(elsewhere.path)
    assert elsewhere.config().storage == str(tmp_path / "by-hand")


def test_where_a_storage_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MSANN_CACHE_DIR", str(tmp_path / "cache"))
    assert local_folder("runs") == Path("runs")
    assert local_folder(f"file://{tmp_path}/my%20runs") == tmp_path / "my runs"
    assert not is_remote(f"file://{tmp_path}")
    first, second = (local_folder(f"s3://bucket/{name}") for name in ("one", "two"))
    assert first != second
    assert first.parent == tmp_path / "cache" / "sweeps"
    assert local_folder("s3://bucket/one/") == first
