#!/usr/bin/env python3
"""Deploys real and bad releases of a real trainer, kills deploys at random moments, and tells which promise was kept.

    tests/ops/deploy.py PROGRAM [--deployer FILE] [--kills 50] [--seed 1] [--only WORD] [--probation 6]

PROGRAM runs the trainer; --deployer is the program that deploys, where that is another. Needs gcc, minisign, restic.
"""
import argparse, contextlib, hashlib, json, os, random, shutil, signal, sqlite3, subprocess, sys, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import Table, free_port, get, run, said, scratch, tools, wait_for

HERE = Path(__file__).resolve().parent
BAD = [
    # name, macros, version, words that the refusal must have, it was at the table
    ("crash at start", ["CRASH_AT_START"], None, ["did not start"], True),
    ("crash after a while", ["CRASH_AFTER=@CRASH@"], None, ["it ended"], True),
    ("hang", ['SCRIPT="hang.ron"'], None, ["it ended", "not any more", "started again"], True),
    ("not ready", ["NOT_READY"], None, ["not ready within", "did not start"], True),
    ("leak", ['SCRIPT="leak.ron"'], None, ["memory grows"], True),
    ("too slow", ["SLOW"], None, ["pictures a second"], True),
    ("bad migration", ["BAD_MIGRATION"], None, ["did not start"], True),
    ("bad migration, seen in the trial", ["TRIAL_SPOILS"], None, ["trial:"], False),
    ("bad signature", [], None, ["signature:"], False),
    ("wrong architecture", [], None, ["machine:"], False),
    ("bad configuration", ["BAD_CONFIG"], None, ["settings:"], False),
    ("downgrade", [], "0.0.1", ["version:", "older"], False),
    ("not signed", [], None, ["signature:", "not signed"], False),
]


def tree_digest(folder, skip=()):
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if any(name == s or name.startswith(s + "/") for s in skip):
            continue
        stat = path.lstat()
        whole.update(f"{name}\0{stat.st_mode:o}\0{stat.st_uid}\0".encode())
        if path.is_symlink():
            whole.update(os.readlink(path).encode())
        elif path.is_file():
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


