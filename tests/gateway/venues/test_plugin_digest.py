"""One digest for one set of files, whatever order the disk tells them in."""

from types import SimpleNamespace

from gateway.venues import plugin_digest
from gateway.venues.plugin_digest import digest_of


def package(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return SimpleNamespace(__file__=str(folder / "__init__.py"), __path__=[str(folder)])


def test_beyond_the_most_files_the_order_of_the_disk_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(plugin_digest, "FILES_MAX", 3)
    names = ["__init__.py", *(f"part_{number}.py" for number in range(8))]
    listed = type(tmp_path).rglob
    forward = package(tmp_path / "forward", names)
    whole = digest_of(forward)
    monkeypatch.setattr(
        type(tmp_path), "rglob", lambda folder, text: sorted(listed(folder, text), reverse=True)
    )
    assert digest_of(forward) == whole != ""


def test_a_file_more_or_another_content_is_another_digest(tmp_path, monkeypatch):
    names = ["__init__.py", *(f"part_{number}.py" for number in range(4))]
    plugin = package(tmp_path / "plugin", names)
    seen = {digest_of(plugin)}
    (tmp_path / "plugin" / "part_1.py").write_text("changed")
    seen.add(digest_of(plugin))
    monkeypatch.setattr(plugin_digest, "FILES_MAX", 3)
    seen.add(digest_of(plugin))
    (tmp_path / "plugin" / "part_9.py").write_text("one more, behind those that are read")
    seen.add(digest_of(plugin))
    assert len(seen) == 4
