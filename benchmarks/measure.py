"""The measurements: times in interleaved rounds, memory and leaks."""
from __future__ import annotations

import random
from collections.abc import Iterable

import contenders as c
import figures
from driver import Driver
from report import Report

WARM_UP = 3


def measure(driver: Driver, everyone: list[c.Contender], rounds: int, python: bool = True) -> dict[str, figures.Times]:
    """ROUNDS interleaved rounds in ever new order, after warm-up rounds that are not counted.

    Before each measured session one of pam_permit is opened and not counted, so that nobody pays for the
    caches that the contender before him left behind. PYTHON: the bare interpreter is measured, too.
    """
    opens: dict[str, list[int]] = {one.name: [] for one in everyone}
    wholes: dict[str, list[int]] = {one.name: [] for one in everyone}
    order: list[c.Contender | None] = [*everyone]
    if python:
        opens["interpreter"], wholes["interpreter"] = [], []
        order.append(None)
    for i in range(WARM_UP + rounds):
        random.shuffle(order)
        for one in order:
            if one and one.reset:
                one.reset()
            driver.session("permit", "bench-permit")
            if one is None:
                took, whole, name = driver.program(*c.INTERPRETER), 0, "interpreter"
            else:
                session = driver.session(one.service, one.user)
                took, whole, name = session.open_ns, session.whole_ns, one.name
                c.check(one, session)
            if i >= WARM_UP:
                opens[name].append(took)
                wholes[name] += [whole] if whole else []
    return figures.times(opens, wholes)


def phase(title: str, driver: Driver, everyone: list[c.Contender], report: Report,
          python: bool = True) -> dict[str, figures.Times]:
    """One measurement; says so if the steady sessions were not steady."""
    ours = [one for one in everyone if one.module == c.MODULE and not one.reset]
    for one in ours:
        driver.session(one.service, one.user)
    before = {one.name: c.plans(one.user) for one in ours}
    report.phases[title] = measure(driver, everyone, report.rounds, python)
    for one in ours:
        if not before[one.name] or before[one.name] != c.plans(one.user):
            report.notes.append(f"{title}: the plan of {one.user} changed; its sessions were not all steady")
    return report.phases[title]


def weigh(driver: Driver, everyone: Iterable[c.Contender], report: Report) -> None:
    """Memory of a host with one session, and of one after many."""
    for one in everyone:
        if one.reset or one.name in c.NAMESPACE:
            continue  # the same module again; pam_namespace stacks mounts in one process by design
        growth = driver.growth(one.service, one.user)
        leak = driver.leak(one.service, one.user, report.leak_count)
        growths = growth.open - growth.before, growth.after - growth.before, growth.own
        report.memory[one.name] = *growths, leak.after - leak.before, leak.fds_after - leak.fds_before
    if c.OURS in report.memory:
        open_kb, after_kb, _, leaked_kb, leaked_fds = report.memory[c.OURS]
        report.goals += [
            figures.Goal("kB that a session adds to its host", max(open_kb, after_kb), figures.GROWTH_KB),
            figures.Goal(f"kB leaked by {report.leak_count} sessions", leaked_kb, figures.LEAK_KB),
            figures.Goal(f"descriptors leaked by {report.leak_count} sessions", leaked_fds, 0),
        ]
