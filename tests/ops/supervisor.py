#!/usr/bin/env python3
"""A small service manager for machines without systemd: supervisor.py ROOT GUARD start|stop|status.

Starts ROOT/current/billiards-trainer with the arguments in ROOT/../arguments, hears its READY and keep-alive over
NOTIFY_SOCKET, starts it again when it ends badly, and gives up after five times. `GUARD deploy boot-guard ROOT` runs before
each start. What config and state hold at each start and stop is written to ROOT/../supervisor.log.
"""
import fcntl, hashlib, json, os, signal, socket, subprocess, sys, time
from pathlib import Path

ROOT, GUARD, VERB = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
HOME = ROOT.parent
STATE, LOG, NOTIFY = HOME / "service.json", HOME / "supervisor.log", HOME / "notify"
BURST, WATCHDOG_S, READY_S, STOP_S, AGAIN_S = 5, 10.0, 60.0, 15.0, 0.3
NEVER_AGAIN = (0, 2, 75, 78)


def digest(folder):
    """Names, modes and bytes of everything below a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        whole.update(f"{path.relative_to(folder)}\0{stat.st_mode:o}\0".encode())
        if path.is_file() and not path.is_symlink():
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def log(word):
    release = os.readlink(ROOT / "current").rsplit("/", 1)[-1] if (ROOT / "current").is_symlink() else "none"
    line = {"word": word, "release": release, "config": digest(ROOT / "config"), "state": digest(ROOT / "state")}
    with open(LOG, "a") as file:
        file.write(json.dumps(line) + "\n")


def read():
    try:
        state = json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {"daemon": 0, "active": "inactive", "pid": 0, "restarts": 0}
    if state["daemon"] and not alive(state["daemon"]):
        state.update(daemon=0, active="inactive", pid=0)
    return state


def write(**state):
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.rename(STATE)


def alive(pid):
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False


def daemon():
    """Keeps it running until it is told to stop."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    NOTIFY.unlink(missing_ok=True)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(NOTIFY))
    notify.setblocking(False)
    starts = 0
    while True:
        write(daemon=os.getpid(), active="activating", pid=0, restarts=starts)
        subprocess.run([GUARD, "deploy", "boot-guard", str(ROOT)], stdin=subprocess.DEVNULL, check=False)
        if asked:
            return write(daemon=0, active="inactive", pid=0, restarts=starts)
        log("start")
        program = [str(ROOT / "current/billiards-trainer"), "run", "--config", str(ROOT / "config/site.ron"), "--state-folder",
                   str(ROOT / "state"), "--log-file", str(ROOT / "logs/billiards-trainer.log")]
        environment = dict(os.environ, NOTIFY_SOCKET=str(NOTIFY), WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))
        try:
            child = subprocess.Popen(program + (HOME / "arguments").read_text().split(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=open(HOME / "program.err", "a"), env=environment)
        except OSError:
            child = None
        ready, fed, stopping = False, time.monotonic(), 0.0
        write(daemon=os.getpid(), active="activating", pid=child.pid if child else 0, restarts=starts)
        while child and child.poll() is None:
            try:
                said = notify.recv(512).decode(errors="replace")
                fed = time.monotonic()
                if "READY=1" in said and not ready:
                    ready = True
                    write(daemon=os.getpid(), active="active", pid=child.pid, restarts=starts)
                continue
            except BlockingIOError:
                time.sleep(0.02)
            now = time.monotonic()
            if asked and not stopping:
                stopping = now
                child.send_signal(signal.SIGTERM)
            if stopping and now - stopping > STOP_S:
                child.kill()
            if not stopping and now - fed > (WATCHDOG_S if ready else READY_S):
                child.send_signal(signal.SIGABRT)
                fed = now
        code = child.returncode if child else 203
        log(f"end {code}")
        if asked:
            return write(daemon=0, active="inactive", pid=0, restarts=starts)
        starts += 1
        if code in NEVER_AGAIN or starts > BURST:
            return write(daemon=0, active="inactive" if code == 0 else "failed", pid=0, restarts=starts)
        time.sleep(AGAIN_S)


def start():
    if read()["daemon"]:
        return 0
    write(daemon=0, active="inactive", pid=0, restarts=0)
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for handle in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), handle)
        # The lock is the caller's.
        os.closerange(3, 64)
        try:
            daemon()
        finally:
            os._exit(0)
    until = time.monotonic() + READY_S + 10
    seen = False
    while time.monotonic() < until:
        state = read()
        seen = seen or bool(state["daemon"])
        if state["active"] == "active":
            return 0
        if seen and (not state["daemon"] or state["restarts"]):
            print(f"the trainer ended before it was ready ({state['active']})", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print("the trainer was not ready in time", file=sys.stderr)
    return 1


def stop():
    state = read()
    if not state["daemon"]:
        return 0
    os.kill(state["daemon"], signal.SIGTERM)
    until = time.monotonic() + STOP_S + 10
    while alive(state["daemon"]) and time.monotonic() < until:
        time.sleep(0.02)
    return 0


if VERB == "status":
    now = read()
    print(f"ActiveState={now['active']}\nMainPID={now['pid']}\nNRestarts={now['restarts']}")
    sys.exit(0)
with open(HOME / "supervisor.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    sys.exit(start() if VERB == "start" else stop())
