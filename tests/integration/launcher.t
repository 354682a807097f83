#!/bin/sh
# SPDX-License-Identifier: MIT
# What run-qemu.sh asks of QEMU, of make and of the package manager, and what it leaves behind. All three pretend.

. "$(dirname "$0")/lib.sh"
fake_tools

# ---- the QEMU command ----

launch --dry-run
expect_status 0 "--dry-run leaves with 0"
expect "--dry-run prints one line" test "$(wc -l <"$out")" -eq 1
expect "--dry-run builds nothing" test ! -e "$work/make-called"
expect "--dry-run starts nothing" test ! -e "$work/qemu-called"
expect_out ' -accel tcg,thread=multi ' "always TCG"
refuse_out 'kvm' "never KVM"
expect_out ' -cpu max,vendor=GenuineIntel,phys-bits=52 ' "the CPU model"
expect_out ' -smp 4,sockets=1,cores=4,threads=1 ' "4 processors by default"
expect_out ' -m 2048M -object memory-backend-ram,id=ram,size=2048M,reserve=off ' "2 GiB, sparse"
expect_out " -kernel build/seam.elf -initrd build/seamstress.cpio " "monitor and archive"
expect_out " -append 'profile=ext topology=default -- ' " "monitor options by default"
expect_out ' -no-reboot .*isa-debug-exit,iobase=0xf4,iosize=4' "a way out"

launch --dry-run --smp 8,packages=2 --mem 8G --run 'bringup.*' -v --append 'crash=ud' --append x=1 \
    --fault ext.mem_add:17=0xC000010000000001 --profile 1.5.01
expect_out ' -smp 8,sockets=2,cores=4,threads=1 ' "packages become sockets"
expect_out ' -m 8192M ' "--mem in GiB"
fault=ext.mem_add:17=0xC000010000000001
expect_out "'profile=1.5.01 topology=default fault=$fault -- run=bringup.\* verbose=1 crash=ud x=1 again=[^ ]*'" \
    "monitor options before ' -- ', kernel options behind it"
expect_out " again=--profile\+1.5.01\+--fault\+$fault\+--smp\+8,packages=2\+--mem\+8G\+--append\+crash=ud\+--append\+x=1'" \
    "and with them what another run needs"
launch --dry-run --fault ext.mem_add:3x2=SYS_BUSY --fault EXT.INIT:1=SW_VMFAIL_INVALID --list
expect_out " fault=ext.mem_add:3x2=SYS_BUSY fault=EXT.INIT:1=SW_VMFAIL_INVALID -- list=1'" "several faults, by number or name"
launch --dry-run --fault msr=0x982:+0@lp1 --fault smrr=unlocked --list
expect_out " fault=msr=0x982:\+0@lp1 fault=smrr=unlocked -- list=1'" "faults of the machine"
launch --dry-run --fault msr=0x982:+0@lp1
expect_out " again=--fault\+msr=0x982:~p0@lp1'" "and with them what another run needs"
launch --dry-run --topology two-packages
expect_out ' -smp 4,sockets=2,cores=2,threads=1 ' "two-packages: two sockets"
launch --dry-run --topology emerald-rapids
expect_out ' -m 262080M ' "emerald-rapids: the memory its CMRs need"
launch --dry-run --topology emerald-rapids --mem 1T
expect_out ' -m 1048576M ' "emerald-rapids: more memory is fine"
launch --dry-run --subject hardware --append x=1
expect_out " -kernel build/seamstress.elf -initrd build/suite.cpio -append 'x=1 again=[^ ]*' " "hardware: kernel and suite alone"
launch --dry-run --subject genuine --module LICENSE --run 'a*'
expect_out ' -cpu max,vendor=GenuineIntel,phys-bits=52,-rdrand,-rdseed ' "genuine: random numbers come from the monitor"
expect_out " -kernel build/seam.elf -initrd [^ ]*/seamstress/seamstress.cpio " "genuine: another archive"
expect_out " -append 'subject=genuine module=tdx-module traps=inring topology=default -- run=a\* again=[^ ]*' " "genuine: monitor options"
expect_out " again=--subject\+genuine\+--module\+LICENSE'" "genuine: what another run needs"
launch --dry-run --subject genuine --module LICENSE --overlay ext --traps exits --keys stop --snapshots off --seed 0x4d2 \
    --topology two-packages --fault sys.init:1=SYS_BUSY --boot bios
expect_out "=monitor subject=genuine module=tdx-module overlay=ext traps=exits keys=stop snapshots=off seed=0x4d2 topology=.* -- " \
    "genuine, bios: entry and all options"
expect_out " again=--subject\+genuine\+--module\+LICENSE\+--overlay\+ext\+--traps\+exits\+--keys\+stop\+--snapshots\+off\+--seed\+0x4d2\+" \
    "genuine: what another run needs, with all options"
