import hashlib
import io
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lutra.data._fetch import cache_folder, download, from_package
from lutra.errors import DataError


@pytest.fixture
def server(monkeypatch):
    """A server of 100,000 bytes; any path holding ``none`` is not found."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if "none" in self.path else 200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(bytes(100_000))

        def log_message(self, format, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/"
        http.shutdown()


def test_download_reports_progress(server):
    seen = []
    assert download(server, 1 << 20, lambda *now: seen.append(now)) == bytes(100_000)
    assert seen[-1] == (100_000, 100_000)


def test_download_is_bounded(server):
    with pytest.raises(DataError, match="more than the 1000 bytes"):
        download(server, 1000)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_download_errors_name_the_address(server):
    for url in (server + "none", "http://127.0.0.1:1/x", "nonsense"):
        with pytest.raises(DataError, match=url):
            download(url, 1000)


def sdist(names: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def pip(monkeypatch):
    """Replace pip by a copy of an archive; returns the archive's bytes, to set, and the calls."""
    state = {"archive": b"", "code": 0, "calls": []}

    def run(command, **_):
        state["calls"].append(command)
        (Path(command[-1]) / "p-1.tar.gz").write_bytes(state["archive"])
        return subprocess.CompletedProcess(command, state["code"], "", "ERROR: one\nERROR: two\n")

    monkeypatch.setattr(subprocess, "run", run)
    return state


def test_from_package(pip):
    pip["archive"] = sdist({"p-1/data.npz": b"content"})
    digest = hashlib.sha256(pip["archive"]).hexdigest()
    assert from_package("p==1", digest, "p-1/data.npz") == b"content"
    assert "--require-hashes" in pip["calls"][0]
    with pytest.raises(DataError, match="no file p-1/other"):
        from_package("p==1", digest, "p-1/other")
    with pytest.raises(DataError, match="not the expected"):
        from_package("p==1", "0" * 64, "p-1/data.npz")
    pip["code"] = 1
    with pytest.raises(DataError, match="p==1: ERROR: two"):
        from_package("p==1", digest, "p-1/data.npz")


def test_from_package_without_pip(monkeypatch):
    def run(*_, **__):
        raise subprocess.TimeoutExpired("pip", 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DataError, match="timed out"):
        from_package("p==1", "0" * 64, "x")


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LUTRA_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("LUTRA_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "lutra"
