"""ELF files: against pyelftools, with and without sections, from gcc, and damaged in every way."""
from __future__ import annotations

import os
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings, strategies as st

from pam_mktemp_py.scan import elf
from pam_mktemp_py.scan.model import LIBC, MOST_PLACES, Limits
from pam_mktemp_py.scan.pieces import CHUNK, find
from tests.scanned import FIXED, UNSAFE, WATCHED, compiled, looked, reasons

ALL = {"mktemp", "tmpnam", "tempnam", "tmpfile"}


def programs(number: int) -> list[Path]:
    """Some programs of the machine, of moderate size."""
    found = [path for path in sorted(Path("/usr/bin").iterdir()) if path.is_file() and not path.is_symlink()
             and path.stat().st_size < 400_000 and path.read_bytes()[:4] == b"\x7fELF"]
    return random.Random(4).sample(found, min(number, len(found)))


def calls(path: Path) -> set[str]:
    """The functions that the look names."""
    return {place.evidence.removesuffix("()") for place in looked(path).places if place.evidence.endswith("()")}


def test_the_same_as_pyelftools_says() -> None:
    seen = [path for path in map(Path, ("/usr/bin/ed", "/usr/bin/make", "/usr/bin/bash")) if path.exists()]
    for path in [*programs(25), *seen]:
        with path.open("rb") as file:
            image = ELFFile(file)
            symbols = image.get_section_by_name(".dynsym")
            all_symbols = symbols.iter_symbols() if symbols else []
            imported = {one.name for one in all_symbols if one["st_shndx"] == "SHN_UNDEF"}
            rodata = [(one["sh_offset"], one["sh_size"]) for one in image.iter_sections() if one.name == ".rodata"]
            parts = elf.parts(file.fileno(), path.stat().st_size, os.pread(file.fileno(), 256, 0))
        assert parts is not None and set(rodata) <= set(parts.data), path
        if symbols:
            assert set(parts.functions) == imported & set(LIBC), path


def test_strings_are_those_in_the_file() -> None:
    for path in programs(25):
        data = path.read_bytes()
        for place in looked(path).places:
            if place.offset >= 0:
                assert data[place.offset:].startswith(place.evidence.encode()), path


def test_imports(tmp_path: Path) -> None:
    found = looked(compiled(tmp_path / "x", UNSAFE))
    assert (found.kind, found.read, found.cut, found.failed) == ("elf", "sections", 0, "")
    assert calls(tmp_path / "x") == ALL
    levels = {place.evidence: (place.reason, place.level) for place in found.places}
    assert levels["mktemp()"] == ("unsafe-name", "likely") and levels["tmpfile()"] == ("tmpfile", "possible")
    assert levels["/dev/shm"] == ("path", "likely") and levels["/var/tmp/witness.XXXXXX"] == ("template", "possible")


def test_a_string_and_tmpdir(tmp_path: Path) -> None:
    fixed = looked(compiled(tmp_path / "x", FIXED))
    assert [(place.evidence, place.level) for place in fixed.places] == [("/tmp/witness.out", "likely")]
    honest = FIXED.replace("return", 'extern char *getenv(const char *); getenv("TMPDIR"); return')
    found = looked(compiled(tmp_path / "y", honest))
    assert [(place.evidence, place.level) for place in found.places] == [("/tmp/witness.out", "possible")]


