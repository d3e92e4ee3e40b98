#!/usr/bin/env python3
"""Real nginx, as deploy/ sets it up, in front of the real trainer: streams flow, limits bite, errors are the trainer's kind.

    proxy.py PROGRAM
"""
import base64, concurrent.futures, json, os, re, shutil, signal, socket, ssl, struct, sys, time

from common import (DEPLOY, Child, Table, Trainer, free_port, get, is_whole, program_of, run, said, scratch, tools,
                    wait_for)


def site(folder, http, https, upstream):
    """nginx's settings in a folder of their own: those of deploy/ with other ports, and a certificate made for the day."""
    (folder / "snippets").mkdir(parents=True)
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir()
    for snippet in (DEPLOY / "nginx/snippets").iterdir():
        (folder / "snippets" / snippet.name).write_text(
            snippet.read_text().replace("/etc/ssl/billiards-trainer", str(folder)))
    text = (DEPLOY / "nginx/billiards-trainer.conf").read_text()
    for usual, here in (("listen 80;", f"listen 127.0.0.1:{http};"), ("listen [::]:80;", ""),
                        ("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"), ("listen [::]:443 ssl;", ""),
                        ("127.0.0.1:8000", f"127.0.0.1:{upstream}")):
        assert usual in text, f"{usual} is no longer in the settings"
        text = text.replace(usual, here)
    (folder / "site.conf").write_text(text)
    made = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")])
    assert made.returncode == 0, said(made)
    temporary = "".join(f"{name}_temp_path {name};\n" if name != "body" else "client_body_temp_path body;\n"
                        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}worker_processes 1;\npid nginx.pid;\nerror_log error.log notice;\nevents {{ worker_connections 1024; }}\n"
        f"http {{\naccess_log access.log;\n{temporary}include site.conf;\n"
        # As Debian's own default site does.
        f"server {{ listen 127.0.0.1:{http} default_server; server_name _; return 404; }}\n}}\n")
    return folder / "nginx.conf"


class Proxy:
    """What the checks ask: nginx, and the trainer behind it."""

    def __init__(self, folder, program):
        self.http, self.https, self.upstream = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.https}"
        self.folder, self.program = folder, program
        conf = site(folder / "nginx", self.http, self.https, self.upstream)
        self.tls = ssl.create_default_context(cafile=str(folder / "nginx/certificate.pem"))
        self.start_trainer()
        self.trainer.ready() or sys.exit("the trainer did not get ready")
        made = run([program, "token", "create", "proxy check", "--role", "operator", "--json",
                    "--set", f"state_folder={folder}/state"], cwd=folder)
        self.token = re.search(r"bt_[A-Za-z0-9_-]+", made.stdout)[0]
        self.bearer = {"Authorization": f"Bearer {self.token}"}
        self.nginx = Child(["nginx", "-p", str(conf.parent), "-c", conf.name, "-g", "daemon off;"],
                           env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        wait_for(lambda: socket.create_connection(("127.0.0.1", self.https), 1), 10) or sys.exit("nginx did not start")
        wait_for(lambda: self.ask("/api/v1/version", self.bearer)[0] == 200, 10)

    def start_trainer(self):
        self.trainer = Trainer(self.program, self.folder, self.upstream)

    def ask(self, path, headers=None, **more):
        return get(self.url + path, headers, context=self.tls, **more)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.https), 10)
        return self.tls.wrap_socket(plain, server_hostname="127.0.0.1")

    def rest(self):
        """Until this address may ask again as it likes."""
        time.sleep(4)


def problem(answer, status, code):
    """(kept, detail): this answer is a problem of this kind, whole."""
    got, headers, body = answer
    kind = headers.get("Content-Type", "")
    try:
        said_ = json.loads(body)
    except ValueError:
        said_ = {}
    # Whatever was asked for, the answer names it or nothing.
    kept = (got == status and str(said_.get("instance", "")).startswith("/") and kind == "application/problem+json" and said_.get("code") == code
            and said_.get("status") == status and {"type", "title", "detail", "instance"} <= set(said_))
    return kept, f"{got} {kind} {said_.get('code')}"


