#!/usr/bin/env python3
"""Measures what is promised about backups, on a real installation with the real restic, and prints a table.

    tests/ops/backup.py PROGRAM [--damages N] [--kills N] [--seed N]

PROGRAM is the built billiards-trainer. Exits with 1 when a promise is broken. Everything happens in a scratch
folder; only the lines that say so need root.
"""
import argparse, hashlib, json, os, random, re, shutil, signal, sqlite3, subprocess, sys, tempfile, time

arguments = argparse.ArgumentParser()
arguments.add_argument("program")
arguments.add_argument("--damages", type=int, default=1000)
arguments.add_argument("--kills", type=int, default=50)
arguments.add_argument("--seed", type=int, default=int(time.time()))
wanted = arguments.parse_args()
program = os.path.abspath(wanted.program)
chance = random.Random(wanted.seed)
scratch = tempfile.mkdtemp(prefix="billiards-ops-backup-")
os.chmod(scratch, 0o755)
root = os.path.join(scratch, "trainer")
rows = []


def row(what, measured, promised, good):
    """good: True, False, or None where it could not be measured here."""
    rows.append((what, measured, promised, good))
    print(f"{'ok' if good else '--' if good is None else 'BROKEN':<7}{what}: {measured} ({promised})", flush=True)


def backup(*args, env=None, run_as=None):
    command = [program, "backup", *args, "--system-dir", root]
    if run_as is not None:
        command = ["setpriv", f"--reuid={run_as}", f"--regid={run_as}", "--clear-groups"] + command
    return subprocess.run(command, capture_output=True, text=True, env=env and {**os.environ, **env})


def must(*args):
    done = backup(*args)
    if done.returncode != 0:
        raise SystemExit(f"backup {' '.join(args)} failed: {done.stderr}")
    return done.stdout


def one_line(done):
    """The refusal is one line on stderr, after the lines that say how far it is, and the exit code is 1."""
    lines = [l for l in done.stderr.splitlines() if not l.endswith("…")]
    return done.returncode == 1 and len(lines) == 1 and lines[0].startswith("billiards-trainer: ")


def write(path, data):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def history(rows_more):
    db = sqlite3.connect(os.path.join(root, "state/history.sqlite"))
    db.execute("create table if not exists second (t integer primary key, v blob not null)")
    db.executemany("insert into second (v) values (?)", [(chance.randbytes(200),) for _ in range(rows_more)])
    db.commit()
    db.close()


def install():
    shutil.rmtree(root, ignore_errors=True)
    write("config/site.ron", b"(api: (port: 9000))")
    write("state/tokens.ron", b"tokens")
    write("state/calibration/table.ron", chance.randbytes(20_000))
    write("logs/trainer.log", b"line\n" * 2000)
    write("releases/0.1.0/billiards-trainer", chance.randbytes(500_000))
    os.symlink("releases/0.1.0", os.path.join(root, "current"))
    history(3000)


def hashes(areas=("config", "state", "logs", "releases")):
    found = {}
    for area in areas:
        for folder, _, names in os.walk(os.path.join(root, area)):
            for name in names:
                if name == "lock" or name == ".restored-folder":
                    continue
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = hashlib.sha256(file.read()).hexdigest()
    return found


def repository_bytes():
    return sum(os.path.getsize(os.path.join(f, n)) for f, _, ns in os.walk(os.path.join(root, "backups/repository")) for n in ns)


def destroyed():
    install()
    must("create", "--kind", "full")
    must("restore", "--all")  # from here on the database is in the form in which it is saved
    before = hashes()
    for area in ("config", "state", "logs", "releases"):
        shutil.rmtree(os.path.join(root, area))
    os.remove(os.path.join(root, "current"))
    start = time.monotonic()
    must("restore", "--all")
    after = hashes()
    same = sum(1 for path in before if after.get(path) == before[path])
    good = before == after and os.path.exists(os.path.join(root, "current/billiards-trainer"))
    row("destroyed and restored", f"{same} of {len(before)} files the same by hash, {time.monotonic() - start:.1f} s",
        "all", good)


def incremental():
    install()
    must("create")
    must("create")
    worst = 0.0
    for size in (100, 10_000, 1_000_000, 5_000_000):
        before = repository_bytes()
        write("state/changed.bin", chance.randbytes(size))
        must("create")
        grown = repository_bytes() - before
        worst = max(worst, grown / (1.1 * size + 65_536))
    row("a backup takes room for what is new", f"{worst:.2f} of the bound at most", "1.1 x changed + 64 KiB", worst <= 1)


