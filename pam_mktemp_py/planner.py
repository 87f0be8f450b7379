"""The planner: decides for one account and service, prepares the directory, writes the plan.

Started by the PAM module as root (shims/pam/start.c) when there is no fresh plan:

    /usr/bin/python3 -I -S -B /usr/lib/pam-mktemp/__main__.py USER SERVICE CONFIG [alone]

PAM_MKTEMP_FORMAT=N in its environment says which format of plans the module reads, see pamstack/install.py.
Its only argument is --boot where there is no systemd-tmpfiles: that makes the parent of all directories.
Its exit status is advice: 0 all is well, 1 no plan could be made (the reason is remembered and logged).
What it must not do: read the account's home, trust the caller's environment, or import what makes a
login wait (a test bounds both its imports and its time).
"""
from __future__ import annotations

import os
import time

from pam_mktemp_py import log, paths, plan
from pam_mktemp_py.config import cache
from pam_mktemp_py.directory import prepare
from pam_mktemp_py.errors import AccountError, Error
from pam_mktemp_py.linux import accounts, boot
from pam_mktemp_py.namespace import sweep
from pam_mktemp_py.policy import decide
from pam_mktemp_py.sessions import lookup, plans, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.directory.place import Prepared
    from pam_mktemp_py.namespace.view import Mount

# How long one planner serves the requests of others before it lets its own login go on.
SERVE_SECONDS = 2.0
SWEEP_SECONDS = 0.5
# A file changed twice within the clock's tick looks unchanged: soon after a change, ask again.
RECENT_NS = 2_000_000_000


class Request:
    """One login's question; `failure` and `parsed` are filled in as soon as the configuration was read."""

    __slots__ = ('user', 'service', 'config', 'format', 'key', 'failure', 'parsed')

    def __init__(self, user: str, service: str, config: str, version: int = plan.VERSION) -> None:
        self.user = user
        self.service = service
        self.config = config
        self.format = version
        self.key = plan.key(user, service)
        self.failure = '-'
        self.parsed: Config | None = None


def decision_of(
    request: Request, config: Config,
) -> tuple[accounts.Account, decide.Decision]:
    """Who asks, and what the policy says. Raises AccountError if the account is unknown."""
    account = accounts.lookup(request.user)
    if account is None:
        raise AccountError(request.user, 'no such account, or its directory service is down')
    gids = accounts.groups_of(account) if config.exempt_groups else [account.gid]
    return account, decide.decide(config, account, request.service, gids)


def make_plan(request: Request) -> plan.Plan:
    """Decide and prepare. Raises Error or OSError; the directory is then as safe as it was before."""
    now = boot.boottime_ns()  # before anything is read: what changes from here on is noticed
    config = cache.cached(request.config)
    request.failure = config.failure
    account, decision = decision_of(request, config)
    request.failure = decision.failure
    ready = None
    mounts: list[Mount] = []
    if decision.stage != 'off':
        names = [name for name, _ in decision.directories]
        ready = prepare.prepare(account, names, sessions_in_use=records.leases())
        if decision.view == 'bind':
            from pam_mktemp_py.directory import instances
            from pam_mktemp_py.namespace import view
            service = paths.service_of(request.service) or ''
            mounts = view.lines(instances.prepared(config, account, service, ready, in_use=bound(account.uid)))
    return plan_of(request, config, account, decision, ready, now, mounts)


def bound(uid: int) -> Callable[[int, int], bool]:
    """in_use() for instances that no record names: any, as long as the account has a session with a private mount."""
    def answer(device: int, inode: int) -> bool:
        return any(record.alive and record.number('uid') == uid and record.number('namespace')
                   for record in records.each())

    return answer


def plan_of(
    request: Request, config: Config, account: accounts.Account, decision: decide.Decision,
    ready: Prepared | None, now: int, mounts: list[Mount] | None = None,
) -> plan.Plan:
    """The plan that says all this; `ready` is None at stage off, `now` is in ns on CLOCK_BOOTTIME."""
    request.parsed = config
    made = plan.Plan(
        config=request.config, boot=boot.boot_id(), depends=config.depends,
        expires_ns=now + (RECENT_NS if config.recent else config.fresh_for * 1_000_000_000),
        name=request.user, uid=account.uid, gid=account.gid, lookups=lookup.proof(account),
        service=request.service,
        stage=decision.stage, reason=decision.reason, failure=decision.failure,
    )
    made.view = decision.view if decision.view != 'bind' else 'keep'
    if mounts:
        from pam_mktemp_py.namespace import view
        made.view, made.mounts = view.name(account.uid, mounts), mounts
    if ready is not None:
        made.base, made.form, made.stamp, made.acl = ready.base, ready.form, ready.stamp, ready.acl
        made.directories = ready.chain
        made.environment = [
            (variable, f'{ready.path}/{name}')
            for name, variables in decision.directories for variable in variables
        ]
        made.environment += of_shims(config, account, decision, made.environment)
    return made


