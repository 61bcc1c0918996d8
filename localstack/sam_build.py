#!/usr/bin/env python3
"""Builds every function of template.yaml as `sam build` would, but in one compilation, and checks the result.

The result is the layout of `sam build`: `.aws-sam/build/<LogicalId>/bootstrap` and `.aws-sam/build/template.yaml`, which
`sam deploy` and `sam local` use without further options. Beside it is `.aws-sam/sbom.cdx.json`, the bill of materials.

`make sam-build` and `make sam-build-check` run it; docs/sam-build.md explains it.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parent.parent
# The glibc of the runtime provided.al2023.
GLIBC = (2, 34)
# What an architecture is called in template.yaml, by Rust, and in the names of the OpenTelemetry Collector's layers.
ARCHITECTURES = {"arm64": ("aarch64", "arm64"), "x86_64": ("x86_64", "amd64")}
# The template's architecture.
ARCHITECTURE = r"Architectures: \[(\w+)\]"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--arch", choices=ARCHITECTURES, help="default: as in template.yaml")
    arguments.add_argument("--limit-mb", type=float, required=True, help="the largest size of a function in MB (1,000,000 bytes)")
    arguments.add_argument("--out", type=Path, default=ROOT / ".aws-sam")
    arguments.add_argument("--binaries", type=Path, help="lay out these (<binary>/bootstrap) instead of compiling")
    arguments.add_argument("--check", action="store_true", help="compile in a second folder too, and compare")
    options = arguments.parse_args()

    template = (ROOT / "template.yaml").read_text()
    arch = options.arch or re.search(ARCHITECTURE, template)[1]
    functions = functions_of(template)
    binaries = options.binaries or compile_functions(ROOT, arch, functions)
    problems = [problem for name in functions.values() for problem in check(binaries / name / "bootstrap", options.limit_mb)]
    if problems:
        sys.exit("\n".join(f"error: {problem}" for problem in problems))

    build = options.out / "build"
    shutil.rmtree(build, ignore_errors=True)
    for logical_id, name in functions.items():
        (build / logical_id).mkdir(parents=True)
        shutil.copy2(binaries / name / "bootstrap", build / logical_id / "bootstrap")
    (build / "template.yaml").write_text(built_template(template, arch, build))
    bill = sbom.bill(ROOT, packages_of(functions), triple(arch))
    (options.out / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")

    for logical_id, name in functions.items():
        file = build / logical_id / "bootstrap"
        print(f"{name:<22} {file.stat().st_size / 1e6:>5.1f} MB  sha256 {sha256(file)}  {display(file)}")
    print(f"{len(bill['components'])} components in {display(options.out / 'sbom.cdx.json')}")
    if options.check:
        compare(binaries, arch, functions)


def functions_of(template: str) -> dict[str, str]:
    """The binary of each function, by its logical id."""
    functions = {}
    logical_id = None
    for line in template.splitlines():
        if resource := re.fullmatch(r"  (\w+):", line):
            logical_id = resource[1]
        elif binary := re.fullmatch(r"      BuildProperties: \{ Binary: ([\w-]+) \}", line):
            functions[logical_id] = binary[1]
    return functions


def packages_of(functions: dict[str, str]) -> list[str]:
    """The packages of the functions' binaries."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    packages = json.loads(metadata.stdout)["packages"]
    names = set(functions.values())
    return sorted(p["name"] for p in packages if names & {t["name"] for t in p["targets"] if t["kind"] == ["bin"]})


def triple(arch: str) -> str:
    return f"{ARCHITECTURES[arch][0]}-unknown-linux-gnu"


