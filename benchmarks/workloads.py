"""What is run plain and traced: programs, with material that is made for them and the same on every machine."""
from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from arena import ArenaError, run

ADDED, WHOLE = "added", "whole"  # which goal stands on it, if one does
SEED = 4
SMALL = 4000  # bytes of the largest file of the tree
TOUCHED = 20  # files that a commit changes
MODULES = "asyncio, ctypes, email.mime.text, http.server, logging.config, multiprocessing.pool, sqlite3, unittest"
HEADERS = "assert ctype dirent errno fcntl inttypes locale math netdb poll pthread regex signal stdio stdlib string"


class Workload(NamedTuple):
    """A command; what it leaves at `makes` is removed before it is run again, unmeasured."""

    name: str
    command: tuple[str, ...]
    goal: str = ""
    makes: Path | None = None

    def clear(self) -> None:
        """Remove what an earlier run left."""
        if self.makes is not None and self.makes.is_dir():
            shutil.rmtree(self.makes)
        elif self.makes is not None:
            self.makes.unlink(missing_ok=True)


class Sizes(NamedTuple):
    """Files of the tree, files and commits of the repository, MB to be summed up, and for about how many seconds."""

    files: int
    repository: int
    commits: int
    megabytes: int
    seconds: float


def check() -> None:
    """Before anything takes time. ArenaError: a program is missing."""
    for name in ("gcc", "git", "sha256sum", "strace", "tar"):
        if shutil.which(name) is None:
            raise ArenaError(f"{name} is missing")


def everything(folder: Path, sizes: Sizes) -> list[Workload]:
    """All workloads, with their material in `folder`. ArenaError: it cannot be made."""
    folder.mkdir()
    tree(folder / "tree", sizes.files)
    repository(folder / "repository", sizes.repository, sizes.commits)
    source = folder / "source.c"
    source.write_text("".join(f"#include <{name}.h>\n" for name in HEADERS.split()) + "int main(void) { return 0; }\n")
    archive, clone, program = folder / "archive", folder / "clone", folder / "program"
    return [
        Workload("tar", ("tar", "-cf", str(archive), "-C", str(folder), "tree"), ADDED, archive),
        Workload("git clone", ("git", "clone", "-q", "--no-local", f"file://{folder}/repository", str(clone)), ADDED,
                 clone),
        Workload("sha256sum", summing(folder / "large", sizes), WHOLE),
        Workload("gcc", ("gcc", "-O1", "-o", str(program), str(source)), makes=program),
        Workload("python", ("/usr/bin/python3", "-I", "-B", "-c", f"import {MODULES}")),
        Workload("true", ("true",)),
    ]


def _texts(count: int) -> Iterator[bytes]:
    """Contents of files, the same ones each time."""
    chance = random.Random(SEED)
    pool = chance.randbytes(1 << 20)
    for _ in range(count):
        at = chance.randrange(len(pool) - SMALL)
        yield pool[at:at + chance.randint(50, SMALL)]


def tree(top: Path, count: int) -> None:
    """`count` small files, 100 in each folder, two levels deep."""
    for number, text in enumerate(_texts(count)):
        folder = top / f"{number // 2000:03}" / f"{number // 100 % 20:02}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"file{number % 100:02}.txt").write_bytes(text)


def repository(top: Path, files: int, commits: int) -> None:
    """A packed bare repository of `files` files; each of its commits changes a few of them."""
    run("git", "init", "-q", "--bare", "-b", "main", top)
    done = subprocess.run(["git", "fast-import", "--quiet"], cwd=top, input=b"".join(_history(files, commits)),
                          capture_output=True)
    if done.returncode:
        raise ArenaError(f"git fast-import: {done.stderr.decode()[-600:]}")
    run("git", "repack", "-adq", cwd=top)


def _history(files: int, commits: int) -> Iterator[bytes]:
    """What git-fast-import(1) reads."""
    chance = random.Random(SEED)
    texts = list(_texts(files))
    for number in range(commits):
        yield b"commit refs/heads/main\ncommitter Nobody <nobody@localhost> %d +0000\ndata 7\nchange\n\n" % (1 << 30)
        changed = range(files) if not number else chance.sample(range(files), min(TOUCHED, files))
        for file in changed:
            texts[file] += b"%d\n" % number
            yield b"M 100644 inline d%02d/file%05d\ndata %d\n%s\n" % (
                file % 50, file, len(texts[file]), texts[file])


def summing(large: Path, sizes: Sizes) -> tuple[str, ...]:
    """sha256sum of one large file as many times as take the seconds that are wanted."""
    with open(large, "wb") as file:
        piece = random.Random(SEED).randbytes(1 << 20)
        for _ in range(sizes.megabytes):
            file.write(piece)
    begin = time.perf_counter()
    run("sha256sum", large)
    times = max(1, round(sizes.seconds / (time.perf_counter() - begin)))
    return "sha256sum", *[str(large)] * times
