"""What the checks of `deploy/` share: a table of promises, the program, folders and children that are cleared away."""
import atexit, os, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.error, urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
# The one word of place in what lies in deploy/.
PLACE = "/opt/billiards-trainer"

sys.stdout.reconfigure(line_buffering=True)


class Table:
    """One row for each promise; the process ends with 1 when one is broken. What can't be shown here is never kept."""

    def __init__(self, name):
        self.name, self.kept, self.broken, self.skipped = name, 0, 0, 0
        print(f"{name}")

    def row(self, promise, kept, detail=""):
        self.kept, self.broken = self.kept + bool(kept), self.broken + (not kept)
        self._print("ok" if kept else "BROKEN", promise, detail)
        return bool(kept)

    def skip(self, promise, why):
        self.skipped += 1
        self._print("-", promise, f"skipped: {why}")

    def attempt(self, promise, check):
        """`check` gives (kept, detail); what it raises breaks the promise."""
        try:
            kept, detail = check()
        except Exception as error:  # every fault of a check is a row, and the others still run
            kept, detail = False, f"{type(error).__name__}: {error}"
        return self.row(promise, kept, detail)

    def _print(self, word, promise, detail):
        detail = " ".join(str(detail).split())
        print(f"  {word:<7} {promise:<62} {detail[:300]}")

    def end(self):
        print(f"{self.name}: {self.kept} kept, {self.broken} broken, {self.skipped} skipped")
        sys.exit(1 if self.broken else 0)


def program_of(arguments):
    """The program's path from the command line."""
    if len(arguments) < 2 or not os.access(arguments[1], os.X_OK):
        print(f"usage: {arguments[0]} PROGRAM      (the billiards-trainer to check with)", file=sys.stderr)
        sys.exit(2)
    return str(Path(arguments[1]).resolve())


def is_whole(program):
    """Whether this program can run the trainer, and is not the logic alone."""
    return run([program, "run", "--help"]).returncode == 0


def knows(program, *command):
    """Whether this program has a command."""
    return run([program, *command, "--help"]).returncode == 0


def tools(*names):
    """Which of these programs are missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in names if not shutil.which(name, path=path)]


def run(command, timeout=60, **options):
    """Runs to the end; what it printed as text."""
    options.setdefault("stdin", subprocess.DEVNULL)
    env = dict(options.pop("env", os.environ))
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin"
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, env=env, **options)


def said(done):
    return (done.stdout + done.stderr).strip()


def scratch(name, inside=None):
    """A folder that goes when the process does."""
    folder = Path(tempfile.mkdtemp(prefix=f"billiards-{name}-", dir=inside))
    atexit.register(shutil.rmtree, folder, True)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds, step=0.05):
    """What `condition` gives first that is not nothing; nothing when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except OSError:
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(step)


def get(url, headers=None, data=None, method=None, timeout=10, context=None):
    """(status, headers, body), also for errors."""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class Child:
    """A child process of ours that is ended with us, and only it."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.pid = self.process.pid
        atexit.register(self.end)

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def end(self, seconds=10):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()
        return self.process.returncode


class Trainer(Child):
    """The real program on the virtual table."""

    def __init__(self, program, folder, port, *more):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.folder = Path(folder)
        self.log = open(self.folder / "output", "ab")
        super().__init__(
            [program, "run", "--headless", "--environment", "testing", "--source", "virtual", "--port", str(port),
             "--state-folder", str(self.folder / "state"), *more],
            stdout=self.log, stderr=self.log, cwd=self.folder)

    def ready(self, seconds=60):
        """Waits until it answers that it is ready."""
        def is_ready():
            if not self.alive():
                raise RuntimeError("the trainer ended: " + (self.folder / "output").read_text(errors="replace")[-300:])
            return get(self.url + "/readyz", timeout=2)[0] == 200
        return wait_for(is_ready, seconds, 0.2)


def placed(file, place):
    """A file of deploy/ for another place than the usual."""
    return (DEPLOY / file).read_text().replace(PLACE, str(place))
