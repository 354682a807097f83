#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Runs TAP-speaking unit tests (programs) and integration tests (shell scripts), two at a time, and ends with
# 'N passed, N failed, N skipped'. A program that dies, or stops short of its plan, counts as a failure.
#
#   tests/check.pl [--unit PROGRAM...] [--script FILE...]

use strict;
use warnings;
use File::Temp 'tempdir';
use TAP::Harness;
use TAP::Parser::Aggregator;

my (%tests, $kind);
for (@ARGV) {
    if (/^--(unit|script)$/) { $kind = $1; next }
    die "check.pl: name --unit or --script before $_\n" unless $kind;
    push @{ $tests{$kind} }, $_;
}

# ASan of older compilers trips over wide address randomisation; where it can be turned off, it is.
my @fixed_addresses = system('setarch -R true >/dev/null 2>&1') == 0 ? ('setarch', '-R') : ();
$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';

my %command = (
    unit   => sub { [@fixed_addresses, $_[1]] },
    script => sub { ['/bin/sh', $_[1]] },
);

# Each test's own words are kept, and shown again where it failed.
my $words = tempdir(CLEANUP => 1);
$ENV{PERL_TEST_HARNESS_DUMP_TAP} = $words;

my $all = TAP::Parser::Aggregator->new;
my $harness;
$all->start;
for my $phase ('unit', 'script') {
    next unless $tests{$phase};
    $harness = TAP::Harness->new({ exec => $command{$phase}, jobs => 2, failures => 1, timer => 1 });
    $harness->aggregate_tests($all, @{ $tests{$phase} });
}
$all->stop;
$harness->summary($all) if $harness;

# What broke without a failed point: no plan, fewer points than planned, a signal, a non-zero exit.
my $broken = 0;
for my $name ($all->descriptions) {
    my ($parser) = $all->parsers($name);
    my $short = $parser->parse_errors || $parser->exit;
    next unless $parser->failed || $short;
    $broken++ unless $parser->failed;
    print "---- what $name said\n";
    open my $file, '<', "$words/$name" or next;
    print <$file>;
    close $file;
}
my $failed  = $all->failed + $broken;
my $skipped = $all->skipped;
my $passed  = $all->passed - $skipped;
$failed++ unless $all->total; # nothing ran: that isn't success
my $summary = "$passed passed, $failed failed, $skipped skipped\n";
if (open my $file, '>', 'build/check-summary') { # for .ci/run
    print $file $summary;
    close $file;
}
print $summary;
exit($failed ? 1 : 0);
