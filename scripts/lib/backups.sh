# shellcheck shell=bash
# The backups of a deployment, in Object Storage, for the scripts that work on them. Sourced after stack.sh; after open_stack: open_backups.
#
# What is read here was written by the machines: names and numbers are taken, and nothing else.

# open_backups: the address that lists and reads, in "backups"; empty when backups are off. It is a secret, and on no command line.
open_backups() {
  command -v curl >/dev/null || fail 'needs curl'
  # shellcheck disable=SC2154 # stack.sh's
  if [ -n "$lab" ]; then
    backups=$(cat "$lab_state/$lab/backup.address" 2>/dev/null) || backups=''
  else
    backups=$(output backupAddress --show-secrets 2>/dev/null) || backups=''
  fi
  if [ -n "$backups" ] && { [[ ! $backups =~ ^https?://[!-~]{1,1000}/$ ]] || [[ $backups == *[\"\\]* ]]; }; then
    fail 'the output "backupAddress" is not the address of backups'
  fi
}

# require_backups
require_backups() {
  open_backups
  [ -n "$backups" ] || fail 'backups are off: set backupSchedule, and run pulumi up (docs/day2.md)'
}

# from_store WHAT: what is behind the address, on standard output.
from_store() {
  local way=()
  # The lab's Object Storage is in the lab's Internet only.
  if [ -n "$lab" ]; then way=(ip netns exec "redis-ha-lab.$lab.outside"); fi
  printf 'url = "%s%s"\n' "$backups" "$1" |
    "${way[@]}" curl --config - --silent --show-error --fail --proto '=http,https' --connect-timeout 20 --speed-limit 10240 --speed-time 60 \
      ${lab:+--connect-to '::198.51.100.80:80'}
}

# objects: "NAME SIZE" of each object of a backup.
objects() {
  local start='' page answer
  for ((page = 0; page < 1000; page++)); do
    answer=$(from_store "?fields=name,size&limit=1000${start:+&start=$start}") || fail 'the list of backups cannot be read (what curl says is above)'
    tr -d '\n' <<<"$answer" | sed 's/[{}]/\n/g' |
      sed -n 's/.*"name" *: *"\([0-9A-Za-z]*-[a-z0-9-]*\/[a-z.0-9]*\)".*/\1 &/p' |
      sed -n 's/^\([^ ]*\) .*"size" *: *\([0-9]*\).*/\1 \2/p'
    start=$(sed -n 's/.*"nextStartWith" *: *"\([0-9A-Za-z.\/-]*\)".*/\1/p' <<<"$(tr -d '\n' <<<"$answer")")
    if [ -z "$start" ]; then return 0; fi
    start=${start//\//%2F}
  done
}

# complete: of the objects on standard input, the names of backups that are complete, the oldest first. The manifest comes last.
complete() {
  sed -n 's/^\([0-9]\{8\}T[0-9]\{6\}Z-[a-z0-9-]*\)\/manifest [0-9]*$/\1/p' | sort
}

# manifest_value NAME: of the manifest on standard input.
manifest_value() {
  sed -n "s/^$1 \\([0-9A-Za-z.:-]\\{1,64\\}\\)\$/\\1/p" | head -n 1
}

# seconds_old NAME: by the time in its name.
seconds_old() {
  local stamp=${1%%-*}
  echo $(($(date +%s) - $(date -u -d "${stamp:0:4}-${stamp:4:2}-${stamp:6:2}T${stamp:9:2}:${stamp:11:2}:${stamp:13:2}Z" +%s)))
}

# words_for SECONDS
words_for() {
  if (($1 < 7200)); then
    echo "$(($1 / 60)) min"
  elif (($1 < 172800)); then
    echo "$(($1 / 3600)) h"
  else
    echo "$(($1 / 86400)) days"
  fi
}
