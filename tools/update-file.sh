#!/bin/sh
# SPDX-License-Identifier: MIT
# update-file.sh FILE: FILE becomes what stands on stdin, and keeps its date if it is that already.
set -eu
new=$(cat)
[ -f "$1" ] && [ "$new" = "$(cat "$1")" ] && exit 0
mkdir -p "$(dirname "$1")"
printf '%s\n' "$new" >"$1"
