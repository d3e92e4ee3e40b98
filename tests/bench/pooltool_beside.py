"""Times pooltool on a file of shots and sets it beside the trainer's own figures.

Run by pooltool.sh, which installs pooltool. Lengths are metres in the trainer's table frame: origin at
the table's centre, x along the long side toward the foot end, y to the left, angles anticlockwise from +x.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

RUNS_PER_SHOT = 3
SLOW_SHOT_S = 0.3
"""A shot that takes longer than this is run once."""
STABLE_SHIFT_M = 0.005
"""A shot that ends this far off after a tiny change of the stroke says nothing about accuracy."""
NOTABLE_DIFFERENCE_MM = 1.0
MOST_EVENTS = 20_000
PROGRESS_EVERY_S = 3.0

HEADER = (
    "family",
    "shots",
    "pooltool ms",
    "ours µs",
    "ratio",
    "rest median mm",
    "rest worst mm",
    "pocketing",
)
OUR_POCKET_NAMES = {
    "lb": "head_left",
    "lc": "side_left",
    "lt": "foot_left",
    "rb": "head_right",
    "rc": "side_right",
    "rt": "foot_right",
}


class BadInput(Exception):
    """A file that can't be used; the text says why."""


@dataclass(frozen=True)
class Ended:
    """Where a ball is when all is still: in a pocket, or at rest at `xy`."""

    pocket: str | None
    xy: Sequence[float] | None

    def distance(self, other: Ended) -> float | None:
        """How far apart two places of rest are; nothing where one is a pocket."""
        if self.pocket or other.pocket or self.xy is None or other.xy is None:
            return None
        return math.dist(self.xy, other.xy)


@dataclass(frozen=True)
class PooltoolShot:
    """What pooltool made of a shot."""

    seconds: float
    events: int
    final: dict[str, Ended]


@dataclass(frozen=True)
class Comparison:
    """One shot, both programs. Without `rest_mm` and `pocketing_equal` the ends weren't compared."""

    id: str
    family: str
    pooltool_ms: float
    ours_us: float
    pooltool_events: int
    not_compared: str | None
    rest_mm: float | None
    pocketing_equal: bool | None

    @property
    def ratio(self) -> float:
        """How many times longer pooltool took."""
        return self.pooltool_ms * 1000.0 / self.ours_us


