# shellcheck shell=bash
# Free disk for a copy of the data. Sourced. The copy lies in a folder of its own, on the boot volume; what redis-server writes because of it lies
# in Redis' directory, which is on a volume of its own where there is one (redisDataVolumeGb).

# free_bytes FOLDER
free_bytes() {
  df --output=avail --block-size=1 "$1" | tail -n 1 | tr -cd '0-9'
}

# same_disk FOLDER FOLDER
same_disk() {
  [ "$(df --output=target "$1" | tail -n 1)" = "$(df --output=target "$2" | tail -n 1)" ]
}

# lack COPY-FOLDER BYTES REDIS-FOLDER BYTES: what has too little room, and the setting that helps; nothing where there is enough.
lack() {
  local copy=$2 redis=$4
  if same_disk "$1" "$3"; then copy=$((copy + redis)) redis=0; fi
  less_than "$1" "$copy" 'for the copy' bootVolumeGb
  if ((redis > 0)); then less_than "$3" "$redis" "for Redis' data" redisDataVolumeGb; fi
}

# less_than FOLDER BYTES WHAT SETTING
less_than() {
  local free
  free=$(free_bytes "$1")
  if ((${free:-0} < $2)); then
    echo "too little disk $3: $((${free:-0} >> 20)) MB are free, and it can take $(($2 >> 20)) MB ($4)"
  fi
}
