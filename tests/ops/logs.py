#!/usr/bin/env python3
"""The real logrotate turns the running trainer's log over five times, while it writes: no line is lost, and it never stops.

    logs.py PROGRAM
"""
import grp, gzip, os, pwd, re, sys, time

from common import Table, Trainer, free_port, is_whole, placed, program_of, run, said, scratch, tools, wait_for

TURNS = 5
# Between two turns; names of old logs have the second in them.
PAUSE_S = 3
# So many lines a second the trainer lets one place in it write.
LINES_A_SECOND = 50


def main():
    program = program_of(sys.argv)
    table = Table("logrotate and the running trainer")
    if tools("logrotate") or not is_whole(program):
        table.skip("all of it", "logrotate is missing" if tools("logrotate") else "this program has no `run`")
        table.end()
    folder = scratch("logs")
    place = folder / "place"
    logs = place / "logs"
    logs.mkdir(parents=True)
    os.chmod(logs, 0o750)
    log = logs / "billiards-trainer.log"
    flood = folder / "flood.ron"
    # Every line also goes to stderr, which nobody turns over: what stands there is what must be in the files.
    flood.write_text("[(at_s: 1.0, does: flood_log, for_s: 60.0, size: 5000.0)]")
    trainer = Trainer(program, folder, free_port(), "--log-file", str(log), "--fault-script", str(flood))
    trainer.ready() or sys.exit("the trainer did not get ready")
    rule = folder / "rule"
    rule.write_text(rule_for(place, trainer.pid))
    os.chmod(rule, 0o644)
    complaints, sizes = [], []
    wait_for(lambda: log.stat().st_size > 10_000, 20)
    for _ in range(TURNS):
        done = run(["logrotate", "-s", str(folder / "rotated"), str(rule)])
        if done.returncode or said(done):
            complaints.append(said(done))
        time.sleep(PAUSE_S)
        sizes.append(log.stat().st_size if log.exists() else 0)
        if not trainer.alive():
            break
    table.row("logrotate says nothing", not complaints, complaints[:1])
    table.row(f"the trainer ran through {TURNS} turns, as one process", trainer.alive() and len(sizes) == TURNS,
              f"process {trainer.pid}" if trainer.alive() else f"it ended with {trainer.process.returncode}")
    old = sorted(logs.glob("billiards-trainer.log-*"))
    packed = [path for path in old if path.suffix == ".gz"]
    table.row("each turn left a log with its date, all but the newest packed",
              (len(old), len(packed)) == (TURNS, TURNS - 1), [path.name for path in old])
    table.row("it went on in the new file each time", len(sizes) == TURNS and min(sizes) > 1000, f"{sizes} bytes")
    trainer.end()
    told = messages((folder / "output").read_text(errors="replace"), False)
    text = ""
    for path in [*old, log]:
        text += (gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()) if path.exists() else ""
    kept = messages(text, True)
    counted = sum("a line too many" in line for line in told)
    table.row("no line is lost, doubled, torn or out of turn", kept == told and counted > LINES_A_SECOND * TURNS,
              f"{len(told)} lines told, {len(kept)} in {len(old) + 1} files, {counted} of them of the flood{difference(told, kept)}")
    about = log.stat() if log.exists() else None
    table.row("the new log is for its group, and nobody else", about and about.st_mode & 0o777 == 0o640,
              about and oct(about.st_mode & 0o777))
    table.end()


def rule_for(place, pid):
    """The rule of deploy/ for this user, this place and this process; any size is enough to turn over."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    rule = placed("logrotate/billiards-trainer", place)
    for usual, here in (("su billiards-trainer billiards-trainer", f"su {user} {group}"),
                        ("0640 billiards-trainer billiards-trainer", f"0640 {user} {group}"), ("maxsize 8M", "maxsize 1k")):
        assert usual in rule, f"{usual} is no longer in the rule"
        rule = rule.replace(usual, here)
    rule, count = re.subn(r"systemctl kill --kill-whom=main --signal=(\w+) \$unit.service 2>/dev/null \|\| true",
                          rf"[ $unit = billiards-trainer ] \&\& kill -s \1 {pid} || true", rule)
    assert count == 1, "how the trainer is told is no longer in the rule"
    return rule.replace("SIGUSR1", "USR1")


def messages(text, from_file):
    """Level and words of each line: time and place in the program are written otherwise on a terminal."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\S+Z?\s+(ERROR|WARN|INFO|DEBUG)\s+(.*)" if from_file else r"\s*[0-9.]+s\s+(ERROR|WARN|INFO|DEBUG)\s+(.*)", line)
        if match:
            words = re.sub(r"^[a-z_0-9]+(::[a-z_0-9]+)*: ", "", match[2]) if from_file else match[2]
            found.append(f"{match[1]} {words}")
    return found


def difference(told, kept):
    for number, (a, b) in enumerate(zip(told, kept)):
        if a != b:
            return f"; line {number} is `{b}`, was `{a}`"
    return "" if len(told) == len(kept) else f"; the rest begins with `{(told + kept)[min(len(told), len(kept))]}`"


if __name__ == "__main__":
    main()
