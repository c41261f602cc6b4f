#!/usr/bin/env bash
# sentinel.conf = our settings + the state that Sentinel keeps in the same file (whom it monitors, epochs, who else is there).
# Usage: sentinel-conf.sh FILE MASTER VERSION <SETTINGS
#   FILE      as Sentinel last wrote it; need not exist. The new file takes its place.
#   MASTER    address to monitor when FILE has none
#   VERSION   of Redis, such as 7.0.15
#   SETTINGS  our lines; "@7.0 line" is for Redis 7.0 and newer only; "sentinel monitor" gives the quorum
# Runs as the account redis, which owns the folder. Sentinel rewrites the file while it runs, so it is exchanged only while Sentinel
# is stopped.
set -euo pipefail

file=$1 master=$2 version=$3
umask 027
mkdir -p "$(dirname "$file")"
state=/dev/null
if [ -f "$file" ]; then state=$file; fi
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT

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
  END { for (i = 1; i <= n; i++) print kept[i] }' "$state" - >"$new"
chmod 640 "$new"
mv -f -T "$new" "$file"
