"""Prints the licences of everything that the archive's programs are made of, as their authors wrote them.

A part of ci/release.sh, called in a workspace whose dependencies are there: licences.py TARGET
"""

import json
import pathlib
import subprocess
import sys

PROGRAMS = ["harness", "hegemon-node"]
NAMES = ("licen", "copying", "notice", "unlicense")


def cargo(*words):
    return subprocess.run(["cargo", *words], check=True, capture_output=True, text=True).stdout


def used(target):
    """Names and versions of what is linked into a program: neither build scripts nor tests."""
    packages = [word for program in PROGRAMS for word in ("--package", program)]
    tree = cargo("tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", target, *packages)
    return {tuple(line.split()[:2]) for line in tree.splitlines()}


def main(target):
    wanted = used(target)
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = [package for package in metadata["packages"] if package["source"] and (package["name"], "v" + package["version"]) in wanted]
    print("The programs of this archive are made of the workspace's own code and of the following.")
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        folder = pathlib.Path(package["manifest_path"]).parent
        named = package["license"] or package["license_file"] or "no licence named"
        print(f"\n{'=' * 100}\n{package['name']} {package['version']}: {named}\n{package['repository'] or ''}".rstrip())
        texts = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().startswith(NAMES))
        for path in texts:
            print(f"\n--- {path.name}\n\n{path.read_text(errors='replace').strip()}")
        if not texts:
            print("\n(its package has the name of its licence, and no text)")


main(sys.argv[1])
