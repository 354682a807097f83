#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The model's extensions on top of a module that has none: the conformance suite with the model in profile 1.5.01 for
# that module, in a host process; and behind the monitor, with a module of our own for it.

. "$(dirname "$0")/lib.sh"
build=${BUILD:-build}
tdxt=$build/host/tdxt
module=$build/standin.so
log=$work/log

expect "what it takes is built" make --no-print-directory -s "$tdxt" "$module"

# ---- in a host process ----

label="tdxt run --profile overlay"
"$tdxt" run --profile overlay tests/conformance/*.tdxt >"$out" 2>"$err"
status=$?
expect_status 0 "the suite passes"
expect_out ' 0 failed, 0 expected to fail, 0 in error' "not even a doubtful case fails"
for case in ext.mem_add.whole_pool_in_batches ext.init.after_the_pool quote.init_after_ext_init; do
    expect_out "^PASS +$case" "$case is not left out"
done
refuse_out 'SKIP .*a module with extensions' "nothing is skipped for want of extensions"

# ---- behind the monitor ----

said() { # said REGEX NAME: a line of the monitor's log matches
    has "$log.monitor" "$1"
    point $? "$2"
}

launch --subject genuine --module "$module" --overlay ext --smp 1 --log "$log" --script tests/standin/abi.tdxt \
    --run standin.abi.init_once
expect_status 0 "what the module answers by itself stays its own"
expect_out '^# seamstress: subject: genuine module with overlay ext on the Seamstress monitor' "the log says what was tested"
said 'overlay ext: the soft model answers EXT.MEM.ADD, EXT.INIT' "the monitor says what isn't the module's"
launch --subject genuine --module "$module" --smp 1 --log "$log" --script tests/standin/abi.tdxt \
    --run standin.abi.init_once
expect_out '^# seamstress: subject: genuine module on the Seamstress monitor' "without the option there is no word of it"

finish