def compile_functions(root: Path, arch: str, functions: dict[str, str]) -> Path:
    """Compiles every function's package in a checkout, with the features that the functions alone need. Returns the folder of
    the binaries."""
    release = tomllib.loads((root / "Cargo.toml").read_text())["profile"]["release"]
    if release.get("panic") != "unwind":
        sys.exit('error: Cargo.toml must set panic = "unwind" in [profile.release]: cargo-lambda sets abort otherwise')
    # No path of this machine in the binaries: they would differ between machines.
    cargo_home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    remap = [f"--remap-path-prefix={cargo_home}=/cargo", f"--remap-path-prefix={root}=/src"]
    binaries = root / "target" / "lambda" / arch
    command = [
        *(ROOT / ".tools/venv/bin/cargo-lambda", "lambda", "build", "--release", "--locked", "--lambda-dir", binaries),
        *("--target", f"{triple(arch)}.{GLIBC[0]}.{GLIBC[1]}"),
        *("--config", f"build.rustflags={json.dumps(remap)}"),
        *(argument for package in packages_of(functions) for argument in ("--package", package)),
    ]
    zig = ROOT / ".tools/zig/ziglang"
    # Flags of the user's environment would change the binaries.
    environment = {name: value for name, value in os.environ.items() if "FLAGS" not in name and name != "CARGO_TARGET_DIR"}
    environment |= {"PATH": f"{zig}:{os.environ['PATH']}", "CARGO_ZIGBUILD_ZIG_PATH": str(zig / "zig")}
    print(f"compiling {len(functions)} functions for {arch} in {root}", file=sys.stderr)
    if subprocess.run(command, cwd=root, env=environment).returncode:
        sys.exit("error: the functions were not compiled: see above")
    return binaries


def check(binary: Path, limit_mb: float) -> list[str]:
    """What is wrong with a function's binary."""
    if not binary.is_file():
        return [f"{binary} was not built"]
    problems = []
    content = binary.read_bytes()
    if not content.startswith(b"\x7fELF"):
        problems.append(f"{binary} is not an ELF file")
    # The versions of the symbols that the dynamic linker looks up.
    versions = {(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", content)}
    if newer := sorted(version for version in versions if version > GLIBC):
        newest = ".".join(map(str, newer[-1]))
        problems.append(f"{binary} needs glibc {newest}, but provided.al2023 has {GLIBC[0]}.{GLIBC[1]}")
    if len(content) > limit_mb * 1e6:
        problems.append(f"{binary} has {len(content) / 1e6:.1f} MB, more than SIZE_LIMIT_MB={limit_mb:g}")
    return problems


def built_template(template: str, arch: str, build: Path) -> str:
    """template.yaml, with paths that are relative to the built template, and for the architecture."""
    lines = []
    logical_id = None
    for line in template.splitlines():
        if resource := re.fullmatch(r"  (\w+):", line):
            logical_id = resource[1]
        if line == "      CodeUri: .":
            line = f"      CodeUri: {logical_id}"
        elif layer := re.fullmatch(r"      ContentUri: (.+)", line):
            line = f"      ContentUri: {os.path.relpath(ROOT / layer[1], build)}"
        line = re.sub(ARCHITECTURE, f"Architectures: [{arch}]", line)
        lines.append(re.sub(r"(layer:opentelemetry-collector)-a\w+64-", rf"\1-{ARCHITECTURES[arch][1]}-", line))
    return "\n".join(lines) + "\n"


def compare(binaries: Path, arch: str, functions: dict[str, str]) -> None:
    """Compiles a copy of the checkout in another folder, and compares the functions' hashes."""
    with tempfile.TemporaryDirectory(prefix="sam-build-check-") as folder:
        copy = Path(folder) / "copy"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        for name in listed.stdout.decode().rstrip("\0").split("\0"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        (copy / ".tools").symlink_to(ROOT / ".tools")
        second = compile_functions(copy, arch, functions)
        files = [Path(name) / "bootstrap" for name in functions.values()]
        different = [str(file.parent) for file in files if sha256(binaries / file) != sha256(second / file)]
    if different:
        sys.exit(f"error: another build in another folder gives other binaries: {', '.join(different)}")
    print(f"the same {len(files)} binaries from both folders")


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def display(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    main()
