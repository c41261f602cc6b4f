# shellcheck shell=bash
# shellcheck disable=SC2154 # names of the scripts that are sourced before this one
# The apply script's step for the data volume: from an attached disk to Redis' data on it. Sourced.
#
# Redis' data moves by a copy, while redis-server is stopped on a replica. It stays on the boot volume until the copy is complete and the
# volume's label says so; a run that ends anywhere before begins again, from the same data.

on_volume=$root/var/lib/redis-ha/data-volume

install_data_volume() {
  local unit
  packages e2fsprogs
  install_file "$payload/data-volume.sh" "$scripts/data-volume.sh" 755 root:root
  install_file "$payload/redis-ha-data.service" /etc/systemd/system/redis-ha-data.service 644 root:root
  for unit in "$redis_unit" "$sentinel_unit"; do
    install_file "$payload/data-volume.dropin.conf" "/etc/systemd/system/$unit.d/redis-ha-data.conf" 644 root:root
  done
  # shellcheck source-path=SCRIPTDIR source=data-volume.sh
  . "$payload/data-volume.sh"
  wait_for_volume
  case $(label_of "$device") in
    "$data_label") ;;
    "$new_label") fill_volume ;;
    *)
      may_format "$device" || fail "the disk $device, which is to be the data volume, is in use or has something else on it, so it is not formatted: \
$(wipefs --no-act --noheadings "$device" 2>&1 | head -n 1). Detach it, or look at it and empty it by hand (wipefs, blkdiscard), then apply again"
      fill_volume
      ;;
  esac
  rm -f "$formatting"
  if [ ! -f "$on_volume" ] && ! is_mounted && has_files "$data"; then
    fail "both the data volume $device and the boot volume ($data) hold data of Redis: move away what is old ($data), then apply again"
  fi
  echo "$device" >"$on_volume"
  mount_data
  empty_folder
  grow_volume
  install_directory /var/lib/redis 750 redis:redis
  if ! debian_family; then restorecon -R -F "$data"; fi
}

# Pulumi attaches it before it brings the payload; the machine may see it a little later.
wait_for_volume() {
  local try
  for ((try = 1; ; try++)); do
    rescan_disks
    if find_volume; then return 0; fi
    ((try < 60)) || fail "no disk here can be the data volume: neither /dev/oracleoci/oraclevdb, nor one with its label, nor exactly one empty disk of \
$REDIS_HA_DATA_GB GB (lsblk shows them). See that the volume is attached, then apply again"
    sleep 1
  done
}

has_files() {
  [ -n "$(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit 2>/dev/null)" ]
}

# format_volume: an empty disk, or one of ours that is not complete.
format_volume() {
  if is_used "$device"; then fail "the disk $device, which is to be the data volume, is in use: unmount it, then apply again"; fi
  identity "$device" >"$formatting"
  say "formatting $device, $(($(blockdev --getsize64 "$device") >> 30)) GB, which is empty"
  mkfs.ext4 -q -m 0 -L "$new_label" "$device" </dev/null
  sync
}

# fill_volume: formats it, and copies what the boot volume has.
fill_volume() {
  local folder=$root/run/redis-ha/data-volume
  # What an interrupted run has left mounted.
  if mountpoint -q "$folder"; then umount "$folder"; fi
  if is_mounted; then fail "something is mounted at $data already: see \"findmnt $data\", unmount it and apply again"; fi
  if systemctl is-active --quiet "$redis_unit"; then
    require_spare_replica 'the data moves to its own volume, which needs a stop of redis-server'
  fi
  format_volume
  systemctl stop "$redis_unit"
  mkdir -p "$folder"
  mount_volume "$device" "$folder"
  chown redis:redis "$folder"
  chmod 750 "$folder"
  if has_files "$data"; then
    say "copying $(du -s -B 1M "$data" | cut -f 1) MB from the boot volume"
    # The account's own files, so as the account: it could exchange a folder for a link meanwhile.
    as_account redis cp -a -T "$data" "$folder"
  fi
  sync -f "$folder"
  umount "$folder"
  rmdir "$folder"
  echo "$device" >"$on_volume"
  sync -f "$on_volume"
  e2label "$device" "$data_label"
  sync
}

# empty_folder: what is below the mounted volume was copied, by this run or by one that ended before it had removed it.
empty_folder() {
  local view=$root/run/redis-ha/boot-volume
  if mountpoint -q "$view"; then umount "$view"; fi
  mkdir -p "$view"
  mount --bind "${data%/*}" "$view"
  if has_files "$view/redis"; then
    chown redis:redis "$view/redis"
    chmod 750 "$view/redis"
    as_account redis find "$view/redis" -mindepth 1 -delete
    chown root:root "$view/redis"
    chmod 555 "$view/redis"
    say 'removed the former data from the boot volume'
  fi
  umount "$view"
  rmdir "$view"
}

rescan_disks() {
  local file
  for file in "$root"/sys/class/block/*/device/rescan; do
    if [ -w "$file" ]; then echo 1 >"$file" || true; fi
  done
}

# grow_volume: the file system takes all of the disk, which may have grown; mounted and in use.
grow_volume() {
  local try
  for ((try = 1; $(blockdev --getsize64 "$device") < REDIS_HA_DATA_GB << 30; try++)); do
    ((try < 60)) || fail "the data volume $device has $(($(blockdev --getsize64 "$device") >> 30)) GB and not $REDIS_HA_DATA_GB: see that the volume has \
grown and that the machine sees it (lsblk), then apply again"
    rescan_disks
    sleep 1
  done
  resize2fs "$device"
}
