#!/bin/sh
# SPDX-License-Identifier: MIT
# Scripts on the command line: good and bad ones, by every way in, and what their log is good for.

. "$(dirname "$0")/lib.sh"
mkdir "$work/s"

script() { # script NAME: standard input becomes $work/s/NAME.tdxt
    cat >"$work/s/$1.tdxt"
}

run() { # run NAME OPTION...: that script
    name=$1
    shift
    launch --script "$work/s/$name.tdxt" "$@"
}

not_booted() {
    refuse_out '.' "$1: nothing is booted"
}

# ---- what is good ----

script my <<'TEXT'
suite my
source project

test first
  from initialised
  call SYS.RD rcx=0 rdx=TDX_FEATURES0
  expect SUCCESS, rcx unchanged
  say "features", r8

test rows
  row unknown     field=1 << 47
  row another     field=1 << 55
  from initialised
  call SYS.RD rcx=0 rdx=field unchanged
  expect rax >> 63 == 1

test together
  need cpus>=2
  from initialised
  par
    call SYS.RD rcx=0 rdx=TDX_FEATURES0 @cpu0
    call SYS.RD rcx=0 rdx=TDX_FEATURES0 @cpu1
  end
  expect rax[0] == SUCCESS, rax[1] == SUCCESS

test storm
  need cpus>=2
  from ready
  inject ipi @cpu1 every 50 us
  inject timer @cpu0 every 50 us
  for i in 0..20
    call SYS.RD rcx=0 rdx=TDX_FEATURES0 @cpu1 expect SUCCESS
    call SYS.RD rcx=0 rdx=TDX_FEATURES0 @cpu0 expect SUCCESS
  end

test lists
  from ready
  need ext
  pages = alloc(8)
  fill pages 32K 0x1234
  expect filled(pages, 32K, 0x1234) == 1
  list = hpa_list(pages, 0, 8)
  call EXT.MEM.ADD rcx=list resume outputs expect SUCCESS
  expect owner(pages) == OWNER.POOL, owner(list_page(list)) == OWNER.HOST
TEXT
sed -i '/^  need ext$/d; s/^test lists$/&\n  need ext/' "$work/s/my.tdxt"
run my
expect_status 0 "a good script: exit 0"
expect_out '^1\.\.6$' "the plan is of its cases alone"
expect_out '^ok 1 my\.first$' "its cases have results"
expect_out '^ok 2 my\.rows\.unknown$' "a row is a case"
expect_out '^ok 6 my\.lists$' "and they are numbered through"
expect_out '^# begin my\.first \(project\)$' "the source is announced"
expect_out '^# 6 passed, 0 failed, 0 skipped$' "nothing else runs"
expect "no line is longer than 160 columns" test -z "$(tr -d '\r' <"$out" | awk 'length > 160')"
verdicts=$(tr -d '\r' <"$out" | grep '^ok')

for options in '--boot bios' '--smp 1' '--smp 8,packages=2 --mem 1G' '--mem 128M' '--profile 1.5.01' '--profile dpamt'; do
    # shellcheck disable=SC2086 # words
    run my $options
    expect_status 0 "$options: exit 0"
    [ "$options" != '--boot bios' ] ||
        expect "$options: same verdicts" test "$verdicts" = "$(tr -d '\r' <"$out" | grep '^ok')"
done
run my --subject hardware
expect_status 77 "a machine without TDX: exit 77"
expect_out '^ok 1 my\.first # SKIP this machine has no TDX' "with the reason"
run my --subject hardware --boot bios
expect_status 77 "the same through GRUB"

# ---- choosing ----

run my --list
expect_status 0 "--list: exit 0"
expect "--list names the cases" test "$(grep -c '^# case my\.' "$out")" -eq 6
run my --run 'my.rows.*'
expect_status 0 "--run: exit 0"
expect_out '^1\.\.2$' "--run: what matches"
run my --run 'your.*'
expect_status 2 "--run that matches nothing: exit 2"

script your <<'TEXT'
suite your
source linux
test only
  from reset
  call SYS.INIT rcx=0 expect SUCCESS
TEXT
run my --script "$work/s/your.tdxt" --run '*.?n*' --list
expect "several scripts, in order" test \
    "$(sed -n 's/^# case \([^ ]*\).*/\1/p' "$out" | tr '\r\n' '  ' | tr -s ' ')" = 'my.rows.unknown my.rows.another your.only '

