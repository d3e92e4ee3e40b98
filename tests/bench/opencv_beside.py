"""The same work with OpenCV on one core: table from above, cloth mask, components, circles.

Prints milliseconds per step, p50 / p99, in the same form as `evaluate vision --speed`. The steps are
those that a billiards program on OpenCV takes (see docs/architecture.md, vision): straighten the table,
HSV, cloth mask by hue, opening, connected components, and Hough circles around a ball's radius.
Identity is left out: this chain does less than ours.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np

ROUNDS = 5
STEPS = ["straighten", "hsv", "mask", "opening", "components", "circles", "total"]


def look(picture, corners, laps):
    """One look at a BGR picture whose table has these corners; milliseconds into `laps`."""
    start = last = time.perf_counter()

    def lap(name):
        nonlocal last
        now = time.perf_counter()
        laps.setdefault(name, []).append((now - last) * 1e3)
        last = now

    w, h = 1270, 635
    target = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    flat = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(corners, target), (w, h))
    lap("straighten")
    hsv = cv2.cvtColor(flat, cv2.COLOR_BGR2HSV)
    lap("hsv")
    hue = int(np.median(hsv[::8, ::8, 0]))
    cloth = cv2.inRange(hsv, (max(hue - 12, 0), 60, 30), (min(hue + 12, 179), 255, 255))
    other = cv2.bitwise_not(cloth)
    lap("mask")
    other = cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    lap("opening")
    cv2.connectedComponentsWithStats(other)
    lap("components")
    grey = cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY)
    radius = 14
    cv2.HoughCircles(
        grey, cv2.HOUGH_GRADIENT, 1, 2 * radius - 4, param1=120, param2=16, minRadius=radius - 2, maxRadius=radius + 2
    )
    lap("circles")
    laps.setdefault("total", []).append((time.perf_counter() - start) * 1e3)


def main():
    cv2.setNumThreads(1)
    print(f"OpenCV {cv2.__version__}, one thread, from decoded BGR; positions to the pixel, no names")
    print(f"{'ms, p50 / p99':<14}" + "".join(f"{name:>15}" for name in STEPS))
    for folder in sorted(Path(sys.argv[1]).iterdir(), key=lambda p: ["720p", "1080p", "4K"].index(p.name)):
        pictures = [cv2.imread(str(file)) for file in sorted(folder.glob("*.png"))]
        laps = {}
        for _ in range(ROUNDS):
            for picture in pictures:
                h, w = picture.shape[:2]
                corners = np.float32([[0.06, 0.1], [0.94, 0.1], [0.94, 0.9], [0.06, 0.9]]) * np.float32([w, h])
                look(picture, corners, laps)
        row = "".join(f"{np.percentile(laps[s], 50):.2f} / {np.percentile(laps[s], 99):.2f}".rjust(15) for s in STEPS)
        print(f"{folder.name + ' BGR':<14}{row}")


main()
