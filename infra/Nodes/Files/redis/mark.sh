#!/usr/bin/env bash
# Part of redis-ha-joined.service, as root: remembers what joined.sh has waited for, "member" or "promotable".
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR source=../common/accounts.sh
. "$library/accounts.sh"
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

case $1 in
  member)
    if ! is_member; then
      mark_member joined
      echo 'has a full copy of the data'
    fi
    ;;
  promotable)
    if [ ! -f "$promotable_file" ]; then
      echo joined >"$promotable_file"
      echo 'may be promoted from now on'
    fi
    ;;
  *)
    echo "mark.sh: no mark \"$1\"" >&2
    exit 2
    ;;
esac
