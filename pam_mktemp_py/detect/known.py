"""Programs and names that are known: what must stay shared, where programs meet, and what moves a program's files.

Each row was observed on Debian 12 or is documented by the program itself; the first row that fits counts.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from pam_mktemp_py.detect.model import HARDCODED, KNOB, SHARED_IPC, USER_IPC


class Known(NamedTuple):
    """`program` is matched against the file's name, `path` against the name without what varies; "" fits all."""

    program: str
    path: str
    kind: str
    advice: str


_X = "keep it shared: X clients of all sessions look for it there"
_ROWS = (
    # Rendezvous of several users or sessions.
    Known("", r"/\.X11-unix(/|$)|/\.(t?X<display>|t?X\d+)-lock$", SHARED_IPC, _X),
    Known("", r"/\.(ICE|XIM|font|Test)-unix(/|$)", SHARED_IPC, "keep it shared: session managers and X look there"),
    Known("", r"/\.s\.PGSQL\.", SHARED_IPC, "unix_socket_directories of the server, PGHOST of its clients"),
    Known("", r"/mysql(x|d)?\.sock(\.lock)?$", SHARED_IPC, "--socket of the server, MYSQL_UNIX_PORT of its clients"),
    Known("", r"/mongodb-\d+\.sock$", SHARED_IPC, "net.unixDomainSocket.pathPrefix in mongod.conf"),
    Known("", r"/\.dotnet(/|$)", SHARED_IPC, "keep it shared: named mutexes of .NET are for all users"),
    Known("", r"/nvidia-mps(/|$)", SHARED_IPC, "CUDA_MPS_PIPE_DIRECTORY"),
    Known("", r"/\.esd(-<uid>)?(/|$)", SHARED_IPC, "keep it shared"),
    # One user's.
    Known("tmux", "", USER_IPC, "TMUX_TMPDIR=$TMPDIR for all that use the server, or tmux -S"),
    Known("ssh-agent", "", USER_IPC, 'ssh-agent -a "$TMPDIR/agent"'),
    Known("sshd|sshd-session", r"/ssh-", USER_IPC, "no knob: a private mount of /tmp for the session"),
    Known("sshd|sshd-session|login", r"/(krb5cc_|sshauth)", USER_IPC, "no knob here: a private mount of /tmp"),
    Known("", r"/krb5cc", USER_IPC, "KRB5CCNAME, or default_ccache_name in krb5.conf"),
    Known("dropbear", "", USER_IPC, "no knob: a private mount of /tmp for the session"),
    Known("dbus-daemon|dbus-launch|dbus-run-session", "", USER_IPC,
          "dbus-daemon --address=unix:tmpdir=$TMPDIR, or <listen> in /etc/dbus-1/session-local.conf"),
    Known("SCREEN|screen", "", USER_IPC, "SCREENDIR=$TMPDIR/screen for all that use the session"),
    Known("java.*|j[a-z]+|mvn|ant|gradle", r"/hsperfdata_", USER_IPC, "JAVA_TOOL_OPTIONS=-XX:-UsePerfData"),
    Known("", r"/\.(attach|java)_pid", USER_IPC, "no knob: a private mount of /tmp around both programs"),
    Known("", r"/\.com_ibm_tools_attach(/|$)", USER_IPC, "-Dcom.ibm.tools.attach.directory=$TMPDIR"),
    Known("emacs.*", r"/emacs<uid>", USER_IPC, "server-socket-dir in the user's Emacs configuration"),
    Known("pulseaudio", "", USER_IPC, "XDG_RUNTIME_DIR"),
    Known("valgrind.*|memcheck-.*|vgdb", r"/vgdb-pipe", USER_IPC, "--vgdb-prefix=$TMPDIR/vgdb-pipe"),
    Known("wine.*", r"/\.wine-", USER_IPC, "no knob: a private mount of /tmp"),
    Known("", r"/codex-ipc(/|$)", USER_IPC, "no knob: a private mount of /tmp"),
    Known("", r"/vsch", USER_IPC, "no knob: a private mount of /tmp"),
    Known("", r"^/dev/shm/sem\.", USER_IPC,
          "no knob: sem_open(3) uses /dev/shm; a private mount of it around all that meet there"),
    Known("", r"/ray(/|$)", USER_IPC, "ray start --temp-dir=DIR, at most 45 bytes long"),
    # Files with a knob.
    Known("postgres|initdb|postmaster", r"^/dev/shm/", KNOB, "dynamic_shared_memory_type in postgresql.conf"),
    Known("java|javac|jshell|jcmd|jps|jar|mvn|ant|gradle", "", KNOB, "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=$TMPDIR"),
    Known("", r"/hadoop-", KNOB, "hadoop.tmp.dir in core-site.xml"),
    Known("", r"/spark-", KNOB, "spark.local.dir, or SPARK_LOCAL_DIRS"),
    Known("", r"/kafka-logs", KNOB, "log.dirs in server.properties"),
    Known("vim?|vim\\..*|nvim", r"\.sw[a-p]$", KNOB, "set directory=$TMPDIR// in vimrc"),
    Known("iperf3", "", KNOB, "iperf3 3.2 or newer uses TMPDIR"),
    Known("php.*", r"/sess_", KNOB, "session.save_path in php.ini"),
    Known("php.*", "", KNOB, "sys_temp_dir and upload_tmp_dir in php.ini"),
    # Without one.
    Known("xkbcomp", "", HARDCODED, "no knob; its files are the X server's, and gone when it has read them"),
    Known("lua.*", r"/lua_", HARDCODED, "no knob: os.tmpname asks libc; a private mount, or a script that uses TMPDIR"),
    Known("crontab", "", HARDCODED, "a private mount of /tmp for the session"),
)
_COMPILED = [(re.compile(row.program), re.compile(row.path), row) for row in _ROWS]


@lru_cache(maxsize=4096)
def known(program: str, path: str) -> Known | None:
    """The row about this program's path, both as a finding names them."""
    name = program.rpartition("/")[2]
    for programs, paths, row in _COMPILED:
        if (not row.program or programs.fullmatch(name)) and (not row.path or paths.search(path)):
            return row
    return None
