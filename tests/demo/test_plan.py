from __future__ import annotations

from pathlib import Path

import pytest

from leasehold.demo.plan import EARLY, FIRST, NODE_KILL, NothingToTranscribe, own, shipped
from leasehold.demo.trouble import Kind, Trouble
from leasehold.demo.wav import UnreadableAudio, open_recording

SLOTS = 4  # two nodes of two


def test_the_batch_has_at_least_24_tasks_on_as_many_files(tmp_path: Path) -> None:
    items = shipped(tmp_path).items
    assert len(items) >= 24
    assert len({item.source for item in items}) == len(items)
    assert all(item.source.is_file() for item in items)


def test_each_fault_strikes_exactly_one_task(tmp_path: Path) -> None:
    kinds = [item.trouble.kind for item in shipped(tmp_path).items if item.trouble.kind]
    assert sorted(kinds) == sorted({Kind.FAIL_TWICE, Kind.KILL_NODE, Kind.KILL_SLOT})


def test_the_one_file_that_must_fail_is_damaged_and_the_others_are_whole(tmp_path: Path) -> None:
    for item in shipped(tmp_path).items:
        if item.ends_well:
            assert open_recording(item.source).seconds < 4.0
            assert item.spoken
        else:
            with pytest.raises(UnreadableAudio):
                open_recording(item.source)


def test_the_node_is_killed_while_each_slot_still_has_its_first_task(tmp_path: Path) -> None:
    first = shipped(tmp_path).items[:SLOTS]
    assert tuple(item.source.name for item in first) == FIRST
    killer = next(item for item in first if item.trouble.kind is Kind.KILL_NODE)
    assert killer.source.name == NODE_KILL
    assert all(item.ends_well for item in first)


def test_what_goes_wrong_goes_first_so_that_it_is_soon_tried_again(tmp_path: Path) -> None:
    items = shipped(tmp_path).items
    assert tuple(item.source.name for item in items[: len(EARLY)]) == EARLY
    assert all(item in items[: len(EARLY)] for item in items if item.trouble.kind or not item.ends_well)
    assert min(item.priority for item in items[: len(EARLY)]) > max(item.priority for item in items[len(EARLY) :])


def test_arguments_are_plain_values_that_a_handler_can_read_back(tmp_path: Path) -> None:
    plan = shipped(tmp_path)
    by_priority = plan.arguments()
    assert list(by_priority) == sorted(by_priority, reverse=True)
    flat = [arguments for rows in by_priority.values() for arguments in rows]
    for item, arguments in zip(plan.items, flat, strict=True):
        assert {name: type(value) for name, value in arguments.items()} == {
            "source": str,
            "pace": float,
            "model": str,
            "trouble": str,
        }
        assert Trouble.parse(str(arguments["trouble"])) == item.trouble
        assert arguments["source"] == str(item.source)


def test_a_folder_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("b.WAV", "a.wav", "notes.txt", "c.wave"):
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    plan = own(tmp_path)
    assert [item.source.name for item in plan.items] == ["a.wav", "b.WAV", "c.wave"]
    assert {item.trouble for item in plan.items} == {Trouble()}
    assert plan.arguments() == {0: [{"source": str(tmp_path / name)} for name in ("a.wav", "b.WAV", "c.wave")]}


def test_a_text_beside_a_recording_is_what_was_said_there(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).touch()
    (tmp_path / "a.txt").write_text("We don't know, yet.\nDo we?")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    assert [item.spoken for item in own(tmp_path).items] == ["we don't know yet do we", None, None]


@pytest.mark.parametrize(
    ("name", "told"), [("nowhere", "there is no folder .*nowhere; name one"), ("file", ".*file is a file; name the fo")]
)
def test_what_is_no_folder_is_said(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NothingToTranscribe, match=told):
        own(tmp_path / name)


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(NothingToTranscribe, match=f"there are no WAV files in {tmp_path}; put"):
        own(tmp_path)
