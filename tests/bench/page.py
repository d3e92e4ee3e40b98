#!/usr/bin/env python3
"""Clicks through the web page of the running trainer in a real Chromium, at desktop and phone size, light and dark.

    page.py TRAINER [FOLDER]      (the program; pictures of every step go into the folder)

Needs chromium (on Debian: apt-get install chromium); without it nothing is run.
"""
import base64, json, os, shutil, socket, subprocess, sys, tempfile, time, urllib.request


class Page:
    """A page in Chromium, spoken to through a pipe."""

    def __init__(self, browser, folder, address, width, height, dark):
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def pipes():
            # Chromium reads from the third file and writes to the fourth.
            reads, writes = os.dup(to_read), os.dup(to_write)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--remote-debugging-pipe", f"--user-data-dir={folder}/chromium-{width}", "about:blank"]
        self.browser = subprocess.Popen([browser, *options], preexec_fn=pipes, close_fds=False,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.rest, self.count, self.session = b"", 0, None
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(t for t in targets if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.enable")
        self.ask("Page.navigate", url=address)

    def ask(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                piece = os.read(self.back, 1 << 20)
                if not piece:
                    raise SystemExit("Chromium has gone")
                self.rest += piece
            text, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def run(self, script):
        told = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise SystemExit(f"{script}: {told['exceptionDetails'].get('exception', {}).get('description')}")
        return told["result"].get("value")

    def until(self, script, what, limit_s=60):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            # While the page loads there is nothing to look at.
            if self.run(f"(() => {{ try {{ return Boolean({script}); }} catch {{ return false; }} }})()"):
                print(f"  ok   {what}")
                return
            time.sleep(0.2)
        raise SystemExit(f"  NOT  {what}: `{script}` did not come true in {limit_s} s")

    def picture(self, file):
        told = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(file, "wb") as out:
            out.write(base64.b64decode(told["data"]))

    def close(self):
        self.browser.kill()
        self.browser.wait()


def click_through(page, tokens, pictures):
    text = "document.getElementById('{}').textContent".format
    sign_in = ("document.getElementById('token').value = {!r};"
               "document.getElementById('sign-in-form').requestSubmit()").format
    page.until("document.getElementById('sign-in').open", "who comes from elsewhere is asked who they are")
    page.picture(f"{pictures}-1-sign-in.png")
    page.run(sign_in("bt_wrong"))
    page.until(f"{text('sign-in-note')}.includes('unknown')", "a wrong token is refused with a word")
    page.run(sign_in(tokens["viewer"]))
    page.until("document.body.dataset.role === 'viewer'", "a viewer comes in")
    page.until("document.querySelectorAll('#cloth svg g > g').length > 2", "and sees balls on the table")
    page.until("getComputedStyle(document.getElementById('pause')).display === 'none' || "
               "!document.getElementById('pause').offsetParent", "but nothing that a viewer may not press")
    page.picture(f"{pictures}-2-viewer.png")
    page.run("document.getElementById('sign-out').click()")
    time.sleep(1)
    page.until("document.getElementById('sign-in').open", "signed out")
    page.run(sign_in(tokens["admin"]))
    page.until("document.body.dataset.role === 'admin'", "an admin comes in")

    page.until("!document.getElementById('pause').disabled", "the controls are there")
    page.run("document.getElementById('pause').click()")
    page.until(f"{text('banner')}.includes('Paused')", "paused")
    page.run("document.getElementById('pause').click()")
    page.until("document.getElementById('banner').hidden", "and resumed")

    page.run("document.getElementById('settings-box').open = true")
    row = "document.getElementById('set-vision.rate_hz')"
    change = ("{{ const field = {}.querySelector('input'); field.value = '{}';"
              " field.dispatchEvent(new Event('change')); }}").format
    page.until(row, "settings are listed")
    page.run(change(row, 900))
    page.until(f"{row}.textContent.includes('allowed are')", "an impossible one is refused with what is allowed")
    help_row = "document.getElementById('set-trainer.assistance')"
    page.run(f"{{ const field = {help_row}.querySelector('select'); field.value = 'expert';"
             " field.dispatchEvent(new Event('change')); }")
    page.until(f"{help_row}.textContent.includes('changed here')", "a possible one is kept")
    page.until("document.getElementById('assistance').value === 'expert'", "and counts at once")
    page.run(f"{help_row}.querySelector('button').click()")
    page.until(f"{help_row}.textContent.includes('as built in')", "and undone")
    page.picture(f"{pictures}-3-settings.png")

    page.run("document.getElementById('cal-form').requestSubmit()")
    page.until("!document.getElementById('cal-progress').hidden", "a calibration is begun and followed")
    page.picture(f"{pictures}-8-calibration.png")
    page.run("document.getElementById('cal-stop').click()")
    page.until(f"document.getElementById('cal-progress').hidden && {text('cal-words')}.includes('Not calibrated yet')", "and ended")

    page.run("document.getElementById('wall').click()")
    page.until("!document.getElementById('h-modules').offsetParent", "a wall screen shows the table alone")
    page.picture(f"{pictures}-5-wall.png")
    page.run("document.getElementById('wall').click()")
    page.until("document.getElementById('h-modules').offsetParent", "and everything again")

    # The virtual player waits for nobody: asked again until the balls rest.
    asked = ("document.querySelectorAll('#suggestions button').length > 0 || (document.getElementById('suggest-ask').disabled"
             " ? false : (document.getElementById('suggest-form').requestSubmit(), false))")
    page.until(asked, "shots are suggested", 90)
    page.until("table.suggested !== null && document.querySelectorAll('#cloth .p-object').length > 0",
               "and the first is shown on the table")
    page.picture(f"{pictures}-7-suggestions.png")

    # The second time through it has been seen already.
    page.until(f"document.querySelectorAll('#alerts button').length > 0 || {text('alerts')}.includes('Seen')",
               "an alert is listed", 60)
    page.run("document.querySelector('#alerts button')?.click()")
    page.until(f"{text('alerts')}.includes('Seen')", "and acknowledged")

    page.until("document.querySelectorAll('#shots button').length > 0", "a shot is listed", 90)
    page.run("document.querySelector('#shots button').click()")
    page.until(f"{text('table-note')}.startsWith('Replay')", "and replayed")
    page.picture(f"{pictures}-4-replay.png")
    page.until(f"!{text('table-note')}.startsWith('Replay')", "to its end, or until the next")

    page.run("ask('/api/v1/modules/vision/stop', { method: 'POST' })")
    page.until(f"{text('table-note')}.includes('No table')", "where nothing is seen, that is said")
    page.run("ask('/api/v1/modules/vision/start', { method: 'POST' })")
    page.until(f"{text('table-note')}.includes('ball')", "and the table comes back")
    narrow = page.run("document.documentElement.scrollWidth <= innerWidth")
    page.run("location.href = '/docs'")
    page.until("document.querySelectorAll('.operation').length > 40", "the API is described, without a network")
    page.run("document.querySelectorAll('.operation')[20].open = true")
    page.picture(f"{pictures}-6-api.png")
    narrow &= page.run("document.documentElement.scrollWidth <= innerWidth")
    print("  ok   nothing sticks out" if narrow else "  NOT  something is wider than the screen")
    return narrow


def main():
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        print("the page in Chromium: not run, there is no chromium (on Debian: apt-get install chromium)")
        return
    trainer = os.path.realpath(sys.argv[1])
    pictures = os.path.realpath(sys.argv[2]) if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="page-")
    os.makedirs(pictures, exist_ok=True)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        state = ["--set", f"state_folder={folder}/state"]
        tokens = {}
        for role in ["viewer", "admin"]:
            made = subprocess.run([trainer, "token", "create", role, "--role", role, "--json", *state],
                                  check=True, capture_output=True)
            tokens[role] = json.loads(made.stdout)["token"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        run = [trainer, "run", "--headless", "--source", "virtual", "--port", str(port),
               "--set", "api.require_token=true", *state]
        # An alert to acknowledge: more than no processor time in use.
        site = f"{folder}/site.ron"
        with open(site, "w") as rules:
            rules.write('(alerts: (rules: [(name: "processor_busy", warning: 0.0, critical: None, for_s: 0.0)]))')
        run += ["--config", site]
        with open(f"{folder}/log", "w") as log:
            running = subprocess.Popen(run, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}/"
            for _ in range(240):
                try:
                    urllib.request.urlopen(address + "readyz")
                    break
                except OSError:
                    time.sleep(0.25)
            for name, width, height, dark in [("desktop", 1440, 1000, False), ("phone", 390, 844, True)]:
                print(f"{name}, {width} × {height}, {'dark' if dark else 'light'}")
                page = Page(browser, folder, address, width, height, dark)
                try:
                    good &= click_through(page, tokens, f"{pictures}/{name}")
                finally:
                    page.close()
        finally:
            running.terminate()
            running.wait()
    print(f"pictures in {pictures}")
    if not good:
        raise SystemExit(1)


main()
