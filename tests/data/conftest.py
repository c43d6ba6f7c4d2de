import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def data_folder() -> Path | None:
    """LUTRA_DATA, else the shared folder beside the repository, else None: the loader fetches."""
    folder = Path(os.environ.get("LUTRA_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No local data, no network, an empty cache; returns the cache folder."""
    monkeypatch.delenv("LUTRA_DATA", raising=False)
    monkeypatch.setenv("LUTRA_OFFLINE", "1")
    monkeypatch.setenv("LUTRA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
