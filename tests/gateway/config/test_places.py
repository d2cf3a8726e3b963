"""Paths are resolved the same way every time and the ring is found in memory."""

from pathlib import Path

from gateway.config import find_ring_directory, is_on_tmpfs, read_secrets


def test_the_runtime_directory_of_systemd_wins(tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/gateway/a:/run/other"}
    found = find_ring_directory("a", environ, 7, system_runtime=tmp_path)
    assert found == Path("/run/gateway/a")


def test_a_writable_system_directory_comes_second(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert find_ring_directory("a", {}, 7, system_runtime=tmp_path) == tmp_path / "a"


def test_the_shared_memory_directory_carries_user_and_name(tmp_path: Path) -> None:
    found = find_ring_directory("a", {}, 7, system_runtime=tmp_path)
    assert found == Path("/dev/shm/gateway-7-a")


def test_the_longest_mount_point_decides_what_memory_is(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    inner = tmp_path / "inner"
    inner.mkdir()
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nnone {inner} tmpfs rw 0 0\n", encoding="utf-8")
    assert is_on_tmpfs(inner / "not" / "made" / "yet", mounts)
    assert not is_on_tmpfs(tmp_path, mounts)


def test_secrets_are_read_from_files_and_credentials(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n", encoding="utf-8")
    (tmp_path / "b").write_text("two", encoding="utf-8")
    secrets = {"x": "a", "y": "$CREDENTIALS_DIRECTORY/b"}
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_secrets(secrets, tmp_path, environ) == {"x": "one", "y": "two"}
