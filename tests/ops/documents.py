#!/usr/bin/env python3
"""Does what the documents say, and tells where they are wrong.

    tests/ops/documents.py PROGRAM [--root] [--only TEXT] [--keep] [--verbose]

PROGRAM is the trainer. README.md and everything below docs/ is read. Of each document is checked that

- its blocks run, one after the other, in a home and a folder of their own, with PROGRAM first on the path;
- every link to a file and to a heading leads somewhere;
- every command line of the trainer in a block, and in `small type`, names subcommands, flags and values that the
  program's own --help knows; so do those in `make run ARGS="..."`;
- every setting, `vision.rate_hz`, is one that `config schema` lists, every address below /api/v1 one of API_REFERENCE.md
  (which a test of the program holds to the program), and every figure, bt_up, one that the source names;

and, once, that every alert has a runbook and every runbook an alert.

The words behind the three backticks say what a block is. They are not shown to readers.

    sh run             run by bash -eu; must end with 0
    sh run exit=1      must end with this code
    sh serve           one command that goes on: `billiards-trainer run ...`. It must say that it is ready (as it tells
                       systemd); it is stopped (SIGTERM) at the next heading and must then end with 0 within 20 s
    sh root            changes the machine: run with --root only, as root, in the machine as it is (a container); with
                       --root nothing else is run
    ... watch          goes on until somebody ends it: it must still run after three seconds, then it is ended
    expect             what the block before must have printed: these lines, in this order, others may stand between;
                       an ellipsis (… or ...) stands for anything in a line. Also allowed after a served block
    anything else      is not run

Blocks of one document share their folder, in which PROGRAM lies as ./billiards-trainer; variables do not outlive a block. Without --root they run in a
network of their own where the system allows that (`unshare`), so that port 8000 is free; else it must be free.
Exit code 1 when a document fails.
"""

import argparse
import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "billiards-trainer"
# A block that takes longer hangs.
BLOCK_LIMIT_S = 300
READY_LIMIT_S = 120
STOP_LIMIT_S = 20
WATCHED_S = 3


def main():
    arguments = parse()
    program = Path(arguments.program).resolve()
    if not os.access(program, os.X_OK):
        sys.exit(f"{program}: there is no such program; build it first")
    apart = not arguments.root and apart_from_the_network()
    documents = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    documents = [d for d in documents if not arguments.only or arguments.only in str(d)]
    helps, names = Helps(program), Names(program)
    rows, failed = [], False
    for path in documents:
        document = Document(path)
        faults = [*broken_links(document), *unknown_commands(document, helps), *names.unknown(document)]
        runs = Runs(document, program, arguments)
        faults += runs.all()
        rows.append((document.name, runs.count(), str(document.links), str(document.commands), faults))
        failed |= bool(faults)
    if not arguments.only:
        rows.append(("runbooks", "", "", "", runbook_faults()))
        failed |= bool(rows[-1][4])
    show(rows)
    if not apart and not arguments.root:
        print("(run in the machine's own network: there are no others here)")
    sys.exit(1 if failed else 0)


def parse():
    parser = argparse.ArgumentParser(description="Does what the documents say.")
    parser.add_argument("program")
    parser.add_argument("--root", action="store_true", help="also run blocks that change the machine")
    parser.add_argument("--only", metavar="TEXT", help="only documents with this in their path")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folders")
    parser.add_argument("--verbose", action="store_true", help="show what blocks print")
    return parser.parse_args()


def show(rows):
    width = max(len(row[0]) for row in rows)
    print(f"{'document':<{width}}  {'blocks':>9}  {'links':>5}  {'commands':>8}  result")
    for name, blocks, links, commands, faults in rows:
        print(f"{name:<{width}}  {blocks:>9}  {links:>5}  {commands:>8}  {'FAILED' if faults else 'ok'}")
        for fault in faults:
            print("    " + fault.replace("\n", "\n      "))


def apart_from_the_network():
    """A network with nothing but this process in it."""
    new_network = 0x40000000
    if ctypes.CDLL(None, use_errno=True).unshare(new_network) != 0:
        return False
    up = 0x1 | 0x40
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", up))
    return True


class Block:
    def __init__(self, info, line, text):
        self.words, self.line, self.text = info.split(), line, text

    def has(self, *words):
        return self.words[: len(words)] == list(words)