class Pooltool:
    """pooltool with the table, the balls, the stick and the models that a file of shots asks for."""

    def __init__(self, meta: dict[str, Any]) -> None:
        # These must stand before the import. pooltool also writes settings into the home folder:
        # it gets a passing one.
        for library in ("NUMBA", "OMP", "OPENBLAS", "MKL"):
            os.environ[f"{library}_NUM_THREADS"] = "1"
        self._home = tempfile.TemporaryDirectory(prefix="pooltool-")
        os.environ["HOME"] = self._home.name
        import pooltool

        self._pooltool = pooltool
        self._no_event = pooltool.EventType.NONE
        try:
            self._ball = ball_parameters(meta["ball"])
            self._specs = pooltool.objects.CueSpecs(
                **numbers(meta["cue"], ("M", "length", "tip_radius", "end_mass"))
            )
            self._table = self._build_table(meta["table"])
        except KeyError as missing:
            raise BadInput(f"meta: {missing} is missing") from missing
        self._length, self._width = float(meta["table"]["l"]), float(meta["table"]["w"])
        self._engine = self._build_engine(meta.get("models", {}))

    def play(self, shot: dict[str, Any]) -> PooltoolShot:
        """Plays a shot once; only the simulation itself is timed."""
        system = self._build_system(shot)
        began = time.perf_counter()
        self._pooltool.simulate(system, engine=self._engine, inplace=True, max_events=MOST_EVENTS)
        seconds = time.perf_counter() - began
        events = sum(event.event_type != self._no_event for event in system.events)
        if events > MOST_EVENTS:
            raise RuntimeError(f"more than {MOST_EVENTS} events")
        return PooltoolShot(seconds, events, self._final(system))

    def play_timed(self, shot: dict[str, Any]) -> PooltoolShot:
        """Plays a shot often enough for a fair time: the median of its runs."""
        first = self.play(shot)
        if first.seconds > SLOW_SHOT_S:
            return first
        more = [self.play(shot).seconds for _ in range(RUNS_PER_SHOT - 1)]
        return PooltoolShot(median([first.seconds, *more]), first.events, first.final)

    def _build_table(self, table: dict[str, Any]) -> Any:
        from pooltool.objects import BilliardTableSpecs, PocketTableSpecs, Table

        size = {name: float(table[name]) for name in ("l", "w", "cushion_width", "cushion_height")}
        holes = {name: float(value) for name, value in table.items() if "pocket" in name or "jaw" in name}
        specs = PocketTableSpecs(**size, **holes) if holes else BilliardTableSpecs(**size)
        return Table.from_table_specs(specs)

    def _build_engine(self, models: dict[str, str]) -> Any:
        """The engine, spelled out: pooltool's own default comes from a settings file."""
        from pooltool.physics.engine import PhysicsEngine
        from pooltool.physics.resolve import Resolver
        from pooltool.physics.resolve.ball_ball.friction import AlciatoreBallBallFriction
        from pooltool.physics.resolve.ball_ball.frictional_inelastic import FrictionalInelastic
        from pooltool.physics.resolve.ball_cushion.stronge_compliant.model import (
            StrongeCompliantCircular,
            StrongeCompliantLinear,
        )
        from pooltool.physics.resolve.ball_pocket import CanonicalBallPocket
        from pooltool.physics.resolve.stick_ball.instantaneous_point import InstantaneousPoint
        from pooltool.physics.resolve.transition import CanonicalTransition

        ball_ball = model_text(models, "ball_ball", "frictional_inelastic")
        ball_cushion = model_text(models, "ball_cushion", "stronge_compliant")
        stick_ball = model_text(models, "stick_ball", "instantaneous_point")
        model_text(models, "ball_pocket", "canonical")
        model_text(models, "transition", "canonical")

        friction = re.search(r"mu = ([\d.]+) \+ ([\d.]+) exp\(-([\d.]+) v_rel\)", ball_ball)
        base, gain, decay = map(float, friction.groups()) if friction else (0.009951, 0.108, 1.088)
        omega_ratio = number_after("omega_ratio", ball_cushion, 1.8)
        resolver = Resolver(
            ball_ball=FrictionalInelastic(friction=AlciatoreBallBallFriction(a=base, b=gain, c=decay)),
            ball_linear_cushion=StrongeCompliantLinear(omega_ratio=omega_ratio),
            ball_circular_cushion=StrongeCompliantCircular(omega_ratio=omega_ratio),
            ball_pocket=CanonicalBallPocket(),
            stick_ball=InstantaneousPoint(
                english_throttle=number_after("english_throttle", stick_ball, 1.0),
                squirt_throttle=number_after("squirt_throttle", stick_ball, 1.0),
            ),
            transition=CanonicalTransition(),
        )
        return PhysicsEngine(resolver=resolver)

    def _build_system(self, shot: dict[str, Any]) -> Any:
        pt = self._pooltool
        stroke = shot["cue"]
        cue = pt.Cue(
            V0=float(stroke["V0"]),
            phi=(float(stroke["phi"]) + 90.0) % 360.0,
            theta=float(stroke.get("theta", 0.0)),
            a=float(stroke.get("a", 0.0)),
            b=float(stroke.get("b", 0.0)),
            cue_ball_id="cue",
            specs=self._specs,
        )
        balls = {
            name: pt.Ball.create(name, xy=self._to_pooltool(*xy), **self._ball)
            for name, xy in shot["balls"].items()
        }
        return pt.System(cue=cue, table=self._table.copy(), balls=balls)

    def _final(self, system: Any) -> dict[str, Ended]:
        pocket_of = {
            ball: OUR_POCKET_NAMES[name]
            for name, pocket in system.table.pockets.items()
            for ball in pocket.contains
        }
        return {
            name: Ended(pocket_of.get(name), self._from_pooltool(*ball.state.rvw[0][:2]))
            for name, ball in system.balls.items()
        }

    def _to_pooltool(self, x: float, y: float) -> tuple[float, float]:
        """pooltool's origin is the left corner of the head end, its x runs along the short side."""
        return self._width / 2 - y, self._length / 2 + x

    def _from_pooltool(self, x: float, y: float) -> tuple[float, float]:
        return float(y) - self._length / 2, self._width / 2 - float(x)


def ball_parameters(ball: dict[str, Any]) -> dict[str, float]:
    """The parameters of a ball under pooltool's names."""
    parameters = numbers(ball, ("m", "R", "u_s", "u_r", "u_b", "e_b", "e_c", "f_c", "g"))
    parameters["u_sp_proportionality"] = float(ball["u_sp"]) / float(ball["R"])
    return parameters


def numbers(section: dict[str, Any], names: Iterable[str]) -> dict[str, float]:
    """Those of the named numbers that are there; pooltool has a default for the others."""
    return {name: float(section[name]) for name in names if name in section}


def model_text(models: dict[str, str], part: str, expected: str) -> str:
    """The file's description of a model, which must be the one known here."""
    text = models.get(part, expected)
    if not text.startswith(expected):
        raise BadInput(f"meta.models.{part}: only {expected} is known here, not {text!r}")
    return text


