"""Every message in the log by its id: what happened, and what an administrator does about it.

The one source of the tables in README.md and pam_mktemp_py(8). Plain text, without markup; a test compares
the ids with those that the source logs.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """`meaning` fits a table; `do` is one or two sentences."""

    meaning: str
    do: str


_NOTHING = "Nothing has to be done."
_EXPLAIN = "Run pam-mktemp plan USER and pam-mktemp doctor USER as root."

MESSAGES: dict[str, Message] = {
    "account-refused": Message(
        "the account is unknown, or cannot have a directory",
        "Check with getent passwd USER. If the directory service is down, this ends when it is back."),
    "argument-unknown": Message(
        "a PAM file gives the module an argument that it does not know; it is ignored",
        "Correct the argument in that file: see ARGUMENTS in pam_mktemp_py(8)."),
    "config-imported": Message(
        "a configuration was written by pam-mktemp config import",
        "See it with pam-mktemp config show."),
    "config-invalid": Message(
        "the configuration cannot be used: file, line, what is wrong, what to do",
        "Correct that line and run pam-mktemp config check. Until then the last good plans stay in use."),
    "config-unknown-name": Message(
        "a list of the configuration names a user or group that does not exist; that name is skipped",
        "Correct the name, or remove it. A directory service that is down looks the same."),
    "directory-in-use": Message(
        "a directory should be replaced, but an open session uses it",
        "See its sessions with pam-mktemp where USER. When they have ended, the next login replaces it."),
    "directory-refused": Message(
        "a directory cannot be made, or cannot be trusted",
        "The message says what is wrong with which path. " + _EXPLAIN),
    "disabled": Message(
        "the module's line was taken out of PAM's files",
        _NOTHING),
    "enabled": Message(
        "the module's line was put into PAM's files",
        _NOTHING),
    "entry-moved": Message(
        "what stood in an account's own /tmp where a mount point or a link must be was renamed there",
        "Tell its owner the new name, which the message gives. For an attack it would be an odd place: only its "
        "owner could have put it there."),
    "failed-closed": Message(
        "a session was refused: there was no directory or no private /tmp for it, and the policy is closed",
        "The message says why. " + _EXPLAIN),
    "failed-open": Message(
        "a session started without a directory, or without its private /tmp, for the reason given",
        "The message says why. " + _EXPLAIN),
    "installed": Message(
        "this version was installed",
        _NOTHING),
    "left-behind": Message(
        "what was moved away could not be removed, or waits for an administrator",
        "Look at what the message names, and remove it."),
    "mount-skipped": Message(
        "a configured directory is not part of private mounts, for the reason given",
        "Look at whose it is: somebody may have taken the name first. Move it away, or take it out of the "
        "configuration; the next plan has it then."),
    "moved-aside": Message(
        "what stood at a directory's place was not ours, and is now in /tmp/.private/.aside",
        "Somebody may have tried to plant it: look at its owner and content, then remove it."),
    "parent-mended": Message(
        "/tmp/.private had a wrong owner or mode, which was put right",
        "Find out what changed it: a cleaner, a backup that was restored, a chmod of all of /tmp."),
    "plan-expired": Message(
        "the planner could not make a new plan; the old one still verified and was used",
        "The message says why there is no new one. " + _EXPLAIN),
    "plan-refused": Message(
        "a plan could not be written: it would not fit the format",
        "A name or a value is too long, or holds what no plan can. The message says which."),
    "plan-stale": Message(
        "why a plan was not used (only with the argument debug)",
        _NOTHING),
    "planner-failed": Message(
        "the planner met an error that is none of the others",
        "Check that /usr/bin/python3 runs and /usr/lib/pam-mktemp is whole, with pam-mktemp doctor; report the "
        "message if that finds nothing."),
    "planner-usage": Message(
        "the planner was started with arguments that it does not know",
        "Module and planner are of different versions, or somebody ran the planner by hand: run make install."),
    "put-back": Message(
        "a change of files was undone because something about it failed, or could not be undone",
        "The message says why. Where it says that a file could not be put back, mend that file by hand, at once."),
    "shim-refused": Message(
        "a program was refused: its remedy is required and could not be applied, for the reason given",
        "The message says why. pam-mktemp doctor USER finds what keeps shims from working."),
    "shim-without-remedy": Message(
        "a program was started as if it had no shim, for the reason given (once for each directory)",
        "The message says why. pam-mktemp doctor USER finds what keeps shims from working."),
    "shims-written": Message(
        "remedies of the catalogue were enabled, disabled or written anew",
        _NOTHING),
    "switched-off": Message(
        "/etc/security/pam_mktemp.off exists (only with the argument debug)",
        "Remove that file to have new sessions served again."),
    "uninstalled": Message(
        "the installation was removed, with --purge also its configuration and state",
        _NOTHING),
}