def flip(data):
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]


def damages():
    install()
    must("create")
    write("state/tokens.ron", b"second tokens")
    must("create")
    archive = os.path.join(scratch, "whole.tar.zst")
    must("export", archive)
    with open(archive, "rb") as file:
        whole = file.read()
    write("config/site.ron", b"(api: (port: 9001))")
    live = hashes()
    broken = os.path.join(scratch, "broken.tar.zst")
    repository = os.path.join(root, "backups/repository")
    in_repository = min(wanted.damages // 10, 100)
    found = {"archive": 0, "repository": 0, "key": 0}
    missed = []

    def refused(kind, what, done):
        if one_line(done) and hashes() == live:
            found[kind] += 1
        else:
            missed.append((kind, what, done.returncode, done.stderr[-300:]))

    for number in range(wanted.damages - in_repository):
        data = whole[:chance.randrange(len(whole))] if number % 4 == 0 else flip(whole)
        with open(broken, "wb") as file:
            file.write(data)
        refused("archive", number, backup("restore", "--backup-file", broken))
    files = sorted(os.path.join(f, n) for f, _, ns in os.walk(repository) for n in ns)
    for number in range(in_repository):
        path = chance.choice(files)
        with open(path, "rb") as file:
            data = file.read()
        how = number % 3
        other = chance.choice([f for f in files if f != path])
        with open(other, "rb") as file:
            exchanged = file.read()
        damage = flip(data) if how == 0 else data[:chance.randrange(len(data))] if how == 1 else exchanged
        os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(damage)
        name = os.path.relpath(path, repository)
        # What a restore does not need, only a look at everything finds.
        done = backup("restore")
        if done.returncode == 0:
            must("restore", "--undo")
            done = backup("verify", "--data", "all")
        refused("repository", (name, how), done)
        with open(path, "wb") as file:
            file.write(data)
    key = os.path.join(root, "secrets/backup.key")
    with open(key, "rb") as file:
        right = file.read()
    with open(key, "wb") as file:
        file.write(flip(right))
    refused("key", "flipped", backup("restore"))
    os.remove(key)
    refused("key", "missing", backup("restore"))
    with open(key, "wb") as file:
        file.write(right)
    must("verify", "--data", "all")
    total = sum(found.values())
    row("damages found before anything live changed",
        f"{total} of {wanted.damages + 2} ({found['archive']} archives, {found['repository']} repository, {found['key']} keys)",
        "all", not missed)
    for one in missed[:10]:
        print("       missed:", one)


def kills():
    install()
    must("create")
    old = hashes(("config", "state"))
    outcomes = {"before": 0, "after": 0}
    lost = []
    start = time.monotonic()
    must("restore", "--without-backup")
    long = time.monotonic() - start
    new = hashes(("config", "state"))
    killed = 0
    for number in range(wanted.kills):
        pruning = number % 5 == 4
        if pruning:
            args = ["prune", "--keep-last", "1", "--keep-hourly", "0", "--keep-daily", "0", "--keep-weekly", "0",
                    "--keep-monthly", "0"]
        elif number % 2 == 0:
            write("config/site.ron", b"(api: (port: 9100))")
            write("state/tokens.ron", b"changed %d" % number)
            write("state/more.ron", b"more")
            args = ["restore", "--without-backup"]
        else:
            # With this tag it is not taken for the latest.
            write("state/bulk.bin", chance.randbytes(500_000))
            args = ["create", "--tag", "pre-restore"]
        old = hashes(("config", "state"))
        snapshots = {s["id"] for s in json.loads(must("list", "--json"))["backups"]}
        child = subprocess.Popen([program, "backup", *args, "--system-dir", root],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, long * 1.1))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -9
        now = hashes(("config", "state"))
        by_folder = lambda all_, area: {p: h for p, h in all_.items() if p.startswith(area)}
        for area in ("config", "state"):
            if by_folder(now, area) not in (by_folder(old, area), by_folder(new, area)):
                lost.append((number, args[0], area, "neither old nor new"))
        listed = backup("list", "--json")
        if listed.returncode != 0:
            lost.append((number, args[0], "the next command failed: " + listed.stderr))
            continue
        if not pruning and not snapshots <= {s["id"] for s in json.loads(listed.stdout)["backups"]}:
            lost.append((number, args[0], "a backup is gone"))
        after = hashes(("config", "state"))
        if after not in (old, new):
            lost.append((number, args[0], "half of both"))
        outcomes["after" if after == new else "before"] += 1
        verified = backup("verify")
        if verified.returncode != 0:
            lost.append((number, args[0], "the repository is damaged: " + verified.stderr))
        must("restore", "--without-backup")
        if hashes(("config", "state")) != new:
            lost.append((number, args[0], "the next restore is another"))
    must("prune", "--keep-last", "1")
    must("verify", "--data", "all")
    must("drill")
    row("kill -9 at random moments of backup, restore and prune",
        f"{wanted.kills} ({killed} while at work; {outcomes['before']} old, {outcomes['after']} new), {len(lost)} lost anything",
        "none", not lost)
    for one in lost[:10]:
        print("       lost:", one)