# ---- -v: the log of a run is a script ----

run my -v --run 'my.[lf]i*' --run my.lists
{
    printf 'suite again\ntest traced\n  source project\n'
    tr -d '\r' <"$out" | sed -n '/^# begin my.lists/,/^# result/{ /^# begin/d; /^# result/d; s/^# //; p; }'
} >"$work/s/again.tdxt"
expect "-v prints every step" grep -q '^ *call EXT.MEM.ADD rcx=0x' "$work/s/again.tdxt"
launch --lint "$work/s/again.tdxt"
expect_status 0 "what -v prints has no mistakes"
expect_out '^1 files, 1 cases$' "--lint counts"

# ---- what fails ----

script fails <<'TEXT'
suite fails
source module-1.5.01
test here
  from reset
  call SYS.INIT rcx=1 expect \
       SUCCESS
test passes
  from reset
  call SYS.INIT rcx=0 expect SUCCESS
TEXT
(cd "$work" && "$root/run-qemu.sh" --smp 2 --script s/fails.tdxt >"$out" 2>"$err")
status=$?
label="a script that fails"
expect_status 1 "a failing script: exit 1"
expect_out '^# FAILED fails\.tdxt:5: .*call SYS\.INIT rcx=1' "the line of the script"
expect_out 'expected SUCCESS' "what was expected"
expect_out '0xc000010000000001 OPERAND_INVALID operand=RCX' "the decoded status"
expect_out ' in +rcx=0x1 ' "registers in"
expect_out ' out +rcx=0x0 ' "registers out"
expect_out 'hint: ' "a hint"
expect_out '^not ok 1 fails\.here$' "the verdict"
expect_out '^ok 2 fails\.passes$' "the next case is none the worse"
again=$(tr -d '\r' <"$out" | sed -n "s/^#  *again: //p")
expect "the command that runs it again" test "$again" = "./run-qemu.sh --script s/fails.tdxt --smp 2 --run 'fails.here'"
(cd "$work" && eval "$root/${again#./}" >"$out" 2>"$err")
expect_out '^1\.\.1$' "run again: this case alone"
expect_out '^not ok 1 fails\.here$' "run again: the same verdict"

script bug <<'TEXT'
suite bug
source project
test known
  xfail "the module can't"
  from reset
  call SYS.INIT rcx=1 expect SUCCESS
test mended
  xfail until 99.0.0 "the module can't"
  from reset
  call SYS.INIT rcx=0 expect SUCCESS
TEXT
run bug --run bug.known
expect_status 0 "a failure that was expected: exit 0"
expect_out "^ok 1 bug\.known # XFAIL the module can't$" "with the reason"
run bug
expect_status 2 "one that is gone: exit 2"
expect_out '^not ok 2 bug\.mended # ERROR passes, expected to fail' "and says so"

# ---- what nothing can come of ----

script endless <<'TEXT'
suite endless
source project
test loop
  from reset
  for a in 0..0xffffffffffff
    b = a
  end
test slow
  timeout 1
  from initialised
  for a in 0..1000000
    call SYS.RD rcx=0 rdx=TDX_FEATURES0
  end
test greedy
  from reset
  all = alloc(0x100000)
test stray
  from reset
  write in_seamrr() = 1
test kernel
  from reset
  fill 0x200000 64K 0
test kernel_as_operand
  from ready
  call MNG.CREATE rcx=0x200000 rdx=keyid(1)
test kernel_in_a_list
  from ready
  info = hpa_list(alloc(1), 0, 1)
  write list_page(info) = 0x200000
  call EXT.MEM.ADD rcx=info
test late
  from reset
  call SYS.INIT rcx=0 expect SUCCESS
TEXT
run endless
expect_status 2 "scripts that can't work: exit 2"
expect_out '^not ok 1 endless\.loop # ERROR more than [0-9]+ steps' "a loop that doesn't end"
expect_out "^not ok 2 endless\.slow # ERROR the case's 1 s are over" "a case that takes too long"
expect_out '^ok 3 endless\.greedy # SKIP needs 1048576 pages' "more memory than there is"
expect_out '^not ok 4 endless\.stray # ERROR ' "SEAMRR isn't written to"
expect_out '^not ok 5 endless\.kernel # ERROR no ordinary memory' "nor is the kernel"
expect_out '^not ok 6 endless\.kernel_as_operand # ERROR rcx: 0x200000 is memory that the kernel runs on' \
    "the kernel isn't given away as a page"