class Bench:
    """An installation with a trainer at work in it."""

    def __init__(self, options):
        self.home = scratch("deploy")
        self.root = self.home / "opt"
        self.options, self.count = options, 0
        self.port = free_port()
        self.real = self.home / "real"
        shutil.copy(options.program, self.real)
        self.deployer = self.home / "deployer"
        shutil.copy(options.deployer or options.program, self.deployer)
        for key in ("release", "other"):
            run(["minisign", "-G", "-f", "-W", "-p", self.home / f"{key}.pub", "-s", self.home / f"{key}.key"])
        (self.home / "hang.ron").write_text("[(at_s: 3.0, does: hang, point: main_loop)]")
        (self.home / "leak.ron").write_text("[(at_s: 0.5, does: leak_memory, for_s: 600.0, size: 40.0)]")
        # A slow machine: what is measured is the deploy, not the virtual table.
        (self.home / "arguments").write_text("--headless --source virtual --no-projector --set vision.rate_hz=10")
        self.manager = self.home / "manager"
        self.manager.write_text(f"#!/bin/sh\nexec {sys.executable} {HERE}/supervisor.py {self.root} {self.deployer} \"$1\"\n")
        self.manager.chmod(0o755)

    def release(self, macros=(), version=None, sign="release"):
        """A release of its own version."""
        self.count += 1
        version = version or f"9.{self.count}.0"
        folder = self.home / "releases"
        folder.mkdir(exist_ok=True)
        file = folder / f"billiards-trainer-{version}"
        macros = [m.replace("@CRASH@", str(self.options.crash)) for m in macros]
        made = run(["gcc", "-O1", "-o", file, HERE / "release.c", f'-DVERSION="{version}"', f'-DREAL="{self.real}"',
                    f'-DFOLDER="{self.home}"', *[f"-D{m}" for m in macros]])
        assert made.returncode == 0, said(made)
        if sign:
            run(["minisign", "-S", "-s", self.home / f"{sign}.key", "-m", file, "-t", f"billiards-trainer {version}"])
        return file, version

    def deploy(self, *words, **options):
        options.setdefault("timeout", 300)
        return run([self.deployer, "deploy", *words], **options)

    def flags(self):
        return ["--yes", "--probation", f"{self.options.probation}s", "--ready-within", "45s", "--spare-mb", "10"]

    def install(self):
        file, self.version = self.release()
        return self.deploy("install", self.root, "--environment", "production", "--from", file, "--port", str(self.port),
                           "--release-key", self.home / "release.pub", "--service-command", self.manager, *self.flags())

    def upgrade(self, file, *more, **options):
        return self.deploy("upgrade", file, self.root, *self.flags(), *more, **options)

    def current(self):
        try:
            return os.readlink(self.root / "current").rsplit("/", 1)[-1]
        except OSError:
            return None

    def service(self):
        told = run([self.manager, "status"]).stdout
        return dict(line.split("=", 1) for line in told.split())

    def is_ready(self):
        try:
            return get(f"http://127.0.0.1:{self.port}/readyz", timeout=2)[0] == 200
        except OSError:
            return False

    def supervised(self):
        """What the supervisor saw at each start and end."""
        return [json.loads(line) for line in (self.home / "supervisor.log").read_text().splitlines()]

    def plant(self):
        """Things that must never be lost, beside what the trainer keeps itself."""
        state, config = self.root / "state", self.root / "config"
        (state / "calibration").mkdir(exist_ok=True)
        (state / "calibration/profile-of-somebody.bin").write_bytes(random.Random(7).randbytes(200_000))
        (state / "players-of-somebody.ron").write_text("[\"everybody\"]")
        (config / "notes.txt").write_text("of the house")

    def planted(self):
        files = ["state/calibration/profile-of-somebody.bin", "state/players-of-somebody.ron", "config/notes.txt",
                 "config/site.ron", "config/release.pub"]
        return [hashlib.sha256((self.root / f).read_bytes()).hexdigest() if (self.root / f).exists() else None for f in files]

    def rows(self):
        """Rows of the history, where it can be read."""
        with contextlib.closing(sqlite3.connect(f"file:{self.root}/state/history.sqlite?mode=ro", uri=True, timeout=10)) as file:
            return file.execute("SELECT count(*) FROM second").fetchone()[0]

    def end(self):
        run([self.manager, "stop"], timeout=60)


def bad_release(bench, name, macros, version, words, at_table):
    sign = {"bad signature": "other", "not signed": None}.get(name, "release")
    file, _ = bench.release(macros, version, sign)
    if name == "wrong architecture":
        bytes_ = bytearray(file.read_bytes())
        bytes_[18:20] = (183).to_bytes(2, "little")
        file.write_bytes(bytes_)
        run(["minisign", "-S", "-s", bench.home / "release.key", "-m", file])
    before, pid, release, rows = bench.planted(), bench.service()["MainPID"], bench.current(), bench.rows()
    seen, releases = len(bench.supervised()), sorted(os.listdir(bench.root / "releases"))
    began = time.monotonic()
    done = bench.upgrade(file)
    took = time.monotonic() - began
    line = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
    faults = []
    if done.returncode != 1:
        faults.append(f"exit code {done.returncode}")
    if not any(word in line for word in words):
        faults.append("says something else")
    if bench.current() != release:
        faults.append(f"{bench.current()} is in place of {release}")
    if bench.planted() != before:
        faults.append("config or state changed")
    if not wait_for(bench.is_ready, 20):
        faults.append("the old release is not ready")
    if sorted(os.listdir(bench.root / "releases")) != releases:
        faults.append("releases changed")
    if (bench.root / "deploy/journal.ron").exists():
        faults.append("a journal is left")
    log = bench.supervised()[seen:]
    if at_table:
        # What the old one left at its end is what it found at its start, to the byte.
        ends = [e for e in log if e["word"].startswith("end") and e["release"] == release]
        starts = [e for e in log if e["word"] == "start" and e["release"] == release]
        same = ends and starts and all(ends[0][part] == starts[-1][part] for part in ("config", "state"))
        if not same:
            faults.append("config or state differ by hash")
        if not [e for e in log if e["word"] == "start" and e["release"] != release]:
            faults.append("it was never at the table")
        if bench.rows() < rows:
            faults.append("history was lost")
    elif bench.service()["MainPID"] != pid or log:
        faults.append("the service was touched")
    return not faults, f"{took:.0f} s; " + ("; ".join(faults) + "; " if faults else "") + line


