#!/bin/sh
# Installs dist/zongji (made by `npm run build`) as a service: program in /opt/zongji, configuration in /etc/zongji,
# data in /var/lib/zongji, its own user. Safe to run again: it replaces the program and keeps configuration and data.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "Run as root: sudo $0" >&2; exit 1; }
[ -x "$here/dist/zongji" ] || { echo "dist/zongji is missing: run npm run build first." >&2; exit 1; }
packages="rtpengine-daemon ffmpeg espeak-ng"
export DEBIAN_FRONTEND=noninteractive
# A fresh machine has no lists of packages yet; one that has all of them needs no network.
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $packages || {
  apt-get update
  apt-get install -y --no-install-recommends $packages
}
systemctl disable --now rtpengine-daemon 2>/dev/null || true
getent passwd zongji >/dev/null || useradd --system --home-dir /var/lib/zongji --shell /usr/sbin/nologin zongji
install -d -m 0755 /opt/zongji /opt/zongji/docs
install -m 0755 "$here/dist/zongji" /opt/zongji/zongji.new
mv -f /opt/zongji/zongji.new /opt/zongji/zongji
cp "$here"/docs/*.md /opt/zongji/docs/
install -d -m 0755 /etc/zongji
[ -e /etc/zongji/zongji.toml ] || install -m 0644 "$here/zongji.example.toml" /etc/zongji/zongji.toml
install -m 0644 "$here/systemd/zongji.service" /etc/systemd/system/zongji.service
systemctl daemon-reload
systemctl enable zongji
systemctl restart zongji
# Told here what would otherwise stand in the journal only: a wrong configuration, a port in use.
sleep 2
systemctl is-active --quiet zongji && [ "$(systemctl show -p NRestarts --value zongji)" = 0 ] || {
  journalctl -u zongji -n 8 --no-pager -o cat >&2
  echo "Installed, but it does not run: see above, or journalctl -u zongji" >&2
  exit 1
}
echo "Installed. The web address and the set-up code: journalctl -u zongji -n 20"
