"""Passwords are masked wherever a URI is shown."""

from __future__ import annotations

import pytest

from msann_sweep.secrets import masked, without_mask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host:5000", "http://user:***@host:5000"),
        ("postgresql+psycopg2://u:se:c@ret@host/db", "postgresql+psycopg2://u:***@host/db"),
        ("http://:secret@host", "http://:***@host"),
        ("http://me@corp:secret@host", "http://me@corp:***@host"),
        ("postgresql://me@corp:secret@host/db", "postgresql://me@corp:***@host/db"),
        ("postgresql://me:12/sec/ret@host/db", "postgresql://me:***@host/db"),
        ("mysql+pymysql://u:a/b@h:3306/db?x=c@d", "mysql+pymysql://u:***@h:3306/db?x=c@d"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("sftp://host:22/home/me@lab/runs", "sftp://host:22/home/me@lab/runs"),
        ("failed at 'http://u:secret@h/api', again", "failed at 'http://u:***@h/api', again"),
        ("redis://h/0?password=secret&db=1", "redis://h/0?password=***&db=1"),
        ("http://host:5000", "http://host:5000"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:///runs/mlflow.db", "sqlite:///runs/mlflow.db"),
    ],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    ("uri", "used"),
    [
        ("http://user:***@host:5000", "http://user@host:5000"),
        ("http://user:secret@host", "http://user:secret@host"),
        ("postgresql://me@corp:***@host/db", "postgresql://me@corp@host/db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_a_masked_password_is_left_to_the_environment(uri: str, used: str) -> None:
    assert without_mask(uri) == used
