"""The rows and the data of `pam-mktemp plan`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pam_mktemp_py import plan as plans, planner
from pam_mktemp_py.cli.facts import directory_data, directory_rows
from pam_mktemp_py.cli.report import NEEDS_ROOT, Report, Row
from pam_mktemp_py.directory import planned
from pam_mktemp_py.namespace import view
from pam_mktemp_py.sessions import stored

if TYPE_CHECKING:
    from pam_mktemp_py.cli.plan import Found
    from pam_mktemp_py.config.model import Config
    from pam_mktemp_py.policy.decide import Decision

NS = 1_000_000_000
_VIEWS = {"bind": "the account's own", "host": "the host's", "keep": "that of the caller"}
_ROOT = Row("stored plans", NEEDS_ROOT, "", "unknown")


def add_all(report: Report, found: Found) -> None:
    """Fill `report` with everything that was found."""
    account = found.account
    report.data |= {"user": account.name, "uid": account.uid, "gid": account.gid, "service": found.service,
                    "switched_off": found.off, "stage": None, "reason": None, "failure": None, "fresh": None,
                    "variables": [], "view": None, "view_name": None, "mounts": [],
                    "not_mounted": [], "depends": [], "directory": None, "needs_root": found.stored is None}
    _decision(report, found)
    if found.look is not None:
        rows = directory_rows(found.look)
        if found.in_use:
            rows.append(Row(found.in_use, "no login can replace it", "an open session uses it", "bad"))
        title = f"Directory (called {found.look.name}: {found.look.name_why})"
        report.add(title, *rows)
        report.data["directory"] = directory_data(found.look) | {"in_use": found.in_use or None}
        report.data["needs_root"] |= any(row.mark == "unknown" for row in rows)
    if found.config is not None and found.decision is not None:
        _variables(report, found, found.config, found.decision)
        _mounts(report, found, found.decision)
        _depends(report, found.config)
    _stored(report, found)


def _decision(report: Report, found: Found) -> None:
    account, settings = found.account, report.settings
    rows = []
    if found.off:
        rows.append(Row("switched off", "nothing is done for new sessions", f"{settings.off} exists; without it:"))
    report.data["config"] = {"path": settings.config, "error": str(found.error) if found.error else None,
                             "warnings": found.config.warnings if found.config else []}
    if found.config is None or found.decision is None:
        rows.append(Row("configuration", "cannot be used", str(found.error), "bad"))
        rows.append(Row("a login", "uses its last plan if that still verifies",
                        "else the module's fail= argument decides (open, if none is given)"))
    else:
        config, decision = found.config, found.decision
        policy, reason = decision.failure, failure_reason(config, decision, account.uid)
        seconds, why = fresh(config)
        rows += [Row("stage", decision.stage, decision.reason),
                 Row("failure policy", policy, reason),
                 Row("relied on for", f"{seconds} s", why)]
        rows += [Row("warning", "", warning) for warning in config.warnings]
        report.data |= {"stage": decision.stage, "reason": decision.reason,
                        "failure": {"policy": policy, "reason": reason}, "fresh": {"seconds": seconds, "reason": why}}
    report.add(f"Next login of {account.name} (uid {account.uid}, gid {account.gid}), service {found.service}", *rows)


def failure_reason(config: Config, decision: Decision, uid: int) -> str:
    """Why the policy is what it is: the order of decide.decide()."""
    if decision.stage == "off" and not decision.reason.startswith("stage is "):
        return "who is exempt is never refused"
    if uid == 0:
        return "root is never refused: any user can fill /tmp"
    return f'failure is "{config.failure}" ({config.origin("failure")})'


def fresh(config: Config) -> tuple[int, str]:
    """For how many seconds a plan made now is used, and why."""
    if config.recent:
        return planner.RECENT_NS // NS, "the configuration was changed less than 2 s ago, and may change again unseen"
    return config.fresh_for, f"fresh_for is {config.fresh_for} ({config.origin('fresh_for')})"


def _variables(report: Report, found: Found, config: Config, decision: Decision) -> None:
    rows = []
    for name, variables in decision.directories:
        path = f"{found.look.path}/{name}" if found.look else ""
        key = f"directories.{name}.variables"
        reason = f"{key} ({config.origin(key)})"
        if variables:
            rows.append(Row(" ".join(variables), path, reason))
        report.data["variables"] += [{"name": each, "value": path, "reason": reason} for each in variables]
    known = [(each["name"], each["value"]) for each in report.data["variables"]]
    for name, value in planner.of_shims(config, found.account, decision, known):
        key = "shims.variables" if name in config.shims["variables"] else "shims.enabled"
        reason = f"{key} ({config.origin(key)})"
        rows.append(Row(name, value, reason))
        report.data["variables"].append({"name": name, "value": value, "reason": reason})
    if rows:
        report.add("Variables", *rows)


def _mounts(report: Report, found: Found, decision: Decision) -> None:
    name = view.name(found.account.uid, found.mounts) if all(mount[2] for mount in found.mounts) else None
    report.data |= {"view": decision.view, "view_name": name if found.mounts else None,
                    "not_mounted": found.not_mounted, "mounts": [
                        {"source": source, "target": target, "flags": view.words(flags), "device": device,
                         "inode": inode} for source, device, inode, target, flags in found.mounts]}
    rows = [Row("view", _VIEWS[decision.view], name or "" if found.mounts else "")]
    rows += [Row(target, source, view.words(flags) + ("" if inode else "; not there yet: a login makes it"))
             for source, _, inode, target, flags in found.mounts]
    rows += [Row("left out", "", why, "bad") for why in found.not_mounted]
    report.add("Which /tmp is seen" + (", in the order of mounting" if found.mounts else ""), *rows)


def _depends(report: Report, config: Config) -> None:
    rows = []
    for path, state in config.depends:
        word = "absent" if state is None else "present"
        report.data["depends"].append({"path": path, "state": word})
        numbers = "device {} inode {} size {} mtime {} ctime {}".format(*state) if state else ""
        rows.append(Row(path, word, numbers if report.settings.verbosity > 0 else ""))
    report.add("Depends on these files: any change of one, also its appearing, ends the plan", *rows)


def _stored(report: Report, found: Found) -> None:
    report.data |= {"stored": None, "remembered": None}
    if found.stored is None or found.remembered is None:
        report.add("Stored in /run/pam-mktemp", _ROOT)
        return
    rows, data = [], []
    for kept in found.stored:
        row, facts = _one_stored(report, found, kept)
        rows.append(row)
        data.append(facts)
    if not any(kept.service == found.service for kept in found.stored):
        rows.append(Row(f"plan for {found.service}", "none", "the next login has the planner make one"))
    memos = []
    for planner_itself, age, policy, message in found.remembered:
        left = (stored.MEMO_NS - age) // NS
        what = "the planner's failure" if planner_itself else "failure"
        rows.append(Row(what, f"remembered for {left} s more", message, "bad"))
        memos.append({"policy": policy, "message": message, "seconds_left": left, "planner": planner_itself})
    report.data |= {"stored": data, "remembered": memos}
    report.add(f"Stored in {report.settings.run}", *rows)


def _one_stored(report: Report, found: Found, kept: stored.Stored) -> tuple[Row, dict[str, Any]]:
    label = f"plan for {kept.service}"
    facts: dict[str, Any] = {"service": kept.service, "path": kept.path, "right": False, "why": kept.why,
                             "differs": None, "expires_in": None}
    if kept.plan is None:
        return Row(label, "is not used", f"{kept.why}: the next login has the planner make another", "bad"), facts
    plan = kept.plan
    why = stored.stale(plan, found.account, kept.service, report.settings.config, found.boot, found.now)
    left = (plan.expires_ns - found.now) // NS
    if not why and plan.stage != "off":
        why = planned.unlike(plan.base, plan.directories, plan.stamp, plan.acl)
    facts |= {"right": not why, "why": why, "expires_in": left}
    if why:
        return Row(label, "is not used", f"{why}: the next login has the planner make another"), facts
    differs = _difference(found, plan) if kept.service == found.service else ""
    facts["differs"] = differs or None
    value = f"stage {plan.stage}, used for {left} s more"
    return Row(label, value, f"though {differs}" if differs else "all that it says still holds"), facts


def _difference(found: Found, plan: plans.Plan) -> str:
    """What a new plan would say otherwise, though the old one is still relied on: groups change unseen."""
    if found.decision is None or (found.decision.stage, found.decision.reason) == (plan.stage, plan.reason):
        return ""
    return f"a new one would say: stage {found.decision.stage}, because {found.decision.reason}"
