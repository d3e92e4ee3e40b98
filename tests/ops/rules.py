#!/usr/bin/env python3
"""What can be said of the files in deploy/ without starting them: each by the tool that will read it.

    rules.py PROGRAM      (metrics are compared with those of the running program)
"""
import grp, json, os, pwd, re, shutil, sys

from common import (DEPLOY, PLACE, REPOSITORY, Child, Table, Trainer, free_port, get, is_whole, placed, program_of, run, said,
                    scratch, tools, wait_for)

UNITS = sorted(path for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".timer"))
MOST_EXPOSED = {"billiards-trainer.service": 20, "billiards-trainer-safe.service": 20,
                # An X server that takes a graphics card is root; it has no network.
                "billiards-trainer-display.service": 65}


def main():
    program = program_of(sys.argv)
    table = Table("files of deploy/, read by their tools")
    folder = scratch("rules")
    units(table, folder, program)
    accounts(table, folder)
    web(table, folder)
    others(table, folder)
    alerts(table)
    boards(table, folder, program)
    table.end()


def units(table, folder, program):
    if tools("systemd-analyze"):
        return table.skip("units", "systemd-analyze is missing (Debian: systemd)")
    place = folder / "place"
    (place / "current").mkdir(parents=True)
    os.symlink(program, place / "current" / "billiards-trainer")
    there = folder / "units"
    there.mkdir()
    for unit in UNITS:
        (there / unit.name).write_text(placed(unit, place))
    done = run(["systemd-analyze", "verify", *map(str, there.iterdir())])
    table.row("systemd-analyze verify prints nothing", done.returncode == 0 and not said(done), said(done))
    for drop_in in sorted((DEPLOY / "systemd").glob("*.d/*.conf")):
        beside = there / drop_in.parent.name
        beside.mkdir(exist_ok=True)
        (beside / drop_in.name).write_text(placed(drop_in, place))
        done = run(["systemd-analyze", "verify", str(there / drop_in.parent.name.removesuffix(".d"))])
        table.row(f"the same with {drop_in.name}", done.returncode == 0 and not said(done), said(done))
        shutil.rmtree(beside)
    for unit in UNITS:
        if unit.suffix != ".service":
            continue
        most = MOST_EXPOSED.get(unit.name, 5)
        done = run(["systemd-analyze", "security", "--offline=true", f"--threshold={most}", str(there / unit.name)])
        score = re.search(r"Overall exposure level for \S+ ([0-9.]+)", done.stdout)
        table.row(f"{unit.name}: exposed {most / 10} at most", done.returncode == 0 and score,
                  score[1] if score else said(done))
    for unit in UNITS:
        for when in re.findall(r"^OnCalendar=(.*)", unit.read_text(), re.M):
            done = run(["systemd-analyze", "calendar", when])
            following = re.search(r"Next elapse: (.*)", done.stdout)
            table.row(f"{unit.name}: a time there is", done.returncode == 0 and following, following and following[1])
    words = set()
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file():
            words |= {word for word in re.findall(r"/opt/[A-Za-z0-9_.-]+", path.read_text())}
    table.row("the only word of place is the installation's folder", words == {PLACE}, ", ".join(sorted(words)))


def accounts(table, folder):
    if tools("systemd-sysusers", "systemd-tmpfiles"):
        return table.skip("accounts and folders", "systemd-sysusers is missing (Debian: systemd)")
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    done = run(["systemd-sysusers", f"--root={root}", str(DEPLOY / "sysusers/billiards-trainer.conf")])
    user = re.search(r"^billiards-trainer:.*:/usr/sbin/nologin$", (root / "etc/passwd").read_text(), re.M)
    groups = [line.split(":")[0] for line in (root / "etc/group").read_text().split() if line.endswith("billiards-trainer")]
    table.row("sysusers makes a user without a shell, of video and render", done.returncode == 0 and user
              and {"video", "render"} <= set(groups), said(done) or ", ".join(groups))
    if os.geteuid() != 0:
        return table.skip("tmpfiles makes the folders of an installation", "only root can give folders away")
    done = run(["systemd-tmpfiles", "--create", f"--root={root}", str(DEPLOY / "tmpfiles/billiards-trainer.conf")])
    number = int(re.search(r"^billiards-trainer:[^:]*:(\d+)", (root / "etc/passwd").read_text(), re.M)[1])
    found = {}
    for path in sorted((root / PLACE.lstrip("/")).iterdir()):
        about = path.stat()
        found[path.name] = (oct(about.st_mode & 0o777)[2:], about.st_uid == number)
    wanted = {"backups": ("750", True), "config": ("750", False), "deploy": ("755", False), "logs": ("750", True),
              "releases": ("755", False), "secrets": ("700", True), "state": ("750", True)}
    table.row("tmpfiles makes the folders: programs and settings root's", found == wanted,
              said(done) or (found if found != wanted else f"{len(found)} folders"))


