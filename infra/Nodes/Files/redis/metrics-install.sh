# shellcheck shell=bash
# shellcheck disable=SC2154 # payload, scripts and root are the apply script's
# Installs what posts custom metrics to OCI's Monitoring. Sourced by the apply script.

install_metrics() {
  packages curl ca-certificates openssl
  create_account redis-ha-metrics
  install_file "$payload/metrics.sh" "$scripts/metrics.sh" 755 root:root
  install_file "$payload/metrics.env" /etc/redis-ha/metrics.env 644 root:root
  install_file "$payload/redis-ha-metrics.service" /etc/systemd/system/redis-ha-metrics.service 644 root:root
  install_file "$payload/redis-ha-metrics.timer" /etc/systemd/system/redis-ha-metrics.timer 644 root:root metrics-restart
  run_unit redis-ha-metrics.timer metrics-restart
}