def raw(connection, data, most=65536, seconds=10):
    """Sends bytes, and takes all that comes until the other side closes: (status, headers, body)."""
    connection.settimeout(seconds)
    connection.sendall(data)
    answer = b""
    try:
        while piece := connection.recv(most):
            answer += piece
    except (ssl.SSLError, ConnectionError, TimeoutError):
        pass
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode(errors="replace").split("\r\n")
    headers = {k.title(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    return int((lines[0].split() + ["0", "0"])[1]), headers, body


def main():
    program = program_of(sys.argv)
    table = Table("nginx in front of the trainer")
    if missing := tools("nginx", "openssl"):
        table.skip("all of it", f"missing: {', '.join(missing)} (Debian: nginx-light, openssl)")
        table.end()
    if not is_whole(program):
        table.skip("all of it", "this program has no `run`")
        table.end()
    folder = scratch("proxy")
    proxy = Proxy(folder, program)
    everyday(table, proxy)
    streams(table, proxy)
    limits(table, proxy)
    encryption(table, proxy)
    death(table, proxy)
    proxy.nginx.end()
    errors = [line for line in (folder / "nginx/error.log").read_text().splitlines() if re.search(r"\[(emerg|alert|crit)\]", line)]
    # A handshake that is refused for its version is no fault of nginx.
    errors = [line for line in errors if "SSL_do_handshake() failed" not in line]
    table.row("nginx itself had no trouble", not errors, errors[:1])
    table.end()


def everyday(table, proxy):
    def page():
        status, headers, body = proxy.ask("/")
        return status == 200 and b"<html" in body.lower(), f"{status}, {len(body)} bytes"

    def once():
        status, headers, _ = proxy.ask("/api/v1/table", proxy.bearer)
        names = ["x-content-type-options", "x-frame-options", "referrer-policy", "cache-control",
                 "strict-transport-security", "cross-origin-resource-policy"]
        counts = {name: len(headers.get_all(name, [])) for name in names}
        return status == 200 and set(counts.values()) == {1}, {n: c for n, c in counts.items() if c != 1} or f"{len(names)} headers"

    def foreigner():
        plain = problem(proxy.ask("/api/v1/table"), 401, "unauthenticated")
        liar = problem(proxy.ask("/api/v1/table", {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}), 401,
                       "unauthenticated")
        return plain[0] and liar[0], f"{plain[1]}; with X-Forwarded-For: 127.0.0.1: {liar[1]}"

    def to_https():
        with socket.create_connection(("127.0.0.1", proxy.http), 5) as c:
            status, headers, _ = raw(c, b"GET /docs?a=1 HTTP/1.1\r\nHost: table.example\r\nConnection: close\r\n\r\n")
        return (status, headers.get("Location")) == (308, "https://table.example/docs?a=1"), f"{status} {headers.get('Location')}"

    table.attempt("the page comes", page)
    table.attempt("the API answers a token; each header is there once", once)
    table.attempt("nobody is at home through the proxy, whatever is claimed", foreigner)
    table.attempt("health is told without a token",
                  lambda: ((codes := [proxy.ask(p)[0] for p in ("/livez", "/readyz")]) == [200, 200], codes))
    table.attempt("plain HTTP is sent to HTTPS", to_https)
    table.attempt("the trainer's own problems come through",
                  lambda: problem(proxy.ask("/api/v1/nothing", proxy.bearer), 404, "not_found"))
    table.attempt("an answer of nginx names what was asked for", lambda: (
        (found := json.loads(get(f"http://127.0.0.1:{proxy.https}/docs?token=x")[2]).get("instance")) == "/docs", found))
    name = lambda host: proxy.ask("/api/v1/table", {**proxy.bearer, "Host": host})
    table.attempt("a name that is not set is refused", lambda: problem(name("evil.example"), 403, "host_not_allowed"))


def streams(table, proxy):
    def pictures(connection, host, answer):
        """When each picture came, seconds."""
        began, seen, rest = time.monotonic(), 0, b""
        with connection as c:
            c.sendall(f"GET /api/v1/stream.mjpeg?fps=10 HTTP/1.1\r\nHost: {host}\r\n"
                      f"Authorization: Bearer {proxy.token}\r\n\r\n".encode())
            while time.monotonic() - began < 6 and (piece := c.recv(65536)):
                rest += piece
                if (now := rest.count(b"\xff\xd8\xff")) > seen:
                    answer += [time.monotonic() - began] * (now - seen)
                    seen = now

    def mjpeg():
        # Beside it, from the trainer itself: how fast that makes pictures depends on the machine.
        direct, through = [], []
        asked = [(socket.create_connection(("127.0.0.1", proxy.upstream), 10), f"127.0.0.1:{proxy.upstream}", direct),
                 (proxy.connect(), f"127.0.0.1:{proxy.https}", through)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: pictures(*each), asked))
        gaps = [max(b - a for a, b in zip([0, *times], times)) for times in (direct, through)]
        return len(through) >= max(5, len(direct) - 3) and gaps[1] < gaps[0] + 0.3, \
            f"{len(through)} pictures in 6 s, longest pause {gaps[1]:.2f} s; from the trainer itself {len(direct)}, {gaps[0]:.2f} s"

    def websocket():
        key = base64.b64encode(os.urandom(16)).decode()
        status, _, body = proxy.ask("/api/v1/auth/ticket", proxy.bearer, method="POST", data=b"")
        ticket = json.loads(body)["ticket"]
        with proxy.connect() as c:
            c.settimeout(10)
            c.sendall(f"GET /api/v1/ws?ticket={ticket} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.https}\r\nUpgrade: websocket\r\n"
                      f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                      f"Origin: https://127.0.0.1:{proxy.https}\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += c.recv(1)
            if b" 101 " not in head:
                return False, head.split(b"\r\n")[0].decode()
            c.sendall(text_frame('{"type": "subscribe", "topics": ["state", "metrics", "motion"], "rate_hz": 10}'))
            kinds, began = {}, time.monotonic()
            while time.monotonic() - began < 4:
                kind = json.loads(read_frame(c))["type"]
                kinds[kind] = kinds.get(kind, 0) + 1
        return kinds.get("state") and kinds.get("metrics", 0) >= 2, f"in four seconds {kinds}"

    table.attempt("the picture stream flows, unbuffered", mjpeg)
    table.attempt("live data flows over WebSocket, with a ticket", websocket)


def text_frame(text):
    data, mask = text.encode(), os.urandom(4)
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def read_frame(connection):
    def exactly(n):
        data = b""
        while len(data) < n:
            piece = connection.recv(n - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data
    while True:
        first, length = exactly(2)
        if length == 126:
            length = struct.unpack(">H", exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", exactly(8))[0]
        data = exactly(length)
        if first & 15 == 1:
            return data


def limits(table, proxy):
    def too_often():
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: proxy.ask("/api/v1/version", proxy.bearer), range(300)))
        refused = [a for a in answers if a[0] == 429]
        served = sum(a[0] == 200 for a in answers)
        good = all(problem(a, 429, "too_many_requests")[0] and a[1].get("Retry-After") for a in refused)
        return refused and served >= 100 and len(refused) + served == 300 and good, f"{served} answered, {len(refused)} times 429"

    table.attempt("who asks too often gets 429 as a problem, with Retry-After", too_often)
    proxy.rest()
    large = b'{"a": "' + b"x" * 200_000 + b'"}'
    json_ = {**proxy.bearer, "Content-Type": "application/json"}
    table.attempt("a body of 200 kB: 413", lambda: problem(
        proxy.ask("/api/v1/predict", json_, data=large, method="POST"), 413, "body_too_large"))
    table.attempt("an address of 9 kB: 414", lambda: problem(
        proxy.ask("/api/v1/table?" + "a" * 9000, proxy.bearer), 414, "uri_too_long"))
    table.attempt("a header of 9 kB: 431", lambda: problem(
        proxy.ask("/api/v1/table", {**proxy.bearer, "X-Long": "a" * 9000}), 431, "headers_too_large"))
    host = f"Host: 127.0.0.1:{proxy.https}\r\n"

    def nonsense(text):
        with proxy.connect() as c:
            return raw(c, text.encode())

    table.attempt("two hosts: 400", lambda: problem(
        nonsense(f"GET / HTTP/1.1\r\n{host}Host: other\r\nConnection: close\r\n\r\n"), 400, "bad_request"))
    table.attempt("what is no HTTP: 400", lambda: problem(nonsense("help me\r\n\r\n"), 400, "bad_request"))
    table.attempt("length and chunks at once (smuggling): 400", lambda: problem(
        nonsense(f"POST /api/v1/predict HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        400, "bad_request"))
    table.attempt("TRACE: 405", lambda: problem(
        nonsense(f"TRACE / HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), 405, "method_not_allowed"))

    def plain():
        with socket.create_connection(("127.0.0.1", proxy.https), 5) as c:
            return problem(raw(c, f"GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode()), 426, "https_required")

    table.attempt("plain HTTP on the encrypted port: 426", plain)

    def slow():
        with proxy.connect() as c:
            began = time.monotonic()
            raw(c, f"GET /api/v1/table HTTP/1.1\r\n{host}X-Slow: ".encode(), seconds=20)
            header = time.monotonic() - began
        with proxy.connect() as c:
            began = time.monotonic()
            raw(c, f"POST /api/v1/predict HTTP/1.1\r\n{host}Content-Length: 1000\r\n\r\n{{".encode(), seconds=30)
            body = time.monotonic() - began
        return 4 < header < 7 and 9 < body < 13, f"closed after {header:.1f} s in the header, {body:.1f} s in the body"

    table.attempt("who dribbles is cut off: 5 s in the header, 10 s in the body", slow)

    def crowd():
        connections = []
        try:
            for _ in range(12):
                c = proxy.connect()
                connections.append(c)
                c.sendall(f"GET /api/v1/stream.mjpeg?fps=1 HTTP/1.1\r\n{host}Authorization: Bearer {proxy.token}\r\n\r\n".encode())
            first = []
            for c in connections:
                c.settimeout(10)
                first.append(int(c.recv(12).split()[1]))
        finally:
            for c in connections:
                c.close()
        return first.count(200) == 8 and first.count(429) == 4, f"{first.count(200)} flow, {first.count(429)} times 429"

    table.attempt("twelve streams for one address: eight", crowd)
    proxy.rest()


def encryption(table, proxy):
    def spoken(version):
        context = ssl.create_default_context(cafile=str(proxy.folder / "nginx/certificate.pem"))
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.https), 5), server_hostname="localhost") as c:
            return True, f"{c.version()} {c.cipher()[0]}"

    table.attempt("TLS 1.3 is spoken", lambda: spoken(ssl.TLSVersion.TLSv1_3))
    table.attempt("TLS 1.2 is spoken", lambda: spoken(ssl.TLSVersion.TLSv1_2))

    def refused(version):
        done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.https}", version, "-cipher", "ALL:@SECLEVEL=0"])
        # It must be the server that refuses: our own side offers it.
        return "alert protocol version" in said(done), re.search(r"[^:]*alert[^:]*|no protocols available|$", said(done))[0]

    table.attempt("TLS 1.1 is refused, by nginx", lambda: refused("-tls1_1"))
    table.attempt("TLS 1.0 is refused, by nginx", lambda: refused("-tls1"))


def death(table, proxy):
    proxy.trainer.signal(signal.SIGKILL)
    proxy.trainer.process.wait()
    table.attempt("the trainer is killed: 503 as a problem, with Retry-After", lambda: (
        (kept := problem(answer := proxy.ask("/api/v1/table", proxy.bearer), 503, "trainer_away"))[0]
        and bool(answer[1].get("Retry-After")), kept[1]))
    proxy.start_trainer()
    proxy.trainer.ready()
    table.attempt("it is back: the next request is answered",
                  lambda: ((status := proxy.ask("/api/v1/table", proxy.bearer)[0]) == 200, status))
    # A trainer that hangs keeps its socket: who asks must not wait for ever.
    proxy.trainer.signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        table.attempt("the trainer hangs: 503 as a problem within 20 s", lambda: (
            (kept := problem(proxy.ask("/readyz", timeout=30), 503, "trainer_away"))[0] and time.monotonic() - began < 20,
            f"{kept[1]} after {time.monotonic() - began:.1f} s"))
    finally:
        proxy.trainer.signal(signal.SIGKILL)


if __name__ == "__main__":
    main()
