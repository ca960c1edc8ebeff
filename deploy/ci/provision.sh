#!/bin/sh
# Maintains a team's password file: adds users from a list, removes leavers, and checks that no weak record is left.
#
#   provision.sh PASSWORDFILE JOINERS LEAVERS
#
# JOINERS has lines of user:password, LEAVERS one user per line. HTPASSWD is the command to run; the default is `htpasswd`.
set -eu
passwords=$1 joiners=$2 leavers=$3
htpasswd=${HTPASSWD:-htpasswd}

umask 027
[ -e "$passwords" ] || : > "$passwords"
$htpasswd --import -B -C 10 "$joiners" "$passwords"
$htpasswd --verify-all "$joiners" "$passwords"
$htpasswd --remove --strict "$leavers" "$passwords"
$htpasswd --audit --minimum bcrypt:10 "$passwords"