def number_after(name: str, text: str, default: float) -> float:
    """The number in `name 1.8` or `name=1.8`."""
    found = re.search(rf"{name}[ =]+([\d.]+\d|\d)", text)
    return float(found.group(1)) if found else default


def family_of(shot: dict[str, Any]) -> str:
    """The shot's family, or the first part of its id."""
    return shot.get("family") or str(shot["id"]).split("-")[0]


def why_not_compared(shot: dict[str, Any], ours: dict[str, Any]) -> str | None:
    """Why the ends of a shot say nothing about accuracy, if so."""
    if family_of(shot).startswith("break"):
        return "break"
    sensitivity = shot.get("sensitivity", {})
    if sensitivity.get("max_rest_shift_m", 0.0) >= STABLE_SHIFT_M or sensitivity.get("pocketing_flips"):
        return "unstable"
    if ours.get("truncated"):
        return "cut short by us"
    return None


def compare(shot: dict[str, Any], ours: dict[str, Any], theirs: PooltoolShot) -> Comparison:
    """Sets the two programs' results of one shot side by side."""
    not_compared = why_not_compared(shot, ours)
    rest_mm, pocketing_equal = None, None
    if not_compared is None:
        our_final = {name: Ended(end["pocket"], end["xy"]) for name, end in ours["final"].items()}
        pairs = [(end, our_final[name]) for name, end in theirs.final.items()]
        pocketing_equal = all(a.pocket == b.pocket for a, b in pairs)
        apart = [distance for a, b in pairs if (distance := a.distance(b)) is not None]
        rest_mm = max(apart) * 1000.0 if apart else None
    return Comparison(
        id=shot["id"],
        family=family_of(shot),
        pooltool_ms=theirs.seconds * 1000.0,
        ours_us=float(ours["cpu_us"]),
        pooltool_events=theirs.events,
        not_compared=not_compared,
        rest_mm=rest_mm,
        pocketing_equal=pocketing_equal,
    )


class Progress:
    """Tells on stderr how far the work is: one line on a terminal, else a line now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._told = time.monotonic()

    def tell(self, done: int, what: str) -> None:
        """Tells it if it is time to."""
        now = time.monotonic()
        if now - self._told < (0.1 if self._terminal else PROGRESS_EVERY_S):
            return
        self._told = now
        text = f"pooltool: {done}/{self._total} {what}"
        text = f"\r\033[K{text}" if self._terminal else f"{text}\n"
        print(text, end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leaves the terminal's line empty."""
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def warm_up(pooltool: Pooltool, shots: list[dict[str, Any]]) -> None:
    """Plays one shot of each family, so that numba has compiled what the others need."""
    one_of_each = {family_of(shot): shot for shot in reversed(shots)}
    print("pooltool: warming up (its code is compiled on the first run)", file=sys.stderr, flush=True)
    for shot in one_of_each.values():
        try:
            pooltool.play(shot)
        except Exception:  # Told when the shot itself is played.
            continue


def play_all(
    pooltool: Pooltool, shots: list[dict[str, Any]], ours: dict[str, dict[str, Any]]
) -> tuple[list[Comparison], list[str]]:
    """Plays every shot; gives the comparisons, and the shots that pooltool fails on with the reason."""
    comparisons, failures = [], []
    progress = Progress(len(shots))
    for done, shot in enumerate(shots):
        progress.tell(done, shot["id"])
        try:
            theirs = pooltool.play_timed(shot)
        except Exception as error:  # Whatever it is, the other shots are worth playing.
            failures.append(f"{shot['id']} ({error or type(error).__name__})")
            continue
        comparisons.append(compare(shot, ours[shot["id"]], theirs))
    progress.clear()
    return comparisons, failures


def figures(family: str, shots: list[Comparison]) -> dict[str, Any]:
    """One line of the table."""
    rest = [shot.rest_mm for shot in shots if shot.rest_mm is not None]
    pocketing = [shot.pocketing_equal for shot in shots if shot.pocketing_equal is not None]
    return {
        "family": family,
        "shots": len(shots),
        "pooltool_ms": median(shot.pooltool_ms for shot in shots),
        "ours_us": median(shot.ours_us for shot in shots),
        "ratio": median(shot.ratio for shot in shots),
        "rest_median_mm": median(rest) if rest else None,
        "rest_worst_mm": max(rest, default=None),
        "pocketing_equal": sum(pocketing),
        "compared": len(pocketing),
    }


