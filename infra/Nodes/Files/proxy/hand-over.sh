# shellcheck shell=bash
# shellcheck disable=SC2154 # root, payload and state are library.sh's
# The helper that hands sessions over to the kernel (proxyHandOver). Sourced before the end of apply.sh, in a stack that has it.
# When the setting is turned off, the unit stays and does not start again: it looks into node.env, and the proxy's restart is its own.
# A kernel that refuses is no failure: the proxy then forwards every byte by itself, and says so.
step 'the hand-over'
create_account redis-ha-hand-over
install_file "$payload/redis-ha-hand-over.service" /etc/systemd/system/redis-ha-hand-over.service 644 root:root
systemctl daemon-reload
systemctl enable redis-ha-hand-over.service
sha256sum "$root/etc/systemd/system/redis-ha-hand-over.service" | cut -d ' ' -f 1 >"$payload/hand-over-wanted"
if ! systemctl is-active --quiet redis-ha-hand-over.service || ! cmp -s "$payload/hand-over-wanted" "$state/hand-over-started"; then
  timeout 60 systemctl restart redis-ha-hand-over.service || true
  if systemctl is-active --quiet redis-ha-hand-over.service; then
    cp "$payload/hand-over-wanted" "$state/hand-over-started"
  else
    journalctl --no-pager --unit redis-ha-hand-over.service --lines 5 || true
    say 'no session is handed over to the kernel (see above); the proxy forwards them by itself'
  fi
fi