def of_shims(
    config: Config, account: accounts.Account, decision: decide.Decision, known: list[tuple[str, str]],
) -> list[tuple[str, str]]:
    """The variables of the shims for a session that has those `known`: [(name, value)]."""
    if not decision.shims or not (config.shims['enabled'] or config.shims['variables']):
        return []
    from pam_mktemp_py.sessions import shims
    return shims.environment(config, account, known, login=decision.shims == 'path')


def serve(request: Request) -> bool:
    """Write the plan, or remember why there is none. Whatever goes wrong ends with this request."""
    try:
        plans.write(request.key, plan.encode(make_plan(request), request.format))
        plans.forget(request.key)
    except Exception as e:  # a fault of one account's must not keep the others waiting
        name = e.id if isinstance(e, Error) else 'planner-failed'
        why = str(e) or type(e).__name__
        log.say(name, f'{request.user} ({request.service}): {why}', log.ERROR)
        plans.remember(request.key, request.failure, why)
        return False
    return True


def report_names(config: Config | None) -> None:
    """Log the users and groups of the lists that do not exist.

    Asks the directory service, which may hang: last of all, when nobody's plan waits for the answer and
    nobody's request is left that would make it look like a planner that cannot work.
    """
    import _signal  # type: ignore[import-not-found]  # builtin; signal itself would cost a login 1 ms
    _signal.alarm(1)  # ends this process, for whose end our own login waits
    for warning in config.warnings if config else ():
        log.say('config-unknown-name', warning, log.WARNING)
    _signal.alarm(0)


def serve_waiting(until: float) -> None:
    """Serve what other logins wait for: one interpreter started is enough for all of them.

    A request is taken away when it is done, so that a planner that is killed loses none. Two planners
    begin at different ends, and do at most one twice.
    """
    while time.monotonic() < until:
        names = sorted(plans.requests(), reverse=bool(os.getpid() & 1))
        if not names:
            return
        for name in names:
            wish = plans.wanted(name)
            if wish is not None:
                answer(name, wish)
            if time.monotonic() >= until:
                return


def _format(wish: str) -> int:
    """The newest format that both know; a module that asks for none knows the first."""
    return max(plan.OLDEST, min(int(wish), plan.VERSION)) if wish.isdigit() else plan.OLDEST


def answer(name: str, wish: str) -> None:
    """Serve the request of that name, in the format that its own module reads, and take it away.

    `wish` is FORMAT:CONFIG, or of a module of the first version CONFIG alone, which begins with /.
    """
    version, _, config = ('', '', wish) if wish.startswith('/') else wish.partition(':')
    try:
        serve(Request(*plan.unkey(name), config, _format(version)))
    except plan.PlanError as e:  # of another version of ours, or put there by hand
        log.say(e.id, f'{paths.QUEUE}/{name}: {e}', log.WARNING)
    plans.forget(name, paths.QUEUE)


def to_host() -> bool:
    """Leave a view of ours, that of the caller of su or sudo; whether what is seen now is the host.

    In there /tmp is another account's: what this one shares with others would be looked for, and made, in that.
    """
    try:
        if os.path.samestat(os.stat('/proc/self/ns/mnt'), os.stat('/proc/1/ns/mnt')):
            return True
    except OSError:  # cannot be told: then no view was ever made here (shims/pam/view.c)
        return True
    from pam_mktemp_py.linux import setns
    from pam_mktemp_py.namespace import enter
    try:
        host = enter.host()
        if host is not None:
            setns.enter_mounts(host)
            os.close(host)
    except (Error, OSError):  # in a sandbox or a chroot, which has a /tmp of its own
        return False
    return True


def main(argv: list[str]) -> int:
    """argv: program, USER, SERVICE, CONFIG, and 'alone' if limits of the caller's could not be lifted.

    Then it serves no other login: what those limits break would be remembered as their failure. Nor does it from
    within a sandbox, whose directories are not those of others. Further
    words are those of a module that is newer than this: it is served as well as this can (see
    pamstack/install.py on upgrades). The exit status as above.
    """
    if len(argv) == 2 and argv[1] == '--boot':
        from pam_mktemp_py.directory import boot as at_boot
        return at_boot.main()
    if len(argv) < 4:
        log.say('planner-usage', f'called with {argv[1:]!r}', log.ERROR)
        return 2
    alone = not to_host() or 'alone' in argv[4:]
    unknown = [word for word in argv[4:] if word != 'alone']
    if unknown:
        log.say('planner-usage', f'{unknown!r} is passed over: the module is of another version', log.WARNING)
    until = time.monotonic() + SERVE_SECONDS
    plans.make_folders()
    user, service, config = argv[1:4]
    request = Request(user, service, config, _format(os.environ.get('PAM_MKTEMP_FORMAT', '')))
    good = serve(request)
    plans.forget(request.key, paths.QUEUE)
    if not alone:
        plans.forget('@planner')
        serve_waiting(until)
    until = time.monotonic() + SWEEP_SECONDS
    records.sweep(until=until)
    sweep.views(until=until)
    report_names(request.parsed)
    return 0 if good else 1
