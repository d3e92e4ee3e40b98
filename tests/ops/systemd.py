#!/usr/bin/env python3
"""The trainer as a service of a real systemd: a small Debian, booted in a container (systemd-nspawn), with the units of deploy/.

    systemd.py PROGRAM

Needs root, systemd-nspawn and mmdebstrap (Debian: systemd-container, mmdebstrap), and a network the first time: the Debian is kept
in ~/.cache/billiards-trainer/rootfs. Nothing outside of that folder is changed.
"""
import json, os, re, shutil, signal, subprocess, sys, time
from pathlib import Path

from common import (DEPLOY, PLACE, Child, Table, atexit, free_port, get, is_whole, knows, program_of, run, said, scratch,
                    tools, wait_for)

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "billiards-trainer/rootfs"
PACKAGES = {"systemd-sysv", "dbus", "udev", "procps", "restic", "ca-certificates", "libwayland-client0", "libxkbcommon0",
            "libxkbcommon-x11-0",
            # To draw, on the processor, in windows of a display that is none.
            "libvulkan1", "mesa-vulkan-drivers", "xvfb", "xauth", "libx11-xcb1", "libxcursor1", "libxi6", "libxrandr2"}
UNIT, SAFE = "billiards-trainer.service", "billiards-trainer-safe.service"
# WatchdogSec= of the unit, and what systemd may take on top of it.
WATCHDOG_S = 10


def main():
    program = program_of(sys.argv)
    table = Table("the service in a real systemd")
    why = ("only root can boot a container" if os.geteuid() else
           f"missing: {', '.join(missing)} (Debian: systemd-container, mmdebstrap)"
           if (missing := tools("systemd-nspawn", "mmdebstrap", "nsenter", "unshare")) else
           "this program has no `run`" if not is_whole(program) else None)
    if not why:
        base, why = debian(program)
    if why:
        table.skip("all of it", why)
        table.end()
    box = Box(base, program)
    box.install(table)
    everyday(table, box)
    sandbox(table, box)
    devices(table, box)
    desktop(table, box)
    ends(table, box)
    crash_loop(table, box)
    wrong_settings(table, box)
    timers(table, box)
    box.end()
    table.end()


def libraries(program):
    """Debian packages with the libraries the program names."""
    wanted = set()
    for path in re.findall(r"=> (/\S+)", run(["ldd", program]).stdout):
        done = run(["dpkg", "-S", os.path.realpath(path)])
        if done.returncode:
            done = run(["dpkg", "-S", path])
        wanted |= {line.split(":")[0] for line in done.stdout.splitlines()[:1]}
    return wanted


def debian(program):
    """A folder with a Debian that has what the program needs; or why there is none."""
    wanted = sorted(PACKAGES | libraries(program))
    base, stamp = CACHE / "bookworm", CACHE / "bookworm.packages"
    if base.is_dir() and stamp.is_file() and set(stamp.read_text().split()) >= set(wanted):
        return base, None
    print(f"  making a small Debian in {CACHE} (a few minutes, once)")
    CACHE.mkdir(parents=True, exist_ok=True)
    new = CACHE / "bookworm.new"
    shutil.rmtree(new, True)
    try:
        done = run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(wanted)}", "bookworm", str(new)], 1200)
    except subprocess.TimeoutExpired:
        return None, "Debian did not come within twenty minutes"
    if done.returncode:
        shutil.rmtree(new, True)
        return None, f"no Debian: {said(done).splitlines()[-1:]}"
    shutil.rmtree(base, True)
    new.rename(base)
    stamp.write_text("\n".join(wanted))
    return base, None