def web(table, folder):
    if tools("nginx", "openssl"):
        return table.skip("nginx -t", "nginx or openssl is missing (Debian: nginx-light, openssl)")
    from proxy import site
    conf = site(folder / "nginx", free_port(), free_port(), free_port())
    done = run(["nginx", "-t", "-q", "-p", str(conf.parent), "-c", conf.name])
    table.row("nginx -t says nothing", done.returncode == 0 and not said(done), said(done))


def others(table, folder):
    if tools("nft"):
        table.skip("nft -c", "nft is missing (Debian: nftables)")
    else:
        done = run(["nft", "-c", "-f", str(DEPLOY / "nftables/billiards-trainer.nft")])
        if "Operation not permitted" in said(done):
            table.skip("nft -c takes the rules", "the kernel lets only an administrator ask")
        else:
            table.row("nft -c takes the rules", done.returncode == 0 and not said(done), said(done))
    if tools("logrotate"):
        table.skip("logrotate -d", "logrotate is missing")
    else:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        rule = placed("logrotate/billiards-trainer", folder / "place")
        rule = rule.replace("su billiards-trainer billiards-trainer", f"su {user} {group}")
        rule = rule.replace("0640 billiards-trainer billiards-trainer", f"0640 {user} {group}")
        (folder / "rotate").write_text(rule)
        os.chmod(folder / "rotate", 0o644)
        done = run(["logrotate", "-d", "-s", str(folder / "rotated"), str(folder / "rotate")])
        faults = [line for line in said(done).splitlines() if re.search("error|warning", line, re.I)
                  and "debug mode does nothing" not in line]
        table.row("logrotate -d takes the rule", done.returncode == 0 and not faults, "; ".join(faults))
    if tools("udevadm"):
        table.skip("udev rule", "udevadm is missing (Debian: udev)")
    else:
        rule = DEPLOY / "udev/60-billiards-trainer-camera.rules"
        done = run(["udevadm", "verify", "--help"])
        if done.returncode == 0 and "Unknown" not in said(done):
            done = run(["udevadm", "verify", "--resolve-names=never", str(rule)])
            table.row("udevadm verify takes the rule", done.returncode == 0, said(done))
        else:
            udev_by_test(table, rule)


def udev_by_test(table, rule):
    """Before systemd 254 udevadm can't check a file; a dry run reads it where it will lie, and tells what it can't read."""
    there = "/run/udev/rules.d/60-billiards-trainer-camera.rules"
    if os.geteuid() != 0 or os.path.exists(there):
        return table.skip("udev takes the rule", "only root can lay it where udev reads")
    os.makedirs(os.path.dirname(there), exist_ok=True)
    try:
        shutil.copy(rule, there)
        done = run(["udevadm", "test", "/sys/devices/virtual/mem/null"])
        read = f"Reading rules file: {there}" in said(done)
        faults = [line for line in said(done).splitlines() if "60-billiards" in line and "Reading rules file" not in line]
        table.row("udev takes the rule", read and not faults, " ".join(faults) or "read by udevadm test")
    finally:
        os.unlink(there)


def alerts(table):
    rules = DEPLOY / "prometheus/rules.yml"
    names = re.findall(r"- alert: (\w+)", rules.read_text())
    missing = sorted({n for n in names if not (REPOSITORY / f"docs/runbooks/{n}.md").is_file()})
    table.row("every alert has its runbook", not missing, ", ".join(missing) or f"{len(set(names))} alerts")
    if tools("promtool"):
        return table.skip("promtool", "promtool is missing (Debian: prometheus)")
    for word, file in (("rules", "rules.yml"), ("config", "prometheus.yml")):
        done = run(["promtool", "check", word, str(DEPLOY / "prometheus" / file)])
        table.row(f"promtool check {word}", done.returncode == 0 and "FAILED" not in said(done), said(done))
    done = run(["promtool", "test", "rules", str(DEPLOY / "prometheus/rules_test.yml")], timeout=300)
    tested = set(re.findall(r"name: (\w+), (\w+)", (DEPLOY / "prometheus/rules_test.yml").read_text()))
    all_of = set(zip(names, re.findall(r"severity: (\w+)", rules.read_text())))
    table.row("promtool test rules", done.returncode == 0 and "SUCCESS" in said(done), said(done)[-200:])
    table.row("every alert of every severity is tested", tested == all_of, tested ^ all_of or f"{len(tested)} tests")


def expressions_of_boards():
    """(dashboard, panel, expression) of every query."""
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield file.name, panel["title"], target["expr"]