class Document:
    """One document, taken apart."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(REPOSITORY))
        self.text = path.read_text()
        # Blocks and headings, in order.
        self.parts = []
        self.headings = []
        # (line, text) of what is shown as code without a fence or in a fence, and what is not code.
        self.code, self.prose = [], []
        self.links = self.commands = 0
        self.take_apart()

    def take_apart(self):
        lines = self.text.split("\n")
        at, before_blank = 0, True
        while at < len(lines):
            line = lines[at]
            fence = re.match(r"^( *)(```+)\s*(.*)$", line)
            if fence:
                end = at + 1
                while end < len(lines) and not lines[end].strip().startswith(fence[2]):
                    end += 1
                body = [text.removeprefix(fence[1]) for text in lines[at + 1 : end]]
                block = Block(fence[3], at + 1, "\n".join(body))
                self.parts.append(block)
                if not block.has("expect"):
                    self.code += [(at + 2 + i, text) for i, text in enumerate(body)]
                at, before_blank = end + 1, False
                continue
            heading = re.match(r"^(#+) +(.*?)\s*$", line)
            if heading:
                self.headings.append(heading[2])
                self.parts.append(heading[2])
            if line.startswith("    ") and (before_blank or (self.code and self.code[-1][0] == at)):
                self.code.append((at + 1, line[4:]))
            else:
                self.prose.append((at + 1, line))
            before_blank = not line.strip()
            at += 1

    def anchors(self):
        seen = {}
        for heading in self.headings:
            slug = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).lower())
            slug = slug.strip().replace(" ", "-")
            yield slug if slug not in seen else f"{slug}-{seen[slug]}"
            seen[slug] = seen.get(slug, 0) + 1


def broken_links(document):
    for line, text in document.prose:
        text = re.sub(r"`[^`]*`", "``", text)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"^[a-z]+:", target):
                continue
            document.links += 1
            file, _, anchor = target.partition("#")
            to = (document.path.parent / file).resolve() if file else document.path
            if not to.exists():
                yield f"line {line}: {target} leads nowhere"
            elif anchor and to.suffix == ".md" and anchor not in Document(to).anchors():
                yield f"line {line}: {target}: there is no such heading"


class Helps:
    """What the program's own --help says of each subcommand."""

    def __init__(self, program):
        self.program, self.known = program, {}

    def of(self, *path):
        if path not in self.known:
            done = subprocess.run([self.program, *path, "--help"], capture_output=True, text=True, timeout=60)
            self.known[path] = Help(done.stdout) if done.returncode == 0 else None
        return self.known[path]


class Help:
    def __init__(self, text):
        part = re.search(r"^Commands:\n((?:  .*\n|\n)+)", text, re.M)
        self.commands = re.findall(r"^  ([a-z][\w-]*)", part[1], re.M) if part else []
        usage = re.search(r"^Usage: ((?:.+\n)+)", text, re.M)
        # Some do their usual work without the name of a subcommand.
        self.bare = bool(usage) and any("COMMAND" not in line for line in usage[1].strip().split("\n"))
        self.flags = {"--help": None, "-h": None}
        options = re.split(r"^ {2,6}(?=-{1,2}[A-Za-z])", text, flags=re.M)[1:]
        for option in options:
            head = option.split("\n")[0]
            names = re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", re.split(r" {2,}", head)[0])
            values = re.search(r"\[possible values: ([^]]*)\]", option)
            allowed = values[1].split(", ") if values else self.listed(option)
            takes = bool(re.search(r"[ =]<|\[=?<", re.split(r" {2,}", head)[0]))
            for name in names:
                self.flags[name] = (allowed or True) if takes else None

    @staticmethod
    def listed(option):
        """Values that stand below each other, each with its meaning."""
        part = re.search(r"Possible values:\n((?:\s+- .*\n(?:\s{12,}(?!- ).*\n)*)+)", option + "\n")
        return re.findall(r"^\s+- ([\w-]+)", part[1], re.M) if part else None


OPERATORS = set("();<>|&\n")


