#!/usr/bin/env bash
# sentinel.conf = our settings + the state that Sentinel keeps in the same file (whom it monitors, epochs, who else is there).
# Usage: sentinel-conf.sh SETTINGS CURRENT MASTER VERSION
#   SETTINGS  our lines; "@7.0 line" is for Redis 7.0 and newer only; "sentinel monitor" gives the quorum
#   CURRENT   the file as Sentinel last wrote it; need not exist
#   MASTER    address to monitor when CURRENT has none
#   VERSION   of Redis, such as 7.0.15
# Standard output: the new file. Sentinel rewrites it while it runs, so it is exchanged only while Sentinel is stopped.
set -euo pipefail

settings=$1 current=$2 master=$3 version=$4
state=/dev/null
if [ -f "$current" ]; then state=$current; fi

# Sentinel is told its identifier by the settings; everything else in this list is its own.
awk -v master="$master" -v major="${version%%.*}" '
  FILENAME == ARGV[1] {
    key = tolower($2)
    if (tolower($1) != "sentinel") next
    if (key == "monitor") address[$3] = $4
    if (key ~ /^(config-epoch|leader-epoch|current-epoch|known-replica|known-slave|known-sentinel)$/) kept[++n] = $0
    next
  }
  $1 == "@7.0" {
    if (major < 7) next
    sub(/^@7\.0 /, "")
  }
  $1 == "sentinel" && $2 == "monitor" { $4 = ($3 in address) ? address[$3] : master }
  { print }
  END { for (i = 1; i <= n; i++) print kept[i] }' "$state" "$settings"
