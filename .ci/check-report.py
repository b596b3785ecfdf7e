#!/usr/bin/env python3
"""Open an HTML report in headless Chromium and use it as a reader would.

    .ci/check-report.py report.html [--screenshot out.png] [--dark] [--width 1280]

Fails (exit 1) when the page logs anything to the console, breaks its own content security policy, asks for
anything outside the file, or when a click or key press on a column head does not sort the table, or a filter
does not filter. Needs chromium and chromium-driver, and Python's standard library only.
"""

import argparse
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROWS = """
const table = document.querySelector('table.sortable');
return [...table.tBodies[0].rows].map((row) => {
  const text = row.cells[arguments[0]].dataset.value;
  return text === undefined ? null : text;
});
"""
SORTED = """
return document.querySelector('table.sortable').tHead.rows[0].cells[arguments[0]].getAttribute('aria-sort');
"""
HEADS = "return [...document.querySelectorAll('table.sortable thead button')].map((b) => b.textContent);"
OUTSIDE = """
return performance.getEntriesByType('resource').map((entry) => entry.name)
  .filter((name) => !name.startsWith('data:'));
"""
SHOWN = "return [...document.querySelectorAll('.failure')].filter((f) => !f.hidden).map((f) => f.dataset.kind);"


class Driver:
    """The few WebDriver commands the check needs (W3C WebDriver 2)."""

    def __init__(self, port, options):
        self.base = f"http://127.0.0.1:{port}"
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": options},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.base += f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def head(self, column):
        script = "return document.querySelectorAll('table.sortable thead button')[arguments[0]];"
        return next(iter(self.run(script, column).values()))


def start(port_file, options):
    """A driver on a free port; its process and the session."""
    process = subprocess.Popen(
        ["chromedriver", "--port=0", f"--log-path={port_file}"], stdout=subprocess.PIPE, text=True
    )
    port = None
    for line in process.stdout:
        if "started successfully on port" in line:
            port = int(line.rstrip(". \n").rsplit(" ", 1)[1])
            break
    if port is None:
        raise SystemExit("chromedriver did not start")
    return process, Driver(port, options)


def as_numbers(values):
    """The values that exist as numbers; None where one is not a number."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return None


def is_sorted(values, way):
    """Whether values ascend or descend, those that are absent last."""
    present = [value for value in values if value is not None]
    if values[: len(present)] != present:
        return False
    numbers = as_numbers(present)
    keys = numbers if numbers is not None else [value.casefold() for value in present]
    return keys == sorted(keys, reverse=way == "descending")


def check_sorting(driver, problems):
    heads = driver.run(HEADS)
    if not heads:
        problems.append("there is no sortable table")
    for column, name in enumerate(heads):
        head = driver.head(column)
        driver.call("POST", f"/element/{head}/click", {})
        expect_sorted(driver, problems, column, name, "ascending")
        driver.call("POST", f"/element/{head}/value", {"text": "\ue007"})
        expect_sorted(driver, problems, column, name, "descending")


def expect_sorted(driver, problems, column, name, way):
    said, values = driver.run(SORTED, column), driver.run(ROWS, column)
    if said != way:
        problems.append(f"{name!r}: aria-sort is {said!r}, not {way!r}")
    if not is_sorted(values, way):
        problems.append(f"{name!r} is not sorted {way}: {values}")


def check_filters(driver, problems):
    all_kinds = driver.run(SHOWN)
    if not all_kinds:
        return
    kind = all_kinds[-1]
    script = """
    const chip = [...document.querySelectorAll('.kinds button')].find((b) => b.dataset.kind === arguments[0]);
    chip.click();
    return chip.getAttribute('aria-pressed');
    """
    pressed = driver.run(script, kind)
    shown = driver.run(SHOWN)
    if pressed != "true" or shown != [other for other in all_kinds if other == kind]:
        problems.append(f"the filter for {kind!r} shows {len(shown)} of {len(all_kinds)}: {set(shown)}")
    driver.run(script, kind)
    if driver.run(SHOWN) != all_kinds:
        problems.append("a filter is not undone")


def check_quiet(driver, url, problems):
    for entry in driver.log("browser"):
        problems.append(f"console {entry['level'].lower()}: {entry['message']}")
    for name in driver.run(OUTSIDE):
        problems.append(f"the page asks for {name}")
    for entry in driver.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked = message["params"]["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                problems.append(f"the page asks for {asked}")
    if driver.run("return document.documentElement.scrollWidth > innerWidth;"):
        problems.append("the page is wider than the window")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--screenshot", type=pathlib.Path, help="write the whole page as a PNG")
    parser.add_argument("--dark", action="store_true", help="prefer the dark scheme")
    parser.add_argument("--width", type=int, default=1280, help="of the window")
    parser.add_argument("--height", type=int, default=8000, help="the most of the screenshot")
    options = parser.parse_args()
    url = options.report.resolve(strict=True).as_uri()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={options.width},900"]
    if options.dark:
        flags.append("--blink-settings=preferredColorScheme=0")
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        process, driver = start(f"{scratch}/driver.log", [*flags, f"--user-data-dir={scratch}/profile"])
        try:
            # The start page's own requests are not the report's: leave it, and forget what it logged.
            driver.call("POST", "/url", {"url": "about:blank"})
            driver.log("performance")
            driver.call("POST", "/url", {"url": url})
            if options.screenshot:
                shot(driver, options)
            check_sorting(driver, problems)
            check_filters(driver, problems)
            check_quiet(driver, url, problems)
            driver.call("DELETE", "")
        finally:
            process.terminate()
            process.wait()
    for problem in problems:
        print(f"{options.report}: {problem}", file=sys.stderr)
    return 1 if problems else 0


def shot(driver, options):
    height = driver.run("return document.documentElement.scrollHeight;")
    metrics = {"width": options.width, "height": min(height, options.height), "deviceScaleFactor": 1, "mobile": False}
    cdp = lambda command, params: driver.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})
    cdp("Emulation.setDeviceMetricsOverride", metrics)
    time.sleep(0.2)
    options.screenshot.write_bytes(base64.b64decode(cdp("Page.captureScreenshot", {})["data"]))
    cdp("Emulation.clearDeviceMetricsOverride", {})


if __name__ == "__main__":
    sys.exit(main())