def kill_at_random(bench, chance, longest, number):
    """One deploy killed at a random moment; what it left is gone on with."""
    bad = chance.random() < 0.4
    file, version = bench.release(["CRASH_AT_START"] if bad else [])
    old, before = bench.current(), bench.planted()
    rows = bench.rows()
    moment = chance.uniform(0.0, longest * (0.7 if bad else 1.0))
    child = subprocess.Popen([bench.deployer, "deploy", "upgrade", file, bench.root, *bench.flags()], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=open(bench.home / "killed.log", "w"))
    try:
        child.wait(moment)
        # It was through: that is no kill.
        wait_for(bench.is_ready, 40)
        return None, []
    except subprocess.TimeoutExpired:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    step = "checks"
    journal = bench.root / "deploy/journal.ron"
    if journal.exists():
        step = next((l.split(":")[1].strip(" ,") for l in journal.read_text().splitlines() if l.strip().startswith("step:")), "?")
    killed_again = chance.random() < 0.3
    if killed_again:
        again = subprocess.Popen([bench.deployer, "deploy", "resume", bench.root], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            again.wait(chance.uniform(0.0, longest / 3))
        except subprocess.TimeoutExpired:
            pass
        again.kill()
        again.wait()
    done = bench.deploy("resume", bench.root)
    faults = []
    if done.returncode not in (0, 1) or (done.returncode == 1 and "taken back" not in done.stderr):
        faults.append(f"resume ends with {done.returncode}: {said(done).splitlines()[-1:]}")
    now = bench.current()
    if now not in ([old] if bad else [old, version]):
        faults.append(f"{now} is in place")
    if not wait_for(bench.is_ready, 40):
        faults.append("nothing is ready")
    if bench.planted() != before:
        faults.append("config or state changed")
    if journal.exists() or (bench.root / "deploy/incoming").exists() or (bench.root / "deploy/trial").exists():
        faults.append("something is left over")
    if bench.rows() < rows:
        faults.append("history was lost")
    if len(os.listdir(bench.root / "releases")) > 4:
        faults.append("too many releases")
    again = bench.deploy("resume", bench.root)
    if again.returncode != 0:
        faults.append("a second resume has something to do")
    print(f"    {number:2}  {moment:5.1f} s  {step:<16} {'again' if killed_again else '':<6} "
          f"{'bad' if bad else 'good':<5} {now} {'; '.join(faults)}")
    return step, faults


def kills(bench, options):
    chance = random.Random(options.seed)
    began = time.monotonic()
    file, _ = bench.release()
    bench.upgrade(file)
    longest = (time.monotonic() - began) * 1.1
    steps, broken = {}, []
    number = 0
    while number < options.kills:
        step, faults = kill_at_random(bench, chance, longest, number + 1)
        if step is None:
            continue
        number += 1
        steps[step] = steps.get(step, 0) + 1
        broken += [f"{number}: {f}" for f in faults]
    shown = ", ".join(f"{step} {count}" for step, count in sorted(steps.items(), key=lambda s: -s[1]))
    return not broken, f"{'; '.join(broken[:3])} in {longest:.0f} s: {shown}"


def refused(bench, words, *command, env=None, code=1):
    """Refused with one line, and nothing is changed."""
    skip = ("state", "logs", "deploy/lock")
    before = tree_digest(bench.root, skip)
    done = bench.deploy(*command, env=env) if env else bench.deploy(*command)
    line = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
    faults = [] if done.returncode == code else [f"exit code {done.returncode}"]
    if not any(word in line for word in words):
        faults.append("says something else")
    if tree_digest(bench.root, skip) != before:
        faults.append("something was changed")
    return not faults, "; ".join([*faults, line])


def bad_input(bench, table, file):
    root = bench.root
    table.attempt("rollback to a version that is not there", lambda: refused(
        bench, ["no release 7.7.7"], "rollback", root, "--to", "7.7.7", "--yes"))
    table.attempt("a file that is not there", lambda: refused(bench, ["correct the path"], "upgrade", "/nowhere/at/all", root, "--yes"))
    table.attempt("a file that is empty", lambda: refused(bench, ["no file with a program"], "upgrade", "/dev/null", root, "--yes"))
    table.attempt("install where something is installed", lambda: refused(
        bench, ["installed already"], "install", root, "--from", file, "--service-command", bench.manager, "--yes"))
    table.attempt("too little room by the flag", lambda: refused(
        bench, ["are needed"], "upgrade", file, root, "--yes", "--spare-mb", "100000000"))
    table.attempt("nothing installed there", lambda: refused(bench, ["nothing is installed"], "upgrade", file, bench.home / "none", "--yes"))

    def without_restic():
        bin_ = bench.home / "bin"
        bin_.mkdir(exist_ok=True)
        for name in ("env", "setpriv", "sh", "python3", "nginx"):
            found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin")
            if found and not (bin_ / name).exists():
                (bin_ / name).symlink_to(found)
        # `common.run` adds /usr/sbin and /sbin, where restic is not.
        return refused(bench, ["restic is not installed"], "upgrade", file, root, *bench.flags(), env={"PATH": str(bin_)})
    table.attempt("restic is missing", without_restic)

    if os.geteuid() != 0:
        table.skip("full disk, read-only disk, another user", "needs root")
        return
    small = bench.home / "small"
    small.mkdir()

    def mounted(*options):
        done = run(["mount", "-t", "tmpfs", "-o", *options, "none", small])
        if done.returncode:
            raise OSError(said(done))

    def full_disk():
        mounted("size=32k")
        try:
            done = bench.deploy("install", small / "opt", "--from", file, "--service-command", bench.manager, "--yes", "--spare-mb", "0", "--unsigned")
            left = os.listdir(small)
            return done.returncode == 1 and "are needed" in done.stderr and not left, f"{said(done).splitlines()[-1]} {left}"
        finally:
            run(["umount", small])
    table.attempt("install on a disk without room", full_disk)

    def runs_full():
        # Room by the count, and none by the time it is needed.
        size = Path(file).stat().st_size // 1024 + 8
        mounted(f"size={size}k")
        try:
            done = bench.deploy("install", small / "opt", "--from", file, "--service-command", bench.manager, "--yes", "--spare-mb", "0", "--unsigned")
            left = os.listdir(small)
            return done.returncode == 1 and not left, f"{said(done).splitlines()[-1]} {left}"
        finally:
            run(["umount", small])
    table.attempt("install on a disk that has room for one only", runs_full)

    def read_only():
        mounted("size=64m,ro")
        try:
            done = bench.deploy("install", small / "opt", "--from", file, "--service-command", bench.manager, "--yes")
            return done.returncode == 1 and "read" in done.stderr, said(done).splitlines()[-1]
        finally:
            run(["umount", small])
    table.attempt("install on a disk that can only be read", read_only)

    def another_user():
        os.chmod(bench.home, 0o755)
        before = tree_digest(root, ("state", "logs"))
        done = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bench.deployer, "deploy", "upgrade", file, root, "--yes"])
        same = tree_digest(root, ("state", "logs")) == before
        return done.returncode == 1 and same and "sudo" in done.stderr, said(done).splitlines()[-1]
    table.attempt("another user's installation", another_user)

    def half():
        current = os.readlink(root / "current")
        (root / "current").unlink()
        (root / "current").symlink_to("releases/5.5.5")
        try:
            return refused(bench, ["not there"], "upgrade", file, root, "--yes")
        finally:
            (root / "current").unlink()
            (root / "current").symlink_to(current)
    table.attempt("half an installation", half)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--deployer")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--probation", type=float, default=6.0)
    parser.add_argument("--crash", type=int, default=8, help="seconds after which the release that crashes later does")
    options = parser.parse_args()
    missing = tools("gcc", "minisign", "restic")
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; apt install gcc minisign restic")
    table = Table("deploy")
    bench = Bench(options)
    try:
        checks(bench, table, options)
    finally:
        bench.end()
    table.end()