def boards(table, folder, program):
    whole, faults = 0, []
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        ids = [panel["id"] for panel in board["panels"]]
        if len(set(ids)) != len(ids) or not board["uid"] or not board["title"]:
            faults.append(f"{file.name}: ids")
        for panel in board["panels"]:
            place = panel["gridPos"]
            if panel["type"] != "row" and not panel.get("targets"):
                faults.append(f"{file.name}: {panel['title']} asks nothing")
            if place["x"] + place["w"] > 24:
                faults.append(f"{file.name}: {panel['title']} is too wide")
            whole += 1
    table.row("dashboards are whole", not faults and whole, "; ".join(faults) or f"{whole} panels")
    queries = list(expressions_of_boards())
    if tools("promtool"):
        table.skip("every expression of a dashboard parses", "promtool is missing (Debian: prometheus)")
    else:
        lines = ["groups:", "- name: boards", "  rules:"]
        for number, (_, _, expression) in enumerate(queries):
            plain = expression.replace("$instance", ".+").replace("$__rate_interval", "1m")
            lines += [f"  - record: board:query:{number}", f"    expr: {json.dumps(plain)}"]
        (folder / "boards.yml").write_text("\n".join(lines) + "\n")
        done = run(["promtool", "check", "rules", str(folder / "boards.yml")])
        table.row("every expression of a dashboard parses", done.returncode == 0 and "$" not in "".join(lines),
                  said(done) if done.returncode else f"{len(queries)} expressions")
    used = {}
    for file, panel, expression in queries:
        for name in re.findall(r"\bbt_\w+", expression):
            used.setdefault(name, f"{file}: {panel}")
    for expression in re.findall(r"expr: (.*)", (DEPLOY / "prometheus/rules.yml").read_text()):
        for name in re.findall(r"\bbt_\w+", expression):
            used.setdefault(name, "rules.yml")
    metrics(table, folder, program, used)


def metrics(table, folder, program, used):
    """Names in dashboards and rules against those the running program has; what it does not measure on this machine
    (a temperature) must at least stand in its source."""
    if not is_whole(program):
        return table.skip("every metric that is asked for exists", "this program has no `run`")
    (folder / "trainer").mkdir()
    trainer = Trainer(program, folder / "trainer", free_port())
    if not trainer.ready():
        return table.row("every metric that is asked for exists", False, "the trainer did not get ready")
    page = wait_for(lambda: (text := get(trainer.url + "/metrics")[2].decode()) and "bt_system_cpu_ratio" in text
                    and "bt_vision_rate_hertz" in text and text, 20, 0.5) or get(trainer.url + "/metrics")[2].decode()
    scraped(table, folder, trainer)
    trainer.end()
    live = set(re.findall(r"^# TYPE (\w+)", page, re.M))
    source = "\n".join(path.read_text() for path in (REPOSITORY / "src").rglob("*.rs"))
    known = {name for name in used if f'"{name}"' in source or f'"{name.removeprefix("bt_")}" "' in source}
    missing = sorted(set(used) - live - known)
    table.row("every metric that is asked for exists", not missing,
              ", ".join(f"{n} ({used[n]})" for n in missing)
              or f"{len(set(used) & live)} measured now, {len(set(used) - live)} only in the source")
    if not tools("promtool"):
        done = run(["promtool", "check", "metrics"], input=page, stdin=None)
        table.row("promtool check metrics", done.returncode == 0, said(done))


def scraped(table, folder, trainer):
    """The real Prometheus, with the settings of deploy/, beside the running trainer."""
    if tools("prometheus"):
        return table.skip("Prometheus takes the figures in and judges every rule", "prometheus is missing")
    there, port = folder / "prometheus", free_port()
    shutil.copytree(DEPLOY / "prometheus", there)
    text = (there / "prometheus.yml").read_text()
    assert '"127.0.0.1:8000"' in text, "the trainer's address is no longer in the settings"
    # As they are, but for the port, and in seconds what takes minutes.
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{trainer.port}").replace("scrape_interval: 5s", "scrape_interval: 1s")
    (there / "prometheus.yml").write_text(text.replace("evaluation_interval: 5s", "evaluation_interval: 1s"))
    child = Child(["prometheus", f"--config.file={there}/prometheus.yml", f"--storage.tsdb.path={there}/data",
                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=open(there / "errors", "wb"))
    ask = lambda what: json.loads(get(f"http://127.0.0.1:{port}/api/v1/{what}")[2])["data"]

    def judged():
        groups = ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if rules and all(rule["lastEvaluation"] > "0002" for rule in rules) else None

    try:
        rules = wait_for(judged, 30, 0.5) or []
        up = wait_for(lambda: ask("query?query=bt_up")["result"], 20, 0.5)
        bad = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
        firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
        table.row("Prometheus takes the figures in and judges every rule", up and rules and not bad,
                  "; ".join(bad) or f"{len(rules)} rules, firing: {', '.join(firing) or 'none'}" if rules
                  else (there / "errors").read_text()[-200:])
    finally:
        child.end()


if __name__ == "__main__":
    main()
