#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every example of the documentation does what it says: the scripts (blocks marked tdxt) on the host and in QEMU, the
# commands of docs/adding-tests.md, and each verb of the language has an example.

. "$(dirname "$0")/lib.sh"
label='examples of the documentation'

tdxt=build/host/tdxt
make --no-print-directory -s $tdxt >"$out" 2>"$err" || point 1 "the scripts' tool builds"

# blocks LANGUAGE FILE: its blocks as files, in the scratch directory, numbered
awk -v to="$work/example" '
    /^```tdxt$/ { file = sprintf("%s-%02d.tdxt", to, ++n); next }
    /^```/ && file { close(file); file = ""; next }
    file { print > file }' docs/scripting.md
set -- "$work"/example-*.tdxt
expect "docs/scripting.md has examples" test -e "$1"

for example; do
    name="example ${example##*-}: $(sed -n 2p "$example")"
    $tdxt run "$example" >"$out" 2>"$err"
    status=$?
    expect_status 0 "$name: runs on the host"
    refuse_out 'SKIP' "$name: nothing is skipped"
done

# Examples repeat suite names, so each has a boot of its own; the first and the last will do here.
for example in "$1" "$work/example-$(printf %02d $#).tdxt"; do
    launch --script "$example"
    expect_status 0 "example ${example##*-} runs in QEMU"
done

cat "$@" >"$work/all"
for verb in suite test source need timeout row from bring call each expect write fill require for end par inject knob \
    platform install say; do
    expect "there is an example of '$verb'" grep -Eq "^ *$verb( |\$)" "$work/all"
done

sed -n 's/^ *\(build\/host\/tdxt .*\)/\1/p; s/^ *\(make build.*\)/\1/p' docs/adding-tests.md >"$work/commands"
while read -r command; do
    sh -c "$command" >"$out" 2>"$err"
    status=$?
    expect_status 0 "docs/adding-tests.md: $command"
done <"$work/commands"
finish