class Box:
    """A booted Debian with the trainer in it. What is written goes into a layer of its own and is thrown away."""

    def __init__(self, base, program):
        self.program, self.port = program, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = scratch("systemd", CACHE)
        self.root = self.folder / "root"
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir()
        done = run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={base},upperdir={self.folder}/upper,workdir={self.folder}/work", str(self.root)])
        if done.returncode:
            # A folder that is itself a layer can't be one: a copy does as well.
            run(["cp", "-a", f"{base}/.", str(self.root)], 300)
        else:
            atexit.register(run, ["umount", "--lazy", str(self.root)])
        self.place = self.root / PLACE.lstrip("/")
        self.systemd = None

    def boot(self):
        # With these two the inner systemd may guard devices (BPF), as it does on a real machine.
        self.systemd = Child(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--register=no", "--keep-unit",
             "--console=pipe", "--capability=all", "--system-call-filter=bpf", "--hostname=table"],
            stdout=open(self.folder / "boot", "wb"), stderr=subprocess.STDOUT,
            env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"))
        # Before the inner systemd there are others, for moments.
        self.leader = wait_for(lambda: [pid for pid in run(["pgrep", "-P", str(self.systemd.pid)]).stdout.split()
                                        if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"], 30)
        self.leader = self.leader[0] if self.leader else sys.exit("the container did not start: " + self.told())
        up = wait_for(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 60, 0.3)
        up or sys.exit(f"systemd did not come up: {said(self.run('systemctl', 'is-system-running'))} {self.told()}")

    def told(self):
        return (self.folder / "boot").read_text(errors="replace")[-500:]

    def run(self, *command, timeout=90, **options):
        """Runs something in the container, as its root."""
        return run(["nsenter", "--all", "--target", self.leader, *command], timeout, **options)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options)

    def show(self, what, unit=UNIT):
        return self.systemctl("show", "--value", f"--property={what}", unit).stdout.strip()

    def log(self, unit=UNIT, lines=4):
        return " | ".join(self.run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", unit, "-n", str(lines)).stdout.split("\n"))

    def install(self, table):
        """By `deploy install` where this program has it; else its steps by hand."""
        promise = "installed into a fresh Debian, at work"
        if knows(self.program, "deploy", "install"):
            # Settings that are there are kept. The virtual table is much for a machine that does other work beside it.
            (self.place / "config").mkdir(parents=True)
            self.settings()
            self.boot()
            shutil.copy(self.program, self.root / "root/billiards-trainer")
            done = self.run("/root/billiards-trainer", "deploy", "install", PLACE, "--environment", "production", "--port",
                            str(self.port), "--unsigned", "--now", "--probation", "20s", "--yes", timeout=400)
            table.row(f"{promise}, by `deploy install`", done.returncode == 0, said(done)[-280:])
            if done.returncode:
                table.end()
            return
        releases = self.place / "releases/0"
        releases.mkdir(parents=True)
        shutil.copy(self.program, releases / "billiards-trainer")
        (self.place / "current").symlink_to("releases/0")
        (self.place / "config").mkdir()
        self.settings()
        for unit in (DEPLOY / "systemd").glob("billiards-trainer*.*"):
            if unit.is_file():
                shutil.copy(unit, self.root / "etc/systemd/system")
        for kind in ("sysusers", "tmpfiles"):
            folder = self.root / f"etc/{kind}.d"
            folder.mkdir(exist_ok=True)
            shutil.copy(DEPLOY / kind / "billiards-trainer.conf", folder)
        self.boot()
        made = [self.run("systemd-sysusers"), self.run("systemd-tmpfiles", "--create", "--prefix=" + PLACE)]
        quiet = not any(done.returncode or said(done) for done in made)
        table.row(promise, quiet, " ".join(map(said, made)) or self.run("systemctl", "--version").stdout.split("\n")[0])

    def settings(self, more=", trainer: (assistance: beginner)"):
        (self.place / "config/site.ron").write_text(f'(source: "virtual", vision: (rate_hz: 10), api: (port: {self.port}){more})\n')

    def drop_in(self, text):
        """A drop-in for the trainer's unit; without text none."""
        folder = self.root / f"etc/systemd/system/{UNIT}.d"
        shutil.rmtree(folder, True)
        if text:
            folder.mkdir()
            (folder / "check.conf").write_text(text)
        self.systemctl("daemon-reload")

    def anew(self):
        """A trainer that remembers no trouble, at work."""
        self.systemctl("stop", UNIT, SAFE)
        self.systemctl("reset-failed")
        for left in ("recovery.ron", "running"):
            (self.place / "state" / left).unlink(missing_ok=True)
        done = self.systemctl("start", UNIT)
        if done.returncode or not self.ready():
            raise RuntimeError(f"it does not come up: {said(done)} {self.log()}")

    def ready(self, seconds=40):
        return wait_for(lambda: get(self.url + "/readyz", timeout=2)[0] == 200, seconds, 0.2)

    def main(self):
        """The number of the trainer's process, as the machine outside counts."""
        inner = self.show("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            number = re.search(r"^NSpid:\s+\d+\s+(\d+)$", text, re.M)
            if number and number[1] == inner and "billiards" in text.split("\n")[0]:
                return int(status.parent.name)
        return None

    def status(self):
        return json.loads(get(self.url + "/api/v1/status")[2])

    def end(self):
        if self.systemd and self.systemd.alive():
            # Halt, in systemd's words to an init.
            os.kill(int(self.leader), signal.SIGRTMIN + 4)
            wait_for(lambda: not self.systemd.alive(), 20)
            self.systemd.end()


def restarted(box, seconds, before):
    """Waits for a new process that is ready: seconds from now, or nothing."""
    began = time.monotonic()
    new = wait_for(lambda: box.show("MainPID") not in ("0", before) and box.show("ActiveState") == "active", seconds, 0.2)
    return time.monotonic() - began if new and box.ready() else None


def everyday(table, box):
    def start():
        box.systemctl("stop", UNIT)
        began = time.monotonic()
        done = box.systemctl("start", UNIT)
        took = time.monotonic() - began
        kept = done.returncode == 0 and box.show("ActiveState") == "active"
        return kept, f"READY after {took:.1f} s, {box.show('StatusText')!r}" if kept else said(done) + box.log()

    table.attempt("start waits for READY", start)
    table.attempt("ready over HTTP", lambda: (box.ready(), box.url if box.ready(1) else box.log()))

    def rights():
        status = Path(f"/proc/{box.main()}/status").read_text()
        words = {k: v.split() for k, v in re.findall(r"^(\w+):\s*(.*)$", status, re.M)}
        user = int(box.run("id", "-u", "billiards-trainer").stdout)
        found = (int(words["Uid"][0]) == user, int(words["CapBnd"][0], 16), words["NoNewPrivs"][0], words["Seccomp"][0])
        return found == (True, 0, "1", "2"), f"user {words['Uid'][0]}, capabilities {words['CapBnd'][0]}, seccomp {words['Seccomp'][0]}"

    table.attempt("it runs as its own user, without capabilities, with seccomp", rights)

    def reload():
        # The trainer also sees by itself that the file is another. Of the same length and time, it does not.
        site, before = box.place / "config/site.ron", box.show("MainPID")
        about = site.stat()
        box.settings(", trainer: (assistance: advanced)")
        os.utime(site, ns=(about.st_atime_ns, about.st_mtime_ns))
        time.sleep(3)
        unseen = box.status()["assistance"]
        done = box.systemctl("reload", UNIT)
        taken = wait_for(lambda: box.status()["assistance"] == "advanced", 10, 0.2)
        return done.returncode == 0 and unseen == "beginner" and taken and box.show("MainPID") == before, \
            f"trainer.assistance {unseen}, after the signal {box.status()['assistance']}, same process"

    table.attempt("reload takes new settings in, without a new process", reload)
    log = box.place / "logs/billiards-trainer.log"
    table.attempt("the log goes to its file and to the journal", lambda: (
        log.stat().st_size > 0 and "api listens" in log.read_text() and "api listens" in box.log(lines=200), f"{log.stat().st_size} bytes"))


PROBE = """
try() { word=$1; shift; if ("$@") 2>/tmp/why; then echo "$word yes"; else echo "$word no $(cat /tmp/why)"; fi; }
write() { : > "$1"; }
look() { cat "$1" > /dev/null; }
open() { exec 3<>"$1"; }
try state write PLACE/state/probe
try logs write PLACE/logs/probe
try config_read look PLACE/config/site.ron
try config write PLACE/config/site.ron
try config_new write PLACE/config/probe
try backups write PLACE/backups/probe
try secrets ls PLACE/secrets
try releases write PLACE/releases/probe
try program write PLACE/current/billiards-trainer
try root write /probe
try usr write /usr/probe
try home ls /root
try tmp write /tmp/probe
try video open /dev/video0
try dri open /dev/dri/renderD128
try other open /dev/not-allowed
try null open /dev/null
try mem open /dev/mem
rm -f PLACE/state/probe PLACE/logs/probe
true
"""


def probe(box, more=""):
    """What somebody in the trainer's place can do: its unit to the letter, with a script for the program."""
    (box.root / "probe.sh").write_text(PROBE.replace("PLACE", PLACE))
    unit = (DEPLOY / f"systemd/{UNIT}").read_text()
    unit = re.sub(r"(?m)^ExecStart=(.*\\\n)*.*$", "ExecStart=/bin/sh /probe.sh", unit)
    unit = re.sub(r"(?m)^(ExecStartPre|ExecReload|WatchdogSec|Restart\w*|OnFailure|NotifyAccess|Success\w*)=.*\n", "", unit)
    unit = unit.replace("Type=notify", f"Type=oneshot\nStandardOutput=file:/probe.out\nStandardError=file:/probe.out")
    unit = unit.replace("[Install]", more + "\n[Install]")
    (box.root / "etc/systemd/system/probe.service").write_text(unit)
    (box.root / "probe.out").unlink(missing_ok=True)
    box.systemctl("daemon-reload")
    done = box.systemctl("start", "probe.service")
    text = (box.root / "probe.out").read_text() if (box.root / "probe.out").exists() else ""
    found = {word: (yes == "yes", why) for word, yes, why in re.findall(r"^(\w+) (yes|no)(.*)$", text, re.M)}
    if done.returncode or not found:
        raise RuntimeError(f"the probe did not run: {said(done)} {box.log('probe.service')} {text[:200]}")
    return found


def sandbox(table, box):
    def of(promise, may, may_not):
        def check():
            can = {word: found[word][0] for word in may + may_not}
            return can == {**dict.fromkeys(may, True), **dict.fromkeys(may_not, False)}, \
                ", ".join(f"{w} {'yes' if y else 'no'}" for w, y in can.items())
        table.attempt(promise, check)

    try:
        found = probe(box)
    except RuntimeError as error:
        table.row("the sandbox can be looked at", False, error)
        return
    of("state and logs can be written inside the sandbox", ["state", "logs", "tmp"], [])
    of("settings can be read and not written", ["config_read"], ["config", "config_new"])
    of("programs, backups, keys, homes and the system are out of reach", [],
       ["backups", "secrets", "releases", "program", "root", "usr", "home"])


def devices(table, box):
    """The kernel's own guard, by the unit's own lines. Where this kernel has no cameras, its list of drivers is shown to the inner
    systemd with the numbers that every Linux has for cameras and graphics: whoever is let through then meets no driver
    (ENXIO), whoever is not is refused (EPERM)."""
    drivers = Path("/proc/devices").read_text()
    for number, name in ((81, "video4linux"), (226, "drm")):
        if f"{number} {name}" not in drivers:
            drivers = drivers.replace("Character devices:\n", f"Character devices:\n{number:3} {name}\n", 1)
    (box.root / "drivers").write_text(drivers)
    nodes = "for n in 'video0 81 0 video' 'dri/renderD128 226 128 render' 'not-allowed 10 200 video'; do set -- $n; " \
            "mknod $1 c $2 $3; chgrp $4 $1; chmod 660 $1; done"
    # With the rights of the machine outside, in the folders of the container.
    groups = {name: number for name, number in re.findall(r"^(\w+):[^:]*:(\d+):", (box.root / "etc/group").read_text(), re.M)}
    nodes = nodes.replace(" video'", f" {groups['video']}'").replace(" render'", f" {groups['render']}'")
    run(["nsenter", "--mount", "--target", box.leader, "sh", "-c", f"cd /dev && mkdir -p dri && {nodes}"])
    mounted = box.run("mount", "--bind", "/drivers", "/proc/devices")
    if mounted.returncode:
        return table.skip("camera and graphics can be reached inside the sandbox", f"no list of drivers: {said(mounted)}")
    try:
        found = probe(box)
    except RuntimeError as error:
        table.row("devices can be looked at", False, error)
        return
    reached = {word: found[word][0] or "No such device" in found[word][1] for word in ("video", "dri", "other", "mem", "null")}
    # Whether devices can be guarded at all in a container here: by a unit that certainly asks for it.
    if reached["other"] and probe(box, "DeviceAllow=\nDevicePolicy=closed\n")["other"][0]:
        box.run("umount", "/proc/devices")
        return table.skip("camera and graphics can be reached inside the sandbox", "devices are not guarded in a container here")
    says = ", ".join(f"{word} {'open' if found[word][0] else found[word][1].split(': ')[-1]}" for word in reached)
    table.row("camera and graphics can be reached inside the sandbox", reached["video"] and reached["dri"] and reached["null"], says)
    table.row("no other device can, though its group would let it", not reached["other"] and not reached["mem"], says)
    box.run("umount", "/proc/devices")


def desktop(table, box):
    """Windows, by the drop-in for a desktop and the trainer's own display; only that X draws into memory, for want of a monitor."""
    system = box.root / "etc/systemd/system"
    screen = system / "billiards-trainer-display.service.d"
    screen.mkdir()
    shutil.copy(DEPLOY / "systemd/billiards-trainer-display.service", system)
    unit = (DEPLOY / "systemd/billiards-trainer-display.service").read_text()
    command = re.search(r"ExecStart=(.*)", unit)[1]
    command = command.replace("/usr/lib/xorg/Xorg :0 vt7", "/usr/bin/Xvfb :0 -screen 0 1280x720x24")
    (screen / "check.conf").write_text(f"[Unit]\nConditionPathExists=\n[Service]\nExecStart=\nExecStart={command}\n")
    shutil.copytree(DEPLOY / f"systemd/{UNIT}.d", system / f"{UNIT}.d", dirs_exist_ok=True)
    box.systemctl("daemon-reload")

    def windows():
        box.anew()
        shown = wait_for(lambda: "window" in (now := box.status()["display"]) and now, 30, 0.5) or box.status()["display"]
        return "window" in shown, f"{shown}; {box.log('billiards-trainer-display.service', 1)}"

    def secret():
        def reads(user, group):
            done = box.run("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "cat", "/run/billiards-trainer-display/xauthority")
            return done.returncode == 0
        return reads("billiards-trainer", "billiards-trainer") and not reads("nobody", "nogroup"), "the secret is the trainer's and root's"

    table.attempt("with the drop-in for a desktop it shows windows, sandboxed", windows)
    table.attempt("nobody else may show windows there", secret)
    box.systemctl("stop", UNIT, "billiards-trainer-display.service")
    shutil.rmtree(screen)
    box.drop_in(None)


def ends(table, box):
    def killed():
        box.anew()
        before = box.show("MainPID")
        os.kill(box.main(), signal.SIGKILL)
        took = restarted(box, 30, before)
        return took, f"at work again after {took:.1f} s" if took else box.log()

    def hangs():
        box.anew()
        before, number = box.show("MainPID"), box.main()
        os.kill(number, signal.SIGSTOP)
        took = restarted(box, WATCHDOG_S + 40, before)
        seen = "watchdog" in box.log(lines=30).lower()
        return took and seen, f"seen by the keep-alive, at work again after {took:.1f} s" if took else box.log()

    def loop_hangs():
        (box.place / "state/hang.ron").write_text("[(at_s: 5.0, does: hang, point: main_loop)]")
        command = re.search(r"ExecStart=((?:.*\\\n)*.*)", (DEPLOY / f"systemd/{UNIT}").read_text())[1]
        box.drop_in("[Service]\nExecStart=\n" + "ExecStart=" + command.replace(
            " run ", f" run --environment testing --port {box.port} --fault-script {PLACE}/state/hang.ron ") + "\n")
        box.anew()
        before, began = box.show("MainPID"), time.monotonic()
        wait_for(lambda: box.show("MainPID") not in ("0", before), 40, 0.2)
        # The new one is not to hang, too.
        noticed = time.monotonic() - began
        box.drop_in(None)
        (box.place / "state/hang.ron").write_text("[]")
        reports = [p for p in (box.place / "state/crashes").glob("*")]
        how = "hang" in "".join(p.read_text(errors="replace") for p in reports).lower()
        return noticed < 15 and how, f"another process {noticed:.1f} s after the start (hang at 5 s); {len(reports)} crash reports"

    def stops():
        box.anew()
        began = time.monotonic()
        done = box.systemctl("stop", UNIT)
        took = time.monotonic() - began
        found = box.show("Result"), box.show("ExecMainStatus"), box.show("ActiveState")
        return done.returncode == 0 and found == ("success", "0", "inactive"), f"{', '.join(found)} after {took:.1f} s"

    table.attempt("kill -9: started again", killed)
    table.attempt("the process stands still: the keep-alive ends it, it is started again", hangs)
    table.attempt("the main loop hangs: the trainer sees it itself, and is started again", loop_hangs)
    table.attempt("stop is an end in good order", stops)


def crash_loop(table, box):
    def loop():
        box.anew()
        kills, safe_itself = 0, False
        end = time.monotonic() + 120
        while time.monotonic() < end and box.show("ActiveState") != "failed":
            if (number := box.main()) and box.show("ActiveState") in ("active", "activating"):
                if kills >= 3 and not safe_itself and box.ready(5):
                    safe_itself = bool(box.status().get("safe_mode"))
                try:
                    os.kill(number, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            time.sleep(0.3)
        active = wait_for(lambda: box.show("ActiveState", SAFE) == "active", 30, 0.3)
        answers = wait_for(lambda: get(box.url + "/livez", timeout=2)[0] == 200, 20, 0.3)
        safe = answers and box.status().get("safe_mode")
        return active and safe, (f"after {kills} kills {UNIT} is {box.show('ActiveState')}, safe mode answers"
                                 f"{'; before, it came up in safe mode itself' if safe_itself else ''}" if safe else box.log(SAFE))

    def back():
        box.systemctl("reset-failed")
        for left in ("recovery.ron", "running"):
            (box.place / "state" / left).unlink(missing_ok=True)
        done = box.systemctl("start", UNIT)
        return done.returncode == 0 and box.ready() and box.show("ActiveState", SAFE) == "inactive" \
            and not box.status().get("safe_mode"), f"{UNIT} active, {SAFE} {box.show('ActiveState', SAFE)}"

    table.attempt("a crash loop ends in safe mode, reachable over HTTP", loop)
    table.attempt("starting the trainer again ends safe mode", back)


def wrong_settings(table, box):
    def refused():
        box.anew()
        box.systemctl("stop", UNIT)
        (box.place / "config/site.ron").write_text('(api: (port: 70000))\n')
        box.systemctl("start", UNIT)
        wait_for(lambda: box.show("ActiveState") == "failed", 20, 0.2)
        return (box.show("ExecMainStatus"), box.show("NRestarts")) == ("78", "0"), \
            f"exit code {box.show('ExecMainStatus')}, {box.show('NRestarts')} restarts"

    table.attempt("wrong settings: 78, and no try after try", refused)
    table.attempt("wrong settings: safe mode is reachable, on the usual port or its own", lambda: (
        bool(wait_for(lambda: any(answers(port) for port in (box.port, 8000)), 15, 0.5)), box.log(SAFE, 3)))
    box.settings()
    box.systemctl("stop", UNIT, SAFE)
    box.systemctl("reset-failed")


def answers(port):
    try:
        return b"safe_mode" in get(f"http://127.0.0.1:{port}/api/v1/status", timeout=2)[2]
    except OSError:
        return False


def timers(table, box):
    names = [path.name for path in sorted((DEPLOY / "systemd").glob("*.timer"))]
    box.systemctl("enable", "--now", UNIT, *names)
    listed = box.systemctl("list-timers", "--no-pager", "--no-legend", "--all").stdout
    table.row("the timers are listed, with a time", all(re.search(rf"^\w+ \S+ .*{name}", listed, re.M) for name in names),
              ", ".join(name for name in names if name in listed))
    program = box.place / "current/billiards-trainer"
    if not knows(str(program.resolve()), "backup"):
        return table.skip("the backup's unit runs", "this program has no `backup`")
    for name in ("backup", "verify", "drill"):
        def once(unit=f"billiards-trainer-{name}.service"):
            done = box.systemctl("start", unit, timeout=300)
            return done.returncode == 0 and box.show("Result", unit) == "success", box.log(unit, 6)
        table.attempt(f"billiards-trainer-{name}.service does its work inside its sandbox", once)


if __name__ == "__main__":
    main()