expect_out " -cdrom [^ ]*/seamstress/seamstress.iso " "genuine, bios: another ISO"
launch --dry-run --boot bios --fault ext.mem_add:17=0xC000010000000001 --append 'x=1,2'
expect_out " -cdrom build/seamstress.iso -smbios 'type=1,serial=monitor profile=ext topology=default fault=[^ ]* -- x=1,,2 again=[^ ]*' " \
    "bios: entry and arguments in the SMBIOS serial number"
launch --dry-run --boot bios --subject hardware
expect_out " -cdrom build/seamstress.iso -smbios 'type=1,serial=machine again=[^ ]*' " "bios: the machine itself"

mkdir "$work/a+b ~"
touch "$work/a+b ~/odd.tdxt" "$work/my.tdxt" "$work/my~+.tdxt"
(cd "$work" && "$root/run-qemu.sh" --dry-run --script my.tdxt --mem 1G >"$out" 2>"$err")
expect_out " -initrd [^ ]*/seamstress/seamstress.cpio " "--script: another archive"
expect_out " -- suite=scripts again=--script\+my.tdxt\+--mem\+1G'" "--script: nothing but scripts, by the name that was given"
launch --dry-run --topology two-packages --smp 8
expect_out " again=--topology\+two-packages\+--smp\+8'" "again: processors and packages of a topology"
launch --dry-run --script "$work/my.tdxt" --boot bios
expect_out " -cdrom [^ ]*/seamstress/seamstress.iso " "--script, bios: another ISO"
launch --dry-run --script "$work/my.tdxt" --subject hardware
expect_out " -kernel build/seamstress.elf -initrd [^ ]*/seamstress/suite.cpio " "--script, hardware: another suite"
launch --dry-run --append 'a+b~c'
expect_out " again=--append\+a~pb~tc'" "again: '+' and '~' are told from blanks"
launch --dry-run --script "$work/a+b ~/odd.tdxt"
refuse_out ' again=' "again: what wouldn't come out as it went in is left out"
launch --dry-run --append "x=$(head -c 600 /dev/zero | tr '\0' x)"
expect_status 0 "again: a long command line does without it"
refuse_out ' again=' "again: a long command line does without it"
launch --dry-run --append "it's"
taken_back() { # taken_back WORD: the shell reads this word in the printed command
    wanted=$1
    eval "set -- $(cat "$out")"
    for word; do
        [ "$word" != "$wanted" ] || return 0
    done
    return 1
}
expect "--dry-run prints what a shell takes back" taken_back "profile=ext topology=default -- it's"
launch --dry-run --log "$work/kept"
expect_out "file:$work/kept .*file:$work/kept.monitor" "--dry-run with --log names the files"
expect "--dry-run makes no log" test ! -e "$work/kept"
launch --dry-run --gdb
expect_out ' -gdb tcp::1234 -S ' "--gdb waits for a debugger"
DEBUG=1 launch --dry-run
expect_out ' -kernel build/debug/seam.elf -initrd build/debug/seamstress.cpio ' "DEBUG=1: the other build"

# ---- what is built ----

printf '%s\n' 'KTAP version 1' '1..1' 'ok 1 a' '# end of seamstress log' >"$work/com1"
echo 33 >"$work/status"
launch
expect_status 0 "direct boot"
expect "direct boot builds monitor and archive" has "$work/make-called" \
    ' build/seam.elf build/seamstress.elf build/seamstress.cpio$'
rm "$work/make-called"
launch --boot bios
expect "bios boot builds the ISO too" has "$work/make-called" ' build/seamstress.iso$'

# ---- what it leaves behind ----

mkdir "$work/tmp" "$work/elsewhere"
export TMPDIR="$work/tmp"
echo "monitor speaks" >"$work/com2"
(cd "$work/elsewhere" && "$root/run-qemu.sh" --log 'my, log' >"$out" 2>"$err")
status=$?
label="run-qemu.sh --log 'my, log' from elsewhere"
expect_status 0 "runs from any directory"
expect "--log keeps the kernel's log, named from where one stands" cmp "$work/com1" "$work/elsewhere/my, log"
expect "--log keeps the monitor's log" cmp "$work/com2" "$work/elsewhere/my, log.monitor"
expect "no temporary files stay" rmdir "$work/tmp"
mkdir "$work/tmp"

./run-qemu.sh 2>"$err" | true
expect "a reader that goes away does no harm" test ! -s "$err"

echo 41 >"$work/status"
./run-qemu.sh 2>&1 >"$out" | true
expect "nor one that doesn't want to know why: no temporary files stay" rmdir "$work/tmp"
mkdir -p "$work/tmp"
echo 33 >"$work/status"