def summary(comparisons: list[Comparison], failures: list[str]) -> dict[str, Any]:
    """All figures, as they are printed and written."""
    families: dict[str, list[Comparison]] = {}
    for shot in comparisons:
        families.setdefault(shot.family, []).append(shot)
    reasons = [shot.not_compared for shot in comparisons if shot.not_compared]
    names = {"pooltool": "pooltool-billiards", "numba": "numba", "numpy": "numpy"}
    return {
        "versions": {name: version(package) for name, package in names.items()}
        | {"python": platform.python_version()},
        "families": [figures(family, shots) for family, shots in families.items()],
        "all": figures("all", comparisons),
        "not_compared": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
        "failed_in_pooltool": failures,
        "shots": [
            {
                "id": shot.id,
                "family": shot.family,
                "pooltool_ms": shot.pooltool_ms,
                "ours_us": shot.ours_us,
                "ratio": shot.ratio,
                "pooltool_events": shot.pooltool_events,
                "not_compared": shot.not_compared,
                "rest_mm": shot.rest_mm,
                "pocketing_equal": shot.pocketing_equal,
            }
            for shot in comparisons
        ],
    }


def in_words(result: dict[str, Any]) -> str:
    """The table and the notes under it."""
    rows = [HEADER, *(row(line) for line in [*result["families"], result["all"]])]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
        for cells in rows
    ]
    lines.insert(-1, "-" * len(lines[0]))
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    lines += [
        "",
        f"{versions}; one thread, wall time, median of {RUNS_PER_SHOT} runs (1 for shots over {SLOW_SHOT_S} s)",
        "times and ratio: medians over the shots; the ratio is pooltool's time / ours, shot by shot",
        "rest: how far apart the two programs leave a ball, the worst ball of each shot",
        "pocketing: shots in which both put the same balls into the same pockets",
    ]
    skipped = result["not_compared"]
    if skipped:
        reasons = ", ".join(f"{reason} {count}" for reason, count in skipped.items())
        lines.append(f"ends not compared in {sum(skipped.values())} shots: {reasons}")
    lines += notable(result["shots"])
    if result["failed_in_pooltool"]:
        lines.append("pooltool fails on: " + ", ".join(result["failed_in_pooltool"]))
    total = result["all"]
    lines.append(f"median ratio over all {total['shots']} shots: {short(total['ratio'])}")
    return "\n".join(lines)


def row(line: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one line of the table."""
    compared = line["compared"]
    return (
        line["family"],
        str(line["shots"]),
        short(line["pooltool_ms"]),
        short(line["ours_us"]),
        short(line["ratio"]),
        short(line["rest_median_mm"]),
        short(line["rest_worst_mm"]),
        f"{line['pocketing_equal']}/{compared}" if compared else "-",
    )


def notable(shots: list[dict[str, Any]]) -> list[str]:
    """A line on the shots that end differently, if there are any."""
    far = [
        f"{shot['id']} ({short(shot['rest_mm'])} mm, {shot['pooltool_events']} events in pooltool)"
        for shot in shots
        if shot["rest_mm"] is not None and shot["rest_mm"] > NOTABLE_DIFFERENCE_MM
    ]
    other = [shot["id"] for shot in shots if shot["pocketing_equal"] is False]
    lines = []
    if far:
        lines.append(f"apart by more than {NOTABLE_DIFFERENCE_MM:g} mm: " + ", ".join(far))
    if other:
        lines.append("pocketing differs: " + ", ".join(other))
    return lines


def short(value: float | None) -> str:
    """A number in three digits, as far as they matter."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON document with a list of `shots`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"can't read {path}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("shots"), list):
        raise BadInput(f"{path}: has no list of shots")
    return document


def our_results(path: Path, shots: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Our result of every shot, by id."""
    ours = {result["id"]: result for result in read_json(path)["shots"]}
    for shot in shots:
        result = ours.get(shot["id"])
        if result is None:
            raise BadInput(f"{path}: shot {shot['id']} is missing")
        if not result["cpu_us"] > 0:
            raise BadInput(f"{path}: shot {shot['id']}: cpu_us must be above 0")
        if not shot["balls"].keys() <= result["final"].keys():
            raise BadInput(f"{path}: shot {shot['id']}: a ball is missing from final")
    return ours


def main() -> None:
    """Reads the files, plays the shots and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shots", type=Path, help="file with meta and shots")
    parser.add_argument("ours", type=Path, help="what `billiards-trainer simulate SHOTS.json --json` printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures to a file")
    arguments = parser.parse_args()
    document = read_json(arguments.shots)
    shots = document["shots"]
    if not shots:
        raise BadInput(f"{arguments.shots}: has no shots")
    ours = our_results(arguments.ours, shots)
    pooltool = Pooltool(document.get("meta", {}))
    warm_up(pooltool, shots)
    comparisons, failures = play_all(pooltool, shots, ours)
    if not comparisons:
        raise BadInput("pooltool fails on every shot: " + ", ".join(failures))
    result = summary(comparisons, failures)
    print(in_words(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(f"pooltool_beside.py: {error}")
