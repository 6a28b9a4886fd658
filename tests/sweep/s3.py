"""A local S3 server for the tests: moto's, as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "sweeps"
SECRET = "a-very-secret-key"


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(port: int) -> dict[str, str]:
    """What a user would set to reach the server."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "an-access-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def server(port: int, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server on that port, with an empty bucket unless it refuses everybody."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _make_bucket(port)
        yield process
    finally:
        process.kill()
        process.wait()


def _make_bucket(port: int) -> None:
    names = environment(port)
    client = boto3.client(
        "s3",
        endpoint_url=names["AWS_ENDPOINT_URL"],
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name=names["AWS_DEFAULT_REGION"],
    )
    deadline = time.monotonic() + 300
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            return
        except ClientError:
            return  # it answers, and refuses
        except BotoCoreError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
