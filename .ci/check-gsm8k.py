#!/usr/bin/env python3
"""Hold the accepted rates of `orch eval … --json` over GSM8K against what was published for the same answers.

    .ci/check-gsm8k.py summary.json

Fails (exit 1) when a model is missing or further than half a percentage point from its published accuracy.
"""

import json
import pathlib
import sys

# WildEval/ZeroEval, result_dirs/gsm.summary.md.
PUBLISHED = {
    "gpt-4o-mini-2024-07-18": 0.9424,
    "gemini-1.5-flash": 0.9136,
    "claude-3-haiku-20240307": 0.8878,
    "Meta-Llama-3.1-8B-Instruct": 0.8400,
}


def main():
    summary = json.loads(pathlib.Path(sys.argv[1]).read_text())
    is_good = True
    for name, published in PUBLISHED.items():
        rates = [m["accepted"]["rate"] for m in summary["models"] if name in m["model"]]
        if len(rates) != 1 or rates[0] is None:
            print(f"{name}: not in the summary", file=sys.stderr)
            is_good = False
            continue
        distance = rates[0] - published
        is_near = abs(distance) <= 0.005
        is_good &= is_near
        print(f"{name:28} {rates[0]:.4f}  published {published:.4f}  {distance:+.4f}  {'ok' if is_near else 'TOO FAR'}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
