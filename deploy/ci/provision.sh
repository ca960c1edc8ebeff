#!/bin/sh
# Makes a password file for a team: users from a list, checked, leavers taken out, and nothing weak left in it.
#
#   provision.sh PASSWORDFILE JOINERS LEAVERS
#
# JOINERS has lines user:password, LEAVERS a user a line. HTPASSWD names the command, `htpasswd` if unset.
set -eu
passwords=$1 joiners=$2 leavers=$3
htpasswd=${HTPASSWD:-htpasswd}

umask 027
[ -e "$passwords" ] || : > "$passwords"
$htpasswd --import -B -C 10 "$joiners" "$passwords"
$htpasswd --verify-all "$joiners" "$passwords"
$htpasswd --remove --strict "$leavers" "$passwords"
$htpasswd --audit --minimum bcrypt:10 "$passwords"
