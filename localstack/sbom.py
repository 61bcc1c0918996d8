"""The functions' software bill of materials, as CycloneDX 1.5: what `cargo` resolves for their packages and a target, without
what only builds and tests use. It has no time and no random id, so that the same sources give the same file."""

import json
import subprocess
import tomllib
from pathlib import Path


def bill(root: Path, packages: list[str], target: str) -> dict:
    resolved = resolved_packages(root, packages, target)
    metadata = cargo_json(root, "metadata", "--format-version", "1", "--locked", "--filter-platform", target)
    by_id = {package["id"]: package for package in metadata["packages"]}
    lock = tomllib.loads((root / "Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}

    def used(id: str) -> bool:
        return (by_id[id]["name"], by_id[id]["version"]) in resolved

    components, dependencies = [], []
    for node in metadata["resolve"]["nodes"]:
        if not used(node["id"]):
            continue
        package = by_id[node["id"]]
        kind = "application" if package["name"] in packages else "library"
        components.append(component(package, kind, checksums[(package["name"], package["version"])]))
        normal = {d["pkg"] for d in node["deps"] if any(kind["kind"] is None for kind in d["dep_kinds"])}
        needed = sorted(reference(by_id[id]) for id in normal if used(id))
        dependencies.append({"ref": reference(package), "dependsOn": needed})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "functions", "name": f"functions for {target}"}},
        "components": sorted(components, key=lambda component: component["bom-ref"]),
        "dependencies": sorted(dependencies, key=lambda dependency: dependency["ref"]),
    }


def resolved_packages(root: Path, packages: list[str], target: str) -> set[tuple[str, str]]:
    """Name and version of everything that is linked into the packages. `cargo tree` selects features for these packages alone,
    as their build does; `cargo metadata` selects them for the whole workspace."""
    selected = [argument for package in packages for argument in ("--package", package)]
    command = ["cargo", "tree", "--locked", "--edges", "normal", "--target", target, "--prefix", "none", "--format", "{p}"]
    tree = subprocess.run([*command, *selected], cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = (line.split() for line in tree.splitlines() if line)
    # A procedural macro runs in the compiler only.
    return {(name, version.removeprefix("v")) for name, version, *rest in lines if "(proc-macro)" not in rest}


def component(package: dict, kind: str, checksum: str | None) -> dict:
    described = {
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package["license"]:
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def reference(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def cargo_json(root: Path, *arguments: str) -> dict:
    return json.loads(subprocess.run(["cargo", *arguments], cwd=root, check=True, stdout=subprocess.PIPE).stdout)