@pytest.mark.parametrize(("text", "wanted"), [
    ("/tmp", ["path"]), ("/tmp/x.%d", ["pid-name"]), ("/tmpfs", []), ("see /tmp", ["mention"]), ("/usr/tmp", []),
    ("x/tmp", []),
])
def test_what_a_string_is(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert reasons(looked(compiled(tmp_path / "x", FIXED.replace("/tmp/witness.out", text)))) == wanted


def test_a_name_that_only_ends_so_is_no_import(tmp_path: Path) -> None:
    """The linker lets mktemp be the end of my_mktemp's bytes, and does not make an import of it."""
    other = "int my_mktemp(void) { return 0; } int main(void) { return my_mktemp(); }"
    assert calls(compiled(tmp_path / "x", other, "-rdynamic")) == set()
    own = "int mktemp(void) { return 0; } int main(void) { return mktemp(); }"
    assert calls(compiled(tmp_path / "z", own, "-rdynamic", "-fno-builtin")) == set()
    both = UNSAFE + "int my_mktemp(void) { return 0; }"
    assert calls(compiled(tmp_path / "y", both, "-rdynamic")) == ALL


def test_static_and_unlinked(tmp_path: Path) -> None:
    assert calls(compiled(tmp_path / "static", UNSAFE, "-static")) >= ALL
    assert calls(compiled(tmp_path / "x.o", UNSAFE, "-c")) == ALL
    narrow = compiled(tmp_path / "narrow.o", UNSAFE, "-c", "-m32")
    assert narrow.read_bytes()[4] == 1 and calls(narrow) == ALL
    assert "template" in reasons(looked(narrow))


def without_sections(path: Path) -> Path:
    """As sstrip leaves it: the loader needs no sections."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<HHH", data, 58, 0, 0, 0)
    path.write_bytes(data)
    return path


def test_segments_where_there_are_no_sections(tmp_path: Path) -> None:
    found = looked(without_sections(compiled(tmp_path / "x", UNSAFE)))
    assert (found.read, found.failed) == ("segments", "") and calls(tmp_path / "x") == ALL
    assert "/dev/shm" in {place.evidence for place in found.places}
    fixed = looked(without_sections(compiled(tmp_path / "y", FIXED)))
    assert [place.evidence for place in fixed.places] == ["/tmp/witness.out"]


@pytest.mark.parametrize(("field", "layout"), [(40, "<Q"), (24, "<Q"), (32, "<Q"), (40, "<I")])
def test_a_table_of_sections_that_lies(tmp_path: Path, field: int, layout: str) -> None:
    """Its place in the header, or offset, size or link of a section: the kernel does not look, and starts it."""
    path = compiled(tmp_path / "x", UNSAFE)
    data = bytearray(path.read_bytes())
    table, = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    absurd = (1 << 8 * struct.calcsize(layout)) - 64
    places = [40] if (field, layout) == (40, "<Q") else [
        table + 64 * number + field for number in range(count) if number != names]
    for place in places:
        struct.pack_into(layout, data, place, absurd)
    path.write_bytes(data)
    assert subprocess.run([path], env={}).returncode in (0, 1)
    found = looked(path)
    assert found.failed == "" and calls(path) == ALL
    assert "/dev/shm" in {place.evidence for place in found.places}


def test_code_and_data_in_one_segment(tmp_path: Path) -> None:
    bare = FIXED.replace("main", "_start").replace("return open(", "return (int) (").replace(", 0101, 0600)", ")")
    path = without_sections(compiled(tmp_path / "x", bare, "-static", "-nostdlib", "-Wl,--omagic"))
    assert "/tmp/witness.out" in {place.evidence for place in looked(path).places}


@pytest.mark.parametrize("data", [b"\x7fELF", b"\x7fELF" + b"\xff" * 200, b"\x7fELF\2\1\1" + b"\0" * 57])
def test_no_program_is_told(tmp_path: Path, data: bytes) -> None:
    found = looked(tmp_path / "x", data)
    assert found.kind == "elf" and "not a program that would load" in found.failed


def test_a_core_dump_is_no_program(tmp_path: Path) -> None:
    assert looked(tmp_path / "x", b"\x7fELF\2\1\1" + b"\0" * 9 + b"\4\0" + b"\0" * 46).kind == ""


def test_more_than_is_looked_at(tmp_path: Path) -> None:
    path = compiled(tmp_path / "x", FIXED)
    assert looked(path, limits=Limits(elf=1)).cut == 1
    many = "const char *all[] = {" + ",".join(f'"/tmp/{number}"' for number in range(100)) + "};" + FIXED
    found = looked(compiled(tmp_path / "y", many))
    assert len(found.places) == MOST_PLACES and found.more


def test_a_sparse_giant(tmp_path: Path) -> None:
    """A section of a terabyte, as it says and as the file is: what is read is bounded."""
    data = bytearray(compiled(tmp_path / "x", FIXED).read_bytes())
    table, = struct.unpack_from("<Q", data, 40)
    count, = struct.unpack_from("<H", data, 60)
    for number in range(count):
        if struct.unpack_from("<I", data, table + number * 64 + 4) == (1,):
            struct.pack_into("<Q", data, table + number * 64 + 32, 1 << 40)
    (tmp_path / "x").write_bytes(data)
    os.truncate(tmp_path / "x", 2 << 40)
    found = looked(tmp_path / "x", limits=Limits(elf=1 << 20))
    assert (found.cut, found.failed) == (1 << 20, "")


@given(st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.sampled_from([b"/tmp", b"v/shm", b"/tm", b"\0", b"/tmp/tmp"])),
                max_size=12), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_needles_are_found_wherever_pieces_end(tmp_path_factory: pytest.TempPathFactory,
                                               put: list[tuple[int, bytes]], near: int) -> None:
    data = bytearray(3 * CHUNK + 100)
    for at, what in [*put, (CHUNK - near, b"/tmp"), (2 * CHUNK - near, b"v/shm")]:
        data[at:at + len(what)] = what
    path = tmp_path_factory.mktemp("pieces") / "x"
    path.write_bytes(data)
    needles = (b"/tmp", b"v/shm")
    wanted = [found.start() for found in re.finditer(b"(?=/tmp|v/shm)", data)]
    with path.open("rb") as file:
        assert [at for at, _ in find(file.fileno(), [(0, len(data))], needles)] == wanted


@pytest.mark.parametrize("near", range(10))
def test_a_needle_on_the_edge_of_a_piece(tmp_path: Path, near: int) -> None:
    (tmp_path / "x").write_bytes(b"\0" * (CHUNK - near) + b"v/shm" + b"\0" * CHUNK)
    with (tmp_path / "x").open("rb") as file:
        found = list(find(file.fileno(), [(0, 2 * CHUNK), (7, CHUNK)], (b"/tmp", b"v/shm")))
    assert found == [(CHUNK - near, 0)] + [(CHUNK - near, 7)]


DAMAGE = st.lists(st.tuples(st.integers(0, 1 << 14), st.sampled_from([0, 1, 2, 4, 8]),
                            st.sampled_from([0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 1 << 40, (1 << 64) - 1])
                            | st.integers(0, (1 << 64) - 1)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Programs with and without sections."""
    folder = tmp_path_factory.mktemp("images")
    usual = compiled(folder / "x", UNSAFE)
    return [usual.read_bytes(), without_sections(usual).read_bytes()]


@given(which=st.integers(0, 1), damage=DAMAGE, ends=st.booleans(), cut=st.none() | st.integers(4, 16000))
@settings(max_examples=200, deadline=None)
def test_damaged(images: list[bytes], tmp_path_factory: pytest.TempPathFactory, which: int,
                 damage: list[tuple[int, int, int]], ends: bool, cut: int | None) -> None:
    """The header, the tables at its end, anything: a look ends with places or with a reason."""
    data = bytearray(images[which])
    for at, width, value in damage:
        at = len(data) - 2048 + at % 2040 if ends else at % (64 if at % 2 else len(data) - 8)
        data[at:at + width] = value.to_bytes(8, "little")[:width]
    data[:4] = b"\x7fELF"
    found = looked(tmp_path_factory.getbasetemp() / "damaged", bytes(data[:cut]))
    assert found.kind in ("elf", "") and len(found.places) <= MOST_PLACES + len(LIBC)
    assert found.failed or found.read or not found.kind


def test_a_needle_is_in_every_name() -> None:
    for name in LIBC:
        assert [needle for needle in elf._NEEDLES if needle in name.encode() + b"\0"], name
    for directory in WATCHED.directories:
        assert WATCHED.anywhere(directory.encode())