def checks(bench, table, options):
    wanted = lambda word: not options.only or options.only in word
    done = bench.install()
    if not table.row("install", done.returncode == 0 and bench.is_ready(), said(done).splitlines()[-1]):
        print(said(done))
        return
    bench.plant()
    time.sleep(6)
    file, version = bench.release()
    if wanted("upgrade"):
        seen = len(bench.supervised())
        began = time.monotonic()
        done = bench.upgrade(file)
        log = bench.supervised()[seen:]
        table.row("upgrade", done.returncode == 0 and bench.current() == version and bench.is_ready(),
                  f"{time.monotonic() - began:.0f} s; {said(done).splitlines()[-1]}")
        table.row("what the old one left is what the new one finds", len(log) >= 2 and log[0]["state"] == log[1]["state"], log)
        done = bench.deploy("verify", bench.root)
        table.row("verify has nothing to say", done.returncode == 0, said(done).splitlines()[-1])
        done = bench.deploy("status", bench.root, "--json")
        status = json.loads(done.stdout)
        table.row("status", status["release"] == version and status["ready"] and status["last_backup_unix_s"], status)
        old = status["previous"]
        done = bench.deploy("rollback", bench.root, *bench.flags())
        table.row("rollback", done.returncode == 0 and bench.current() == old and bench.is_ready(), said(done).splitlines()[-1])
    if wanted("bad release"):
        for name, macros, version, words, at_table in BAD:
            table.attempt(f"bad release: {name}", lambda: bad_release(bench, name, macros, version, words, at_table))
    if wanted("bad input"):
        file, _ = bench.release()
        bad_input(bench, table, file)
    if wanted("shadow"):
        table.attempt("shadow: a release that may take over", lambda: shadowed(bench, [], 0))
    if wanted("kill") and options.kills:
        table.attempt(f"kill -9 at {options.kills} random moments", lambda: kills(bench, options))
    if wanted("prune"):
        for _ in range(4):
            done = bench.upgrade(bench.release()[0], "--no-backup")
            assert done.returncode == 0, said(done).splitlines()[-1]
        left = os.listdir(bench.root / "releases")
        table.row("three releases are kept, the one that runs and the one before among them",
                  len(left) == 3 and bench.current() in left, left)


def shadowed(bench, macros, code):
    if shutil.which("ffmpeg") is None:
        raise OSError("ffmpeg is missing")
    file, _ = bench.release(macros)
    before, pid = bench.planted(), bench.service()["MainPID"]
    done = bench.deploy("shadow", file, bench.root, "--for", "20s")
    same = bench.planted() == before and bench.service()["MainPID"] == pid and not (bench.root / "deploy/trial").exists()
    return done.returncode == code and same, (done.stdout or done.stderr).strip().splitlines()[-1]


if __name__ == "__main__":
    main()