for signal in INT TERM HUP; do
    echo 47 >"$work/sleep"
    env --default-signal=INT ./run-qemu.sh >"$out" 2>"$err" &
    launcher=$!
    sleep 1
    kill -$signal $launcher
    wait $launcher
    status=$?
    label="run-qemu.sh and SIG$signal"
    expect "SIG$signal ends it with a status that no verdict has" test $status -ge 128
    expect "SIG$signal: no temporary files stay" rmdir "$work/tmp"
    mkdir -p "$work/tmp"
    expect "SIG$signal: QEMU is gone" sh -c "! ps -eo args | grep -v grep | grep -F '$work/bin/qemu-system'"
done
echo 0 >"$work/sleep"

# ---- packages ----

# A PATH with everything of this machine but QEMU, and a package manager that notes what it is asked.
mkdir "$work/path" "$work/here"
ln -s /usr/bin/* "$work/path/"
rm -f "$work/path/qemu-system-x86_64" "$work/path/grub-mkrescue" "$work/path/sudo" "$work/path/apt-get"
cat >"$work/here/apt-get" <<TEXT
#!/bin/sh
echo "apt-get \$*" >>"$work/apt-called"
case "\$*" in *install*) [ -e "$work/apt-fails" ] || cp "$work/bin/qemu-system-x86_64" "$work/here/" ;; esac
[ ! -e "$work/apt-fails" ]
TEXT
printf '#!/bin/sh\ncat "%s"\n' "$work/uid" >"$work/here/id"
cp "$work/bin/make" "$work/here/"
chmod +x "$work/here/"*
echo 0 >"$work/uid"
without_qemu() { # without_qemu COMMAND...: as launch, for any command
    rm -f "$work/apt-called" "$work/make-called" "$work/qemu-called" "$work/here/qemu-system-x86_64"
    label="$* without QEMU"
    PATH=$work/here:$work/path "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

DEPS=0 without_qemu ./run-qemu.sh
expect_status 2 "DEPS=0 without QEMU: 2"
expect "DEPS=0: one line" test "$(wc -l <"$err")" -eq 1
expect_err 'type: apt-get update && apt-get install -y --no-install-recommends qemu-system-x86$' "DEPS=0: the exact command"
expect "DEPS=0: nothing is installed or built" test ! -e "$work/apt-called" -a ! -e "$work/make-called"
DEPS=0 without_qemu ./run-qemu.sh --boot bios
expect_err 'no-install-recommends qemu-system-x86 grub-common$' "bios boot needs GRUB too"

without_qemu ./run-qemu.sh
expect_status 0 "without QEMU: it is installed, then the run goes on"
expect_err '^  qemu-system-x86 +the machine' "it says what and why"
expect "update once, then install without recommends" sh -c "[ \$(wc -l <'$work/apt-called') -eq 2 ] &&
    sed -n 1p '$work/apt-called' | grep -q 'DPkg::Lock::Timeout=300 update\$' &&
    sed -n 2p '$work/apt-called' | grep -q 'install -y --no-install-recommends qemu-system-x86\$'"

touch "$work/apt-fails"
without_qemu ./run-qemu.sh
expect_status 2 "a package manager that fails: 2"
expect "and nothing is built" test ! -e "$work/make-called"
rm "$work/apt-fails"

echo 1000 >"$work/uid"
without_qemu tools/install-deps.sh run
expect_status 2 "neither root nor sudo: 2"
expect_err 'type: sudo apt-get update && sudo apt-get install' "neither root nor sudo: the command to type"
printf '#!/bin/sh\necho sudo >>"%s"\nexec "$@"\n' "$work/sudo-called" >"$work/here/sudo"
chmod +x "$work/here/sudo"
without_qemu tools/install-deps.sh run
expect_status 0 "not root: installs"
expect "through sudo" test -s "$work/sudo-called"

mv "$work/here/apt-get" "$work/apt-get"
without_qemu tools/install-deps.sh run
expect_status 2 "no apt-get: 2"
expect_err 'has no apt-get' "no apt-get: says so"
without_qemu tools/install-deps.sh build
expect_status 0 "nothing missing: 0"
expect "nothing missing: silent" test ! -s "$out" -a ! -s "$err"
without_qemu tools/install-deps.sh nonsense
expect_status 2 "an unknown set: 2"

# As if all that is needed were there, and nothing that is merely useful.
sed -e 's,^\( *\)need [^ ]*,\1need sh,' -e 's,^\( *\)want [^ ]*,\1want /nowhere,' tools/install-deps.sh >"$work/deps.sh"
DEPS=0 without_qemu sh "$work/deps.sh" check
expect_status 0 "something useful is missing, DEPS=0: 0"
expect_err 'going on without libtap-formatter-junit-perl; type: ' "something useful is missing: says so"
mv "$work/apt-get" "$work/here/apt-get"
without_qemu sh "$work/deps.sh" check
expect "something useful is missing: tries to install it" grep -q ' libtap-formatter-junit-perl$' "$work/apt-called"
touch "$work/apt-fails"
without_qemu sh "$work/deps.sh" check
expect_status 0 "and lives with a failure"

finish