def command_lines(text):
    """The words behind each call of the trainer in a line of shell."""
    for shell in re.findall(r'make run ARGS="([^"]*)"', text):
        yield ["run", *words_of(shell)[0]] if shell else ["run"]
    for words in words_of(text):
        for at, word in enumerate(words):
            before = words[:at]
            bare = all("=" in w or w in ("sudo", "-u", "-g", NAME, "exec", "nice", "env", "timeout", "runuser", "--")
                       or re.fullmatch(r"[\d.]+[smh]?|-n", w) for w in before)
            of_user = before and before[-1] in ("-u", "-g")
            if word.rsplit("/", 1)[-1] == NAME and bare and not of_user and (word == NAME or "/" in word):
                if not word.endswith(f"/{NAME}") or re.search(r"(current|releases/[^/]+|debug|release|bin|\.)/" + NAME, word):
                    yield words[at + 1 :]
                    break


def words_of(text):
    """The words of each single command in a line; remarks are left out."""
    text = text.replace("`", " ").replace("$(", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found, words = [], []
    try:
        for word in lexer:
            if word and set(word) <= OPERATORS:
                found.append(words)
                words = []
                if set(word) & set("<>"):
                    words = ["<file>"]
            else:
                words.append(word)
    except ValueError:
        # An apostrophe in words that are no shell.
        pass
    return [*found, words]


def unknown_commands(document, helps):
    lines = []
    joined, start = "", 0
    for line, text in document.code:
        start = start if joined else line
        joined += text
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        lines.append((start, joined))
        joined = ""
    for line, text in document.prose:
        for code in re.findall(r"`([^`]+)`", text):
            if code.startswith((NAME + " ", "sudo " + NAME + " ")):
                lines.append((line, code))
    for line, text in lines:
        # Tables of other programs' output may name the trainer, too; only what is called is looked at.
        for words in command_lines(text):
            document.commands += 1
            fault = fault_of(words, helps)
            if fault:
                yield f"line {line}: {text.strip()}\n{fault}"


def fault_of(words, helps):
    path, help_ = (), helps.of()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word in ("…", "...", "<file>", "--") or word.startswith(("[", "<", "{")):
            continue
        if word.startswith("-") and len(word) > 1 and not re.fullmatch(r"-[\d.]+", word):
            flag, _, value = word.partition("=")
            if flag not in help_.flags:
                return f"`{' '.join((NAME, *path))}` has no {flag}"
            allowed = help_.flags[flag]
            if allowed is None:
                continue
            if not value and at < len(words):
                value = words[at]
                at += 1
            if isinstance(allowed, list) and value and re.fullmatch(r"[a-z][a-z_0-9-]*", value) and value not in allowed:
                return f"{flag} does not know {value}; it knows {', '.join(allowed)}"
        elif help_.commands:
            if word not in help_.commands and help_.bare:
                continue
            if word not in help_.commands:
                return f"`{' '.join((NAME, *path))}` has no command {word}; it has {', '.join(help_.commands)}"
            path += (word,)
            help_ = helps.of(*path)
            if help_ is None:
                return f"`{' '.join((NAME, *path))} --help` fails"
    return None


class Names:
    """Settings and addresses that there are."""

    def __init__(self, program):
        schema = subprocess.run([program, "config", "schema"], capture_output=True, text=True, timeout=60).stdout
        self.keys = {row["key"] for row in json.loads(schema)}
        self.sections = {key.split(".")[0] for key in self.keys if "." in key}
        # A whole section may be named, and one setting of a list's entries.
        self.prefixes = {".".join(key.split(".")[:n]) for key in self.keys for n in range(1, key.count(".") + 1)}
        reference = (REPOSITORY / "docs" / "API_REFERENCE.md").read_text()
        listed = re.findall(r"^\| `[A-Z]+` \| `(/api/v1/[^`]+)` \|", reference, re.M)
        self.addresses = [re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w.{}|-]+", re.escape(path)) + "$") for path in listed]

        source = "".join((REPOSITORY / "src" / file).read_text() for file in ("api/metrics.rs", "system/metrics.rs"))
        more = "".join(path.read_text() for path in (REPOSITORY / "src" / "ops").rglob("*.rs"))
        self.figures = set(re.findall(r'"(bt_[a-z0-9_]+)"', source + more))
        self.figures |= {"bt_" + name for name in re.findall(r'"([a-z0-9]+(?:_[a-z0-9]+)+)"', source)}

    def unknown(self, document):
        for line, text in [*document.code, *document.prose]:
            for figure in re.findall(r"\bbt_[a-z][a-z0-9_]*(?![a-z0-9_(…])", text):
                if not any(known.startswith(figure) for known in self.figures):
                    yield f"line {line}: there is no figure {figure}"
            for address in re.findall(r"/api/v1/[\w./{}|-]*[\w}]", text):
                if not any(path.match(address) for path in self.addresses):
                    yield f"line {line}: there is no address {address}"
        for line, text in document.prose:
            for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)[:=` ]", text):
                if name.split(".")[0] not in self.sections or name.endswith((".rs", ".ron", ".md", ".log", ".sqlite")):
                    continue
                if name not in self.keys | self.prefixes | ALERTS.keys() and name.rsplit(".", 1)[0] not in self.keys:
                    yield f"line {line}: there is no setting {name}"


class Runs:
    """The blocks of a document, carried out."""

    def __init__(self, document, program, arguments):
        self.document, self.program, self.arguments = document, program, arguments
        self.done = self.left_out = 0
        self.served, self.groups = None, []

    def count(self):
        return f"{self.done}+{self.left_out}" if self.left_out else str(self.done)

    def all(self):
        blocks = [part for part in self.document.parts if isinstance(part, Block)]
        if not any(block.has("sh", kind) for block in blocks for kind in ("run", "serve", "root")):
            return []
        self.folder = Path(tempfile.mkdtemp(prefix="documents-"))
        try:
            self.prepare()
            return [fault for fault in self.faults()]
        finally:
            self.stop()
            for group in self.groups:
                end_group(group)
            if not self.arguments.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        path = self.folder / "bin"
        path.mkdir()
        (path / NAME).symlink_to(self.program)
        if os.getuid() == 0:
            # It may be missing, and the real one would look for programs elsewhere.
            (path / "sudo").write_text('#!/bin/sh\n[ "$1" = -u ] && { u=$2; shift 2; exec runuser -u "$u" -- "$@"; }\nexec "$@"\n')
            (path / "sudo").chmod(0o755)
        for name in ("home", "work", "run"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "work" / NAME).symlink_to(self.program)
        self.environment = {
            key: value for key, value in os.environ.items()
            if not key.startswith(("BILLIARDS_", "XDG_")) and key not in ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET",
                                                                         "STATE_DIRECTORY", "WATCHDOG_USEC")
        } | {
            "HOME": str(self.folder / "home"),
            "PATH": f"{path}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "TERM": "dumb",
        }

    def faults(self):
        printed, place = None, ""
        for part in self.document.parts:
            if isinstance(part, str):
                yield from self.stop()
                continue
            place = f"block at line {part.line}"
            if part.has("expect"):
                if printed is not None:
                    missing = first_missing(part.text, printed() if callable(printed) else printed)
                    if missing:
                        yield f"{place}: the block before does not say: {missing[0]}\nit says: {missing[1]}"
                continue
            printed = None
            if not isinstance(part, Block) or not any(part.has("sh", kind) for kind in ("run", "root", "serve")):
                continue
            if part.has("sh", "root") != self.arguments.root:
                self.left_out += 1
            elif part.has("sh", "run") or part.has("sh", "root"):
                self.done += 1
                code, printed = self.run(part)
                wanted = next((int(w[5:]) for w in part.words if w.startswith("exit=")), 0)
                if code != wanted:
                    yield f"{place}: ended with {code}, not {wanted}\n{tail(printed)}"
            elif part.has("sh", "serve"):
                self.done += 1
                yield from self.stop()
                fault = self.serve(part)
                if fault:
                    yield f"{place}: {fault}"
                printed = self.said
        yield from self.stop()

    def run(self, block):
        limit_s = WATCHED_S if "watch" in block.words else BLOCK_LIMIT_S
        # Into a file: what stays in the background would keep a pipe open.
        with open(self.folder / "printed.txt", "w+", errors="replace") as out:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", block.text],
                cwd=self.folder / "work",
                env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )
            # What a block leaves running in the background ends with the document.
            self.groups.append(process.pid)
            try:
                code = process.wait(limit_s)
                if "watch" in block.words:
                    code = "too soon"
            except subprocess.TimeoutExpired:
                end_group(process.pid)
                process.wait()
                code = 0 if "watch" in block.words else f"no end within {limit_s} s"
            out.seek(0)
            printed = out.read()
        if self.arguments.verbose:
            print(f"--- {self.document.name}:{block.line}\n{block.text}\n--- ended with {code}\n{printed}")
        return code, printed

    def serve(self, block):
        """Starts it and waits until it says that it is ready, as it says to systemd."""
        address = str(self.folder / "run" / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            Path(address).unlink(missing_ok=True)
            notify.bind(address)
            notify.settimeout(0.2)
            log = open(self.folder / "served.log", "w+b")
            process = subprocess.Popen(
                ["bash", "-euc", "exec " + block.text.strip()], cwd=self.folder / "work",
                env=self.environment | {"NOTIFY_SOCKET": address}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )
            self.served = (process, log, block)
            end = time.monotonic() + READY_LIMIT_S
            while time.monotonic() < end:
                if process.poll() is not None:
                    self.served = None
                    log.seek(0)
                    return f"ended with {process.returncode} before it was ready\n{tail(log.read().decode(errors='replace'))}"
                try:
                    if b"READY=1" in notify.recv(4096):
                        return None
                except TimeoutError:
                    pass
        return f"was not ready within {READY_LIMIT_S} s\n{tail(self.said())}"

    def said(self):
        return (self.folder / "served.log").read_text(errors="replace")

    def stop(self):
        if not self.served:
            return []
        process, log, block = self.served
        self.served = None
        log.close()
        place = f"block at line {block.line}"
        if process.poll() is not None:
            return [f"{place}: ended by itself with {process.returncode}\n{tail(self.said())}"]
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return [f"{place}: did not stop within {STOP_LIMIT_S} s\n{tail(self.said())}"]
        return [] if code == 0 else [f"{place}: stopped with {code}, not 0\n{tail(self.said())}"]


def end_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def first_missing(wanted, printed):
    """The first wanted line that does not come, and what came instead."""
    lines = printed.split("\n")
    at = 0
    for line in wanted.split("\n"):
        if line.strip() in ("", "…", "..."):
            continue
        parts = re.split(r"…|\.\.\.", line.strip())
        pattern = re.compile(".*".join(re.escape(part) for part in parts) + r"$")
        found = next((i for i in range(at, len(lines)) if pattern.match(lines[i].strip())), None)
        if found is None:
            return line, tail("\n".join(lines[at:]))
        at = found + 1
    return None


def tail(text, lines=12):
    return "\n".join(text.strip().split("\n")[-lines:])


def alerts():
    """Every alert there is, and who raises it."""
    found = {}
    rules = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
    if rules.exists():
        found |= {name: rules.name for name in re.findall(r"^\s*-?\s*alert:\s*(\S+)", rules.read_text(), re.M)}
    here = REPOSITORY / "src" / "system" / "alerts"
    found |= {name: "defaults.rs" for name in re.findall(r'name: "([a-z_]+)"', (here / "defaults.rs").read_text())}
    known = re.search(r"KNOWN_CONDITIONS[^=]*= \[(.*?)^\];", (here / "condition.rs").read_text(), re.S | re.M)
    found |= {name: "condition.rs" for name in re.findall(r'\(\s*"([a-z_.]+)",\s*&\[', known[1])}
    # Raised without standing in that list; those without a dot with any module or metric.
    raised = ("failed", "given_up", "forecast", "system.safe_mode", "system.history", "projector.calibration",
              "projector.contrast")
    return found | {name: "alerting.rs" for name in raised}


def runbook_faults():
    """An alert that nobody explains, or an explanation of none."""
    folder = REPOSITORY / "docs" / "runbooks"
    books = {path.stem for path in folder.glob("*.md")} - {"README"}
    faults = [f"{name} ({where}): there is no docs/runbooks/{name}.md" for name, where in sorted(ALERTS.items())
              if name not in books]
    faults += [f"docs/runbooks/{name}.md: there is no such alert" for name in sorted(books - set(ALERTS))]
    index = folder / "README.md"
    listed = set(re.findall(r"\]\(([^)#]+)\.md\)", index.read_text())) if index.exists() else set()
    faults += [f"docs/runbooks/README.md does not list {name}" for name in sorted(books - listed)]
    return faults


ALERTS = alerts()

if __name__ == "__main__":
    main()
