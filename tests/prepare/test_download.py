"""Downloads from a real server on the loopback that breaks off, lies, changes its file or knows no ranges."""

import contextlib
import hashlib
import http.server
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from gnn_dml.errors import UserError
from gnn_dml.prepare import download

CONTENT = bytes(range(256)) * 40_000  # 10 MB
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; what it does wrong is set on it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = CONTENT, '"first"'
        self.ranges, self.stop_after, self.slow, self.status = True, None, 0.0, None
        self.asked, self.counted = [], True
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()  # seconds until it sees its end

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status:
            self.send_error(server.status)
            return
        start, total = 0, len(server.content)
        if asked and server.ranges and self.headers.get("If-Range") in (None, server.etag):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            self.send_response(200)
        if server.counted:
            self.send_header("Content-Length", str(total - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        end = total if server.stop_after is None else min(total, start + server.stop_after)
        for at in range(start, end, 2**18):
            with contextlib.suppress(ConnectionError):
                self.wfile.write(server.content[at : min(at + 2**18, end)])
            time.sleep(server.slow)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


def test_a_whole_file_comes_and_leaves_nothing_beside_it(server, tmp_path):
    path = download(server.url, tmp_path / "new" / "file.bin", size=len(CONTENT), md5=MD5)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def broken_off(server, path, after):
    server.stop_after = after
    then = "goes on from there" if server.etag else "begins again: the server does not name its file's version"
    with pytest.raises(UserError, match=rf"broke off after \d+ bytes .*the same command {then}"):
        download(server.url, path, md5=MD5)
    server.stop_after = None
    assert not path.exists()
    return path.with_name("file.bin.part").stat().st_size


def test_a_broken_download_goes_on_where_it_was(server, tmp_path):
    path = tmp_path / "file.bin"
    came = broken_off(server, path, 3_000_000)
    assert 0 < came <= 3_000_000
    more = broken_off(server, path, 2_000_000)
    assert came < more <= came + 2_000_000
    download(server.url, path, size=len(CONTENT), md5=MD5)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={came}-", f"bytes={more}-"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["content", "ranges", "etag"])
def test_it_begins_again_where_going_on_would_mix_two_files(server, tmp_path, change):
    """The file has changed; the server knows no ranges; the server does not say which version it has."""
    path = tmp_path / "file.bin"
    if change == "etag":
        server.etag = None
    broken_off(server, path, 3_000_000)
    expected = CONTENT
    if change == "content":
        server.content, server.etag = CONTENT[::-1], '"second"'
        expected = CONTENT[::-1]
    if change == "ranges":
        server.ranges = False
    download(server.url, path, md5=hashlib.md5(expected).hexdigest())
    assert path.read_bytes() == expected


def test_all_had_come_before_it_was_interrupted(server, tmp_path):
    """Killed between the last byte and the new name: nothing is left to ask for."""
    path, part = tmp_path / "file.bin", tmp_path / "file.bin.part"
    broken_off(server, path, 9_000_000)
    part.write_bytes(CONTENT)
    download(server.url, path, md5=MD5)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_begun_again(server, tmp_path):
    path, part = tmp_path / "file.bin", tmp_path / "file.bin.part"
    broken_off(server, path, 9_000_000)
    part.write_bytes(CONTENT + b"more")
    download(server.url, path, md5=MD5)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", [{"md5": "0" * 32}, {"size": len(CONTENT) + 5}])
def test_another_file_than_published_is_removed(server, tmp_path, wrong):
    with pytest.raises(UserError, match=r"are expected; the file was removed|is expected; the file was removed"):
        download(server.url, tmp_path / "file.bin", **wrong)
    assert not list(tmp_path.iterdir())


def test_what_was_there_stays_until_the_new_file_is_whole(server, tmp_path):
    path = tmp_path / "file.bin"
    path.write_text("old")
    server.stop_after = 1000
    with pytest.raises(UserError):
        download(server.url, path)
    assert path.read_text() == "old"


def test_servers_that_say_no_and_those_that_are_not_there(server, tmp_path):
    server.status = 404
    with pytest.raises(UserError, match=r"the server says 404 .*--url.*--archive"):
        download(server.url, tmp_path / "file.bin")
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"cannot be reached \(.*refused\); try again, or name a file .* --archive"):
        download(url, tmp_path / "file.bin")
    for strange in ("http://[x", "http://127.0.0.1:1/\xfc"):
        with pytest.raises(UserError, match="is no address: "):
            download(strange, tmp_path / "file.bin")
    for strange in ("ftp://x/y", "file:///etc/passwd", "x"):
        with pytest.raises(UserError, match="must begin with http"):
            download(strange, tmp_path / "file.bin")
    assert not list(tmp_path.iterdir())


def test_killed_in_the_middle_it_goes_on(server, tmp_path):
    path, part = tmp_path / "file.bin", tmp_path / "file.bin.part"
    server.slow = 0.05
    code = "import sys; from pathlib import Path; from gnn_dml.prepare import download"
    command = [sys.executable, "-c", f"{code}; download(sys.argv[1], Path(sys.argv[2]))", server.url, str(path)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while (not part.exists() or part.stat().st_size < 2**20) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    came = part.stat().st_size
    assert 2**20 <= came < len(CONTENT)
    server.slow = 0.0
    download(server.url, path, md5=MD5)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={came}-"


@pytest.mark.parametrize("counted", [True, False])
def test_more_than_is_expected_does_not_fill_the_disk(server, tmp_path, counted):
    """Whether the server says how much is coming or not."""
    server.counted = counted
    for most in ({"size": 5_000_000}, {"limit": 5_000_000}):
        with pytest.raises(UserError, match="the server sends more than 5000000 bytes; what had come was removed"):
            download(server.url, tmp_path / "file.bin", **most)
        assert not list(tmp_path.iterdir())