expect_out '^not ok 7 endless\.kernel_in_a_list # ERROR an entry of the list' "nor in a list"
expect_out '^ok 8 endless\.late$' "and the next case runs"
run endless --run endless.greedy
expect_status 77 "a script that is skipped: exit 77"

# ---- mistakes, found before anything is booted ----

script broken <<'TEXT'
suite broken
source project
test typo
  from redy
  call SYS.INT rcx=0
TEXT
run broken
expect_status 2 "a broken script: exit 2"
expect_err "^$work/s/broken\.tdxt:4:8: .*redy.*did you mean ready\?" "file, line, column, and what was meant"
expect_err 'broken\.tdxt:5:8: .*did you mean SYS\.INIT\?' "all mistakes, not only the first"
expect_err '^run-qemu\.sh: mistakes in scripts' "and the end of it"
not_booted "a broken script"
(cd "$work/s" && "$root/run-qemu.sh" --lint broken.tdxt my.tdxt >"$out" 2>"$err")
status=$?
expect_status 2 "--lint: exit 2"
expect_err '^broken\.tdxt:4:8: ' "--lint: by the name that was given"

: >"$work/s/empty.tdxt"
run empty
expect_status 2 "an empty script: exit 2"
expect_err 'empty\.tdxt:1:1: ' "an empty script: says so"
not_booted "an empty script"
head -c 100000 build/seamstress.elf >"$work/s/noise.tdxt"
run noise
expect_status 2 "no text at all: exit 2"
not_booted "no text at all"
cp "$work/s/your.tdxt" "$work/s/other.tdxt"
run your --script "$work/s/other.tdxt"
expect_status 2 "the same ids twice: exit 2"
expect_err 'other\.tdxt:3:.*your\.only' "the same ids twice: where"
not_booted "the same ids twice"

{
    cat "$work/s/your.tdxt"
    yes '# nothing to see here, but a lot of it' | head -n 50000
} >"$work/s/huge.tdxt"
run huge
expect_status 0 "two megabytes of script: exit 0"
{
    printf 'suite many\nsource project\n'
    for i in $(seq 4097); do
        printf 'test t%d\n  from reset\n' "$i"
    done
} >"$work/s/many.tdxt"
run many
expect_status 2 "more cases than fit: exit 2"
not_booted "more cases than fit"

# ---- the kernel doesn't rely on the host ----

packed() { # packed FILE...: the kernel with these scripts, as nobody looked at them
    tools/pack-cpio.sh "$work/archive" build/seamstress.elf "$@"
    bare "$(with_archive "$work/archive")" --append suite=scripts
}

refused() { # refused REGEX NAME: after packed(): "error", nothing ran, and the log says why
    [ "$status" -eq 37 ] && has "$out" "$1" && has "$out" '^1\.\.0 ' && ! has "$out" '^(not )?ok '
    point $? "$2"
}

packed "$work/s/my.tdxt"
expect_status 33 "the kernel takes a good script"
packed "$work/s/my.tdxt" "$work/s/broken.tdxt"
refused '^# broken\.tdxt:4:8: .*redy' "a broken script among good ones"
packed "$work/s/empty.tdxt"
refused '^# empty\.tdxt:1:1: ' "an empty script"
packed "$work/s/noise.tdxt"
refused '^# noise\.tdxt:[0-9]+:' "no text at all"
packed "$work/s/your.tdxt" "$work/s/other.tdxt"
refused '^# other\.tdxt:3:.*your\.only' "the same ids twice"
packed "$work/s/many.tdxt"
refused '^# many\.tdxt:' "more cases than fit"
script clash <<'TEXT'
suite bringup.detect
source project
test step
  from reset
TEXT
packed "$work/s/clash.tdxt"
refused "^# clash\.tdxt:3:1: there is a built-in case called 'bringup\.detect\.step'" "the id of a built-in case"
packed
refused 'no case to run' "nothing to run"
launch --append suite=nonsense
expect_status 2 "an unknown suite: exit 2"
expect_out 'suite=nonsense: use all, bringup or scripts' "an unknown suite: says so"

finish
