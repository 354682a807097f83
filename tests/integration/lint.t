#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Formatting, static analysis and house rules. Tools whose findings change with their version judge only in the
# version of Debian 12; elsewhere those points are skipped, so that a newer machine doesn't fail for a newer opinion.

. "$(dirname "$0")/lib.sh"
label=lint

if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard >"$work/listed"
else
    find . -path ./build -prune -o -type f -print | sed 's,^\./,,' >"$work/listed"
fi
while read -r file; do
    [ ! -e "$file" ] || echo "$file"
done <"$work/listed" | sort -u >"$work/files"

files() { # files REGEX: those whose path matches
    grep -E "$1" "$work/files"
}

none() { # none COMMAND...: it prints nothing
    found=$("$@" 2>&1)
    [ -z "$found" ] || {
        printf '%s\n' "$found"
        return 1
    }
}

judged_by() { # judged_by TOOL VERSION NAME COMMAND...; VERSION '' = any
    tool=$1
    version=$2
    name=$3
    shift 3
    if ! command -v "$tool" >/dev/null 2>&1; then
        skip "no $tool here; tools/install-deps.sh lint installs it" "$name"
    elif [ -n "$version" ] && ! "$tool" --version | grep -Eq "(^| )$version(\.|$)"; then
        skip "judged by $tool $version only" "$name"
    else
        expect "$name" "$@"
    fi
}

unformatted() {
    for file; do
        clang-format --dry-run --Werror "$file" 2>/dev/null || echo "$file: run clang-format -i on it"
    done
}

parses() {
    for file; do
        sh -n "$file" || return 1
    done
}

sources=$(files '\.[ch]$')
units=$(files '\.c$')
scripts=$(files '\.(sh|t)$|^\.ci/run$')
pythons=$(files '\.py$')

# shellcheck disable=SC2086 # lists of file names, none with blanks
{
    judged_by clang-format 14 "C is formatted" none unformatted $sources
    judged_by cppcheck 2.10 "cppcheck finds nothing" none cppcheck -q -j2 --enable=warning,portability,performance \
        --std=c11 --platform=unix64 -I. --inline-suppr --suppressions-list=.cppcheck-suppressions \
        --template='{file}:{line}: {id}: {message}' $units
    judged_by shellcheck '' "shellcheck finds nothing" shellcheck $scripts
    judged_by pyflakes3 '' "pyflakes finds nothing" pyflakes3 $pythons
    expect "shell scripts parse" parses $scripts
}

# ---- scripts ----

# Whole, so that an id that two files give shows; and each once wrong, so that it shows that anything does.
tdxt=${BUILD:-build}/host/tdxt
read_scripts() {
    make --no-print-directory -s "$tdxt" && "$tdxt" lint tests/conformance/*.tdxt tests/standin/*.tdxt
}
refused() { # refused TEXT WHERE: a script of this text is refused there
    printf '%b' "$1" >"$work/wrong.tdxt"
    "$tdxt" lint "$work/wrong.tdxt" 2>&1 | grep -q "^$work/wrong.tdxt:$2"
}
expect "scripts are read without an error" read_scripts
expect "a misspelt leaf is found at its place" refused \
    'suite s\ntest t\n  source linux\n  from ready\n  call EXT.INT\n' '5:8: .*did you mean EXT.INIT?'

# ---- house rules ----

unlicensed() {
    files '\.(c|h|asm|def|ld|sh|t|pl|py|awk|cfg)$|^Makefile$|^\.ci/run$|^\.clang-format$' | while read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file: no SPDX line"
    done
}
expect "every source has its SPDX line" none unlicensed

crossing() { # crossing FILES INCLUDES [ALLOWED]: files that include what isn't theirs
    files "$1" | xargs -r grep -nE "#include \"($2)" /dev/null | grep -vE "#include \"(${3:-nothing is allowed})"
}
model='^(lib|boot|kernel|drivers|tests/runner)/'
expect "kernel, drivers, runner never include seam/" none crossing "$model" 'seam/'
expect "seam/ takes of the driver only abi/" none crossing '^seam/' 'drivers/' 'drivers/tdx/abi/'
expect "seam/ takes of the kernel only what is shared" none crossing '^seam/' 'kernel/' \
    'kernel/(acpi|serial|cpu|page_table)\.h'
expect "seam/soft/ knows no machine" none crossing '^seam/soft/' 'kernel/|boot/|seam/monitor/'
expect "seam/ includes no tests" none crossing '^seam/' 'tests/'
expect "lib/ includes lib/ alone" none crossing '^lib/' '(boot|kernel|drivers|tests)/'
expect "abi/ includes abi/ and lib/ alone" none crossing '^drivers/tdx/abi/' '(boot|kernel|tests|drivers)/' 'drivers/tdx/abi/'
expect "kernel/ includes neither drivers nor tests" none crossing '^kernel/' '(drivers|tests)/'
expect "drivers/ include no tests" none crossing '^drivers/' 'tests/'

expect "no generated file is tracked" none files '^build/|\.(o|d|elf|iso|cpio|bin|gcda|gcno|log|img)$'
expect "assembly is NASM's" none files '\.[sS]$'

# The words are split so that this file doesn't find itself.
left_over() {
    files '\.(c|h|asm|def|ld|sh|t|pl|py|awk|cfg|md)$|^Makefile$' | xargs -r grep -nE "$1" /dev/null
}
expect "nothing is left over" none left_over '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b'
expect "no path of a particular machine" none left_over '(^|[^A-Za-z0-9_.$])/(wo''rk|ho''me|ro''ot)/[a-z]'

long_lines() {
    files '\.(c|h|asm|sh|t|pl|py|awk)$' | xargs -r awk 'length > 140 { print FILENAME ":" FNR ": " length " columns" }'
}
expect "no line is beyond reading" none long_lines

finish
