"""What session modules do to the system when a session is opened for real: said before --full does it."""
from __future__ import annotations

from pam_mktemp_py.pamstack.stack import Entry

EFFECTS = {
    "pam_systemd.so": "registers a session with systemd-logind and may start the user's systemd",
    "pam_elogind.so": "registers a session with elogind",
    "pam_ck_connector.so": "registers a session with ConsoleKit",
    "pam_lastlog.so": "writes /var/log/lastlog and wtmp",
    "pam_lastlog2.so": "writes the database of last logins",
    "pam_mkhomedir.so": "makes the account's home if there is none",
    "pam_oddjob_mkhomedir.so": "makes the account's home if there is none",
    "pam_exec.so": "runs a program",
    "pam_script.so": "runs programs",
    "pam_python.so": "runs a program",
    "pam_mount.so": "mounts what it is configured to",
    "pam_zfs_key.so": "mounts the account's home",
    "pam_ecryptfs.so": "mounts the account's home",
    "pam_namespace.so": "makes instances of directories and runs namespace.init",
    "pam_tmpdir.so": "makes a directory",
    "pam_mktemp.so": "makes a directory",
    "pam_cgfs.so": "makes cgroups",
    "pam_cgroup.so": "moves the process to a cgroup",
    "pam_motd.so": "may run the programs in /etc/update-motd.d",
    "pam_loginuid.so": "sets the audit login uid of its process",
    "pam_tty_audit.so": "turns the auditing of terminals on",
    "pam_gnome_keyring.so": "starts a keyring daemon",
    "pam_kwallet5.so": "starts a wallet daemon",
    "pam_krb5.so": "writes a credential cache",
    "pam_sss.so": "tells sssd of the session",
    "pam_winbind.so": "may write a credential cache",
    "pam_ssh_agent.so": "starts an agent",
    "pam_sepermit.so": "locks the account to one session",
    "pam_timestamp.so": "writes a time stamp",
    "pam_xauth.so": "writes an X authority file",
    "pam_slurm_adopt.so": "moves the process to a job",
}
SILENT = ("pam_mktemp_py.so", "pam_permit.so", "pam_deny.so", "pam_unix.so", "pam_limits.so", "pam_env.so",
          "pam_selinux.so", "pam_umask.so", "pam_mail.so", "pam_keyinit.so", "pam_succeed_if.so", "pam_echo.so",
          "pam_nologin.so", "pam_time.so", "pam_access.so", "pam_cap.so", "pam_rootok.so", "pam_warn.so")


def of(entries: list[Entry]) -> list[tuple[str, str, str]]:
    """The modules of a stack that do something: (module, FILE:LINE, what), each line once."""
    found = []
    for entry in entries:
        if entry.module and entry.module not in SILENT:
            what = EFFECTS.get(entry.module, "is not known here: it does whatever it does")
            found.append((entry.module, entry.where, what))
    return found
