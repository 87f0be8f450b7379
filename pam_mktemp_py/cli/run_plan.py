"""The plan of `pam-mktemp run`: by the planner for root, by oneself for others."""
from __future__ import annotations

import os
import pwd
import time
from dataclasses import dataclass

from pam_mktemp_py import paths, plan as plans, planner
from pam_mktemp_py.cli import facts, run_look
from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.config.load import load
from pam_mktemp_py.directory import inspect
from pam_mktemp_py.errors import AccountError, Refused
from pam_mktemp_py.linux import accounts, boot
from pam_mktemp_py.linux.accounts import Account
from pam_mktemp_py.namespace import launch, launch_points, launch_users, sweep, view
from pam_mktemp_py.sessions import plans as kept

HOUR_NS = 3600 * 1_000_000_000
SWEEP_SECONDS = 0.5
KEPT = ".run-plan"  # in an ordinary user's own instance; root's are with the plans of logins


@dataclass(frozen=True)
class Wanted:
    """What was asked for: `user` "" for oneself, `name` "" for the account's own instance."""

    user: str = ""
    name: str = ""
    share: tuple[str, ...] = ()
    noexec: bool = False
    fresh: bool = False

    @property
    def service(self) -> str:
        """As paths.service_of() reads it."""
        return f"run/{self.name}" if self.name else "run"

    @property
    def usual(self) -> bool:
        """Whether a plan for it can serve others who ask for the same."""
        return not (self.share or self.noexec or self.fresh)

    def account(self) -> Account:
        """For whom. Raises AccountError, Refused."""
        if self.user:
            if os.geteuid() != 0:
                raise Refused(launch_users.ID, self.user, "only root can run a command as another", "run it as root")
            return facts.known(self.user)
        try:
            return facts.known(pwd.getpwuid(os.geteuid()).pw_name)
        except KeyError:
            raise AccountError(str(os.geteuid()), "there is no account with this uid") from None


def outlined(settings: Settings, wanted: Wanted) -> plans.Plan:
    """The plan as it would be, with nothing made. Raises Error, OSError."""
    launch_users.outside()
    now = boot.boottime_ns()
    account = wanted.account()
    config = load(settings.config, owner=settings.owner)
    request = planner.Request(account.name, wanted.service, settings.config)
    account, decision = planner.decision_of(request, config)
    leaves = [name for name, _ in decision.directories]
    look = inspect.look(account, leaves, settings.base, settings.state)
    if os.geteuid() != 0 and not wanted.fresh:
        run_look.complete(look, wanted.name)
    found = run_look.looked(settings, config, account, wanted.name, look)
    made_first = not wanted.fresh or os.geteuid() == 0  # by root only: else what is not there is left out
    mounts = [mount for mount in view.lines(found) if made_first or mount[2] or mount[0] != mount[3]]
    made = planner.plan_of(request, config, account, decision, look.prepared(), now, mounts)
    made = _changed(made, wanted, account)
    for path in wanted.share:
        launch_points.make(made.mounts, path, os.geteuid(), only_look=True)
    if wanted.user:  # set by the launcher: a kept plan serves root without it as well
        made.environment += [("HOME", pwd.getpwnam(wanted.user).pw_dir),
                             ("USER", wanted.user), ("LOGNAME", wanted.user)]
    return made


def prepared(settings: Settings, wanted: Wanted) -> plans.Plan:
    """The same with all that it names: as root made, else what is there already. Raises Error, OSError.

    It is kept for pam-mktemp-launch if it is one that it can ask for.
    """
    if os.geteuid() != 0:
        made = outlined(settings, wanted)
    else:
        launch_users.outside()  # root of a user namespace is not this machine's
        _to_host()
        account = wanted.account()
        kept.make_folders()
        sweep.views(until=time.monotonic() + SWEEP_SECONDS)  # each start leaves a mark there
        made = _changed(planner.make_plan(planner.Request(account.name, wanted.service, settings.config)), wanted,
                        account)
    for path in wanted.share:
        launch_points.make(made.mounts, path, os.geteuid())
    if wanted.usual and settings.config == paths.CONFIG:
        _keep(made)
    return made


def _to_host() -> None:
    """As the planner of a login; the command still starts where we are, if the host has a directory of that name."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = "/"
    planner.to_host()
    try:
        os.chdir(folder)
    except OSError:  # it is one of the view's own /tmp: we are in / by now
        pass


def handed(made: plans.Plan) -> bytes:
    """For this one start: nothing that it depends on is asked about again, however slow the machine is."""
    made.depends = []
    made.expires_ns = boot.boottime_ns() + HOUR_NS
    return plans.encode(made)


def _changed(made: plans.Plan, wanted: Wanted, account: Account) -> plans.Plan:
    mounts = made.mounts
    if wanted.fresh:
        own = mounts[0][0]
        mounts = launch.fresh(mounts)
        made.environment = [(name, mounts[0][3] if value == own else value) for name, value in made.environment]
    for path in wanted.share:
        mounts = launch.share(mounts, path)
        if not _reaches(account, path):
            raise Refused(launch.ID, path, f"{account.name} has no access to it", "change its owner or mode")
    made.mounts = launch.noexec(mounts) if wanted.noexec else mounts
    return made


def _reaches(account: Account, path: str) -> bool:
    """Whether the account can enter the directory: asked as it, of the kernel."""
    if os.geteuid() != 0:
        return os.access(path, os.X_OK)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(accounts.groups_of(account))
            os.setgid(account.gid)
            os.setuid(account.uid)
            status = 0 if os.access(path, os.X_OK) else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _keep(made: plans.Plan) -> None:
    """Where the launcher looks for it; not to have it kept costs time, and nothing else."""
    root = os.geteuid() == 0
    name, folder = (plans.key(made.name, made.service), paths.PLANS) if root else (KEPT, made.mounts[0][0])
    try:
        kept.write(name, plans.encode(made), folder)
    except OSError:  # a quota is used up, /run is full
        return
