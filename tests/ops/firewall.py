#!/usr/bin/env python3
"""The rules of nftables at work: a table and a stranger, each a network namespace, and a wire between them.

    firewall.py
"""
import json, os, subprocess, sys

from common import DEPLOY, Child, Table, atexit, run, said, tools, wait_for

RULES = DEPLOY / "nftables/billiards-trainer.nft"
PORTS = (22, 80, 443, 8000, 9090)

LISTEN = """
import socket, time
held = []
for port in %s:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        s = socket.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((address, port))
        s.listen(512)
        held.append(s)
print("listening", flush=True)
time.sleep(600)
""" % (PORTS,)

ASK = """
import json, socket, sys
to, source, ports, times = json.loads(sys.argv[1])
answer = {}
for port in ports:
    got = 0
    for _ in range(times):
        try:
            socket.create_connection((to, port), 0.3 if times > 1 else 1.5, (source, 0)).close()
            got += 1
        except OSError:
            pass
    answer[port] = got
print(json.dumps(answer))
"""


def main():
    table = Table("the firewall")
    if os.geteuid() or tools("ip", "nft"):
        table.skip("all of it", "only root can make networks" if os.geteuid() else "missing: ip, nft (Debian: iproute2, nftables)")
        table.end()
    here, stranger = (f"billiards-{name}-{os.getpid()}" for name in ("table", "stranger"))
    made = []
    for name in (here, stranger):
        made.append(run(["ip", "netns", "add", name]))
        atexit.register(run, ["ip", "netns", "delete", name])
    made.append(run(["ip", "link", "add", "wire", "netns", here, "type", "veth", "peer", "name", "wire", "netns", stranger]))
    if failed := [said(done) for done in made if done.returncode]:
        table.skip("all of it", f"no networks can be made here: {failed[0]}")
        table.end()
    for name, addresses in ((here, ["10.99.0.1/24", "fd00:99::1/64"]),
                            (stranger, ["10.99.0.2/24", "10.99.0.3/24", "fd00:99::2/64"])):
        for address in addresses:
            run(["ip", "-n", name, "address", "add", address, "dev", "wire", *(["nodad"] if ":" in address else [])])
        for link in ("wire", "lo"):
            run(["ip", "-n", name, "link", "set", link, "up"])
    inside = lambda name, *command: run(["ip", "netns", "exec", name, *command], 120)

    def ask(name, to, source, ports=PORTS, times=1):
        done = inside(name, sys.executable, "-c", ASK, json.dumps([to, source, list(ports), times]))
        return {int(port): got for port, got in json.loads(done.stdout).items()}

    served = Child(["ip", "netns", "exec", here, sys.executable, "-c", LISTEN], stdout=subprocess.DEVNULL)
    open_ = lambda answers: [port for port, got in answers.items() if got]
    wait_for(lambda: len(open_(ask(stranger, "10.99.0.1", "10.99.0.2"))) == len(PORTS), 15) or sys.exit("nobody listens")
    done = [inside(here, "nft", "-f", str(RULES)) for _ in range(2)]
    listed = inside(here, "nft", "list", "ruleset").stdout
    table.row("taken in twice, it is there once", not any(d.returncode for d in done) and listed.count('iif "lo" accept') == 1,
              " ".join(said(d) for d in done))
    found = ask(stranger, "10.99.0.1", "10.99.0.2")
    table.row("a stranger reaches ssh and the web page, not the API itself", open_(found) == [22, 80, 443], f"open: {open_(found)}")
    found = ask(stranger, "fd00:99::1", "fd00:99::2")
    table.row("the same over IPv6", open_(found) == [22, 80, 443], f"open: {open_(found)}")
    found = ask(here, "127.0.0.1", "127.0.0.1")
    table.row("the machine itself reaches everything", open_(found) == list(PORTS), f"open: {open_(found)}")
    found = ask(stranger, "10.99.0.1", "10.99.0.2", [443], 150)[443]
    other = ask(stranger, "10.99.0.1", "10.99.0.3", [443])[443]
    table.row("who opens connections without end is slowed down, others are not", 60 <= found < 150 and other,
              f"{found} of 150 at once; another address {'comes in' if other else 'does not come in'}")
    found = ask(stranger, "10.99.0.1", "10.99.0.2", [22], 60)[22]
    other = ask(stranger, "10.99.0.1", "10.99.0.3", [22], 10)[22]
    table.row("who tries ssh without end is slowed down, others are not", 10 <= found < 30 and other == 10,
              f"{found} of 60 at once; another address {'comes in' if other else 'does not come in'}")
    listed = inside(here, "nft", "list", "ruleset").stdout
    table.row("what is passed on is left to others", "hook forward" not in listed)
    served.end()
    table.end()


if __name__ == "__main__":
    main()
