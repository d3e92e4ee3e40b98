#!/usr/bin/env python3
"""Settings are changed over the network while the trainer is killed at random moments: what it said it has kept, it has.

    settings.py PROGRAM [KILLS]
"""
import json, random, signal, sys, threading, time

from common import Table, Trainer, free_port, get, is_whole, program_of, scratch, wait_for

KEY = "calibration.check_every_s"


def main():
    program = program_of(sys.argv)
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    table = Table("settings changed and the trainer killed")
    if not is_whole(program):
        table.skip("all of it", "this program has no `run`")
        table.end()
    folder, port = scratch("settings"), free_port()
    site = folder / "site.ron"
    site.write_text("(calibration: (check_every_s: 1000.0))")
    moments = random.Random(1)
    sent, kept, lost, told, unsure = 1000, 1000, [], [], 0
    for number in range(kills + 1):
        trainer = Trainer(program, folder, port, "--no-projector", "--config", str(site))
        shown = wait_for(lambda: settings_of(trainer), 60)
        if not shown:
            lost.append(f"after kill {number} the settings can't be read: {get(trainer.url + '/api/v1/config')[2][:200]}")
            break
        value = float(shown["settings"][KEY]["value"])
        unsure += value > kept
        if not kept <= value <= sent:
            lost.append(f"kill {number}: {value:.0f} is in force, {kept} was kept and {sent} asked for")
        told += [note for note in shown["notes"] if "damaged" in str(note)]
        if number == kills:
            trainer.end()
            break
        kept = max(kept, int(value))
        writer = Writer(trainer, sent)
        wait_for(lambda: writer.kept, 30, 0.005)
        time.sleep(moments.uniform(0, 0.3))
        trainer.signal(signal.SIGKILL)
        trainer.process.wait()
        writer.thread.join()
        sent, kept = writer.sent, max(kept, writer.kept)
    table.row(f"{kills} kills while settings are saved: what was said to be kept is in force", not lost,
              lost[:1] or f"{kept - 1000} changes kept; {unsure} times one of which nobody had been told")
    table.row("nothing is ever found damaged", not told, told[:1])
    table.row("the settings file is as it was written", site.read_text() == "(calibration: (check_every_s: 1000.0))")
    table.end()


def settings_of(trainer):
    status, _, body = get(trainer.url + "/api/v1/config", timeout=5)
    return json.loads(body) if status == 200 else None


class Writer:
    """Changes one setting again and again, to a greater value each time, until nobody answers."""

    def __init__(self, trainer, sent):
        self.trainer, self.sent, self.kept = trainer, sent, 0
        self.thread = threading.Thread(target=self.write)
        self.thread.start()

    def write(self):
        while True:
            body = json.dumps({"changes": {KEY: self.sent + 1}}).encode()
            headers = {"If-Match": "*", "Content-Type": "application/json"}
            self.sent += 1
            try:
                status, _, said = get(self.trainer.url + "/api/v1/config", headers, body, "PUT")
            except OSError:
                return
            assert status == 200, said
            self.kept = self.sent


main()