def troubles():
    """Each is one line with exit code 1, and changes nothing."""
    install()
    must("create")
    write("state/tokens.ron", b"changed")
    live = hashes()

    def case(what, word, done):
        good = one_line(done) and re.search(word, done.stderr) is not None and hashes() == live
        row(what, done.stderr.strip().splitlines()[-1][:150] if done.stderr.strip() else f"exit code {done.returncode}",
            "one line, exit code 1, nothing changed", good)

    empty = os.path.join(scratch, "empty-path")
    os.makedirs(empty, exist_ok=True)
    for tool in ("setpriv", "sh", "env", "sha256sum"):
        if not os.path.lexists(os.path.join(empty, tool)):
            os.symlink(shutil.which(tool), os.path.join(empty, tool))
    case("restic is missing", "apt install restic", backup("create", env={"PATH": empty}))
    without = os.path.join(scratch, "path-without-setpriv")
    os.makedirs(without, exist_ok=True)
    for tool in ("restic", "sh", "env", "sha256sum"):
        if not os.path.lexists(os.path.join(without, tool)):
            os.symlink(shutil.which(tool), os.path.join(without, tool))
    case("setpriv is missing", "setpriv is not installed", backup("create", env={"PATH": without}))
    repository = os.path.join(root, "backups/repository")
    os.rename(repository + "/index", scratch + "/index")
    case("half a repository", "not whole", backup("restore"))
    os.rename(scratch + "/index", repository + "/index")
    if os.geteuid() == 0:
        case("wrong owner", "sudo", backup("create", run_as=65534))
        backups = os.path.join(root, "backups")
        aside = backups + ".aside"
        os.rename(backups, aside)
        os.mkdir(backups)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", backups]).returncode == 0
        if mounted:
            try:
                shutil.copytree(aside + "/repository", backups + "/repository")
            except (OSError, shutil.Error):
                pass
            shutil.rmtree(backups + "/repository", ignore_errors=True)
            case("no room", "room", backup("create"))
            subprocess.run(["mount", "-o", "remount,ro", backups], check=True)
            case("a disk that can only be read", "can only be read", backup("create"))
            subprocess.run(["umount", backups], check=True)
        else:
            row("no room, read-only disk", "nothing can be mounted here", "measured with the right to mount", None)
        os.rmdir(backups)
        os.rename(aside, backups)
        state = os.path.join(root, "state")
        if mounted and subprocess.run(["mount", "--bind", state, state]).returncode == 0:
            try:
                case("a disk mounted on state", "a disk is mounted there", backup("restore", "--without-backup"))
                listed = backup("list")
                row("the next command after that", listed.stderr.strip() or "works", "works", listed.returncode == 0)
            finally:
                subprocess.run(["umount", state], check=True)
    else:
        row("wrong owner, no room, read-only disk", "not root", "measured as root", None)
    must("verify", "--data", "all")
    bare = os.path.join(scratch, "bare")
    os.makedirs(bare, exist_ok=True)
    looks = [subprocess.run([program, "backup", *args, "--system-dir", bare], capture_output=True, text=True)
             for args in (["list"], ["key", "show"])]
    row("list and key show where there is no backup", f"exit codes {[l.returncode for l in looks]}, made {os.listdir(bare)}",
        "0 and 1, nothing made", [l.returncode for l in looks] == [0, 1] and os.listdir(bare) == [])


try:
    print(f"seed {wanted.seed}, {scratch}", flush=True)
    for part in (destroyed, incremental, troubles, kills, damages):
        part()
finally:
    shutil.rmtree(scratch, ignore_errors=True)
widths = [max(len(str(r[i])) for r in rows) for i in range(3)]
print()
for what, measured, promised, good in rows:
    print(f"{what:<{widths[0]}}  {measured:<{widths[1]}}  {promised:<{widths[2]}}  {'ok' if good else 'not measured' if good is None else 'BROKEN'}")
sys.exit(any(good is False for *_, good in rows))
