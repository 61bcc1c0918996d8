#!/usr/bin/env bash
# Prints the name of a base image in which `sam local` can run the functions of `make build`. Progress goes to stderr.
#
# That is AWS's image, if it is here or can be pulled, and if the functions start in it: they are linked against the C library
# of this machine, which may be newer than the image's. Otherwise it is an image made of this machine's own C library and
# certificates, which takes a second and downloads nothing. SAM_IMAGE names another one.
#
# Usage: image.sh <folder of the functions' binaries>
set -euo pipefail

binaries=$1
aws=public.ecr.aws/lambda/provided:al2023
own=order-system-lambda
say() { echo "$@" >&2; }
use() { echo "$1"; exit; }
exists() { docker image inspect "$1" >/dev/null 2>&1; }

# Without settings a function ends with an error of its own. If the C library is too old, the dynamic linker's error comes first.
starts_in() {
  local output
  output=$(timeout 60 docker run --rm --network none --volume "$binaries/order:/order:ro" --entrypoint /order "$1" 2>&1 || true)
  [[ $output == error:* ]]
}

[[ -z ${SAM_IMAGE:-} ]] || use "$SAM_IMAGE"
if exists "$aws" && starts_in "$aws"; then use "$aws"; fi

for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [[ -s $certificates ]] && break
done
[[ -s $certificates ]] || { say "error: this machine has no CA certificates: apt-get install ca-certificates"; exit 1; }

# What the functions need, and the three programs with which sam adds Lambda's runtime emulator to the image.
programs=(/bin/sh "$(command -v mv)" "$(command -v chmod)")
libraries() { ldd "$@" | grep -o '/[^ :)]*' | grep '\.so' | sort -u; }
mapfile -t files < <(libraries "$binaries/order" "${programs[@]}")
tag=$(cat "$0" "${programs[@]}" "${files[@]}" "$certificates" | sha256sum | cut -c 1-12)
if exists "$own:$tag"; then use "$own:$tag"; fi

if ! exists "$aws"; then
  say "pulling $aws"
  timeout 300 docker pull --quiet "$aws" >/dev/null 2>&1 || say "it cannot be pulled"
  if exists "$aws" && starts_in "$aws"; then use "$aws"; fi
fi

say "making the image $own:$tag from this machine's C library"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc/ssl/certs,opt,tmp,var/rapid,var/runtime,var/task}
chmod 1777 "$root/tmp"
cp --dereference "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
cp --dereference "${programs[@]}" "$root/bin/"
for file in "${files[@]}"; do
  install -D "$(readlink -f "$file")" "$root$file"
done
# sam derives an image from this one (rapid-<architecture>), and would keep using the one that it derived from a predecessor.
# The derived one goes first, because it depends on the other.
docker image ls --format '{{.Repository}}:{{.Tag}}' "$own" | sort --reverse |
  xargs --no-run-if-empty --max-args=1 docker image rm --force >/dev/null
tar --create --directory "$root" . | docker import --change 'ENV PATH=/bin' --change 'WORKDIR /var/task' - "$own:$tag" >/dev/null
starts_in "$own:$tag" || { say "error: the functions do not start in $own:$tag"; exit 1; }
use "$own:$tag"
