"""A plan's text read back, for the commands that show it. Pure, and as strict as shims/plan/parse.c.

A plan has one spelling. So what is read here is encoded again, and refused if that is not the same text:
order, escapes, digits and unknown lines need no check of their own.
"""
from __future__ import annotations

from pam_mktemp_py import plan as plans
from pam_mktemp_py.percent import decoded
from pam_mktemp_py.plan import Plan, PlanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_mktemp_py.plan import Dependency, Directory, Mount

LARGEST_NUMBER = 2**64 - 1
LARGEST_ID = 2**32 - 2
MOST_ACL_BYTES = 256
_MODE_DIGITS = 4


def read(data: bytes) -> Plan:
    """The plan in `data`. Raises PlanError if it is not exactly what a planner writes."""
    version = plans.OLDEST if data.startswith(b"pam-mktemp-plan 2\n") else plans.VERSION
    try:
        plan = _plan(_lines(data))
    except (ValueError, IndexError, UnicodeError) as error:
        raise PlanError("a line is missing, unknown or misspelt") from error
    _check(plan)
    if len(data) > plans.MAX_BYTES or plans.encode(plan, version) != data:
        raise PlanError("it is not spelt as a planner spells it")
    return plan


def _lines(data: bytes) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in data.decode("ascii").split("\n"):
        key, *fields = line.split(" ")
        found.setdefault(key, []).append(fields)
    return found


def _plan(lines: dict[str, list[list[str]]]) -> Plan:
    def one(key: str) -> str:
        [[field]] = lines[key]
        return field

    def text(key: str) -> str:
        return decoded(one(key)) if key in lines else ""

    for key in ("config", "boot", "expires", "account", "service", "stage", "reason", "fail"):
        if key not in lines:
            raise ValueError(key)
    [[name, uid, gid]] = lines["account"]
    acl = one("acl") if "acl" in lines else "-"
    return Plan(
        config=text("config"), boot=text("boot"), expires_ns=int(one("expires")),
        depends=[_dependency(fields) for fields in lines.get("depends", [])],
        name=decoded(name), uid=int(uid), gid=int(gid),
        lookups=[_dependency(fields) for fields in lines.get("lookup", [])],
        service=text("service"), stage=one("stage"),
        reason=text("reason"), failure=one("fail"), form=text("form"), base=text("base"),
        directories=[_directory(fields) for fields in lines.get("dir", [])], stamp=text("stamp"),
        acl=None if acl == "-" else bytes.fromhex(acl),
        environment=[(name, decoded(value)) for name, value in lines.get("setenv", [])],
        view=text("view") or "keep", mounts=[_mount(fields) for fields in lines.get("mount", [])],
    )


def _dependency(fields: list[str]) -> Dependency:
    path = decoded(fields[0])
    if fields[1:] == ["absent"]:
        return path, None
    dev, ino, size, mtime, ctime = map(int, fields[1:])
    return path, (dev, ino, size, mtime, ctime)


def _directory(fields: list[str]) -> Directory:
    name, dev, ino, uid, gid, mode = fields
    if len(mode) != _MODE_DIGITS:
        raise ValueError(mode)
    return decoded(name), int(dev), int(ino), int(uid), int(gid), int(mode, 8)


def _mount(fields: list[str]) -> Mount:
    source, dev, ino, target, flags = fields
    return decoded(source), int(dev), int(ino), decoded(target), int(flags)


def _check(plan: Plan) -> None:
    """What the writer is trusted with, and spelling does not show."""
    files = [*plan.depends, *plan.lookups]
    numbers = [plan.expires_ns, *(n for _, state in files for n in state or ()),
               *(n for link in plan.directories for n in link[1:3]),
               *(n for _, dev, ino, _, flags in plan.mounts for n in (dev, ino, flags))]
    ids = [plan.uid, plan.gid, *(n for link in plan.directories for n in link[3:5])]
    where = [plan.config, *(path for path, _ in files)]
    forms = [""]
    if plan.stage != "off":
        where += [plan.base, *(target for *_, target, _ in plan.mounts),
                  *(source for source, *_ in plan.mounts if source != "tmpfs")]
        forms = ["acl", "group", "owner"]
    if not (all(0 <= n <= LARGEST_NUMBER for n in numbers) and all(0 <= n <= LARGEST_ID for n in ids)):
        raise PlanError("a number is too large")
    if not all(path.startswith("/") for path in where):
        raise PlanError("a path does not begin with /")
    if not all("/" not in link[0] and link[0] not in (".", "..") for link in plan.directories):
        raise PlanError("a directory's name is a path")
    words = plan.stage in ("off", "env", "shim", "bind") and plan.failure in ("open", "closed")
    if not words or plan.form not in forms:
        raise PlanError("the stage, the failure policy or the form is none that there is")
    if plan.acl is not None and len(plan.acl) > MOST_ACL_BYTES:
        raise PlanError("the access list is too long")
