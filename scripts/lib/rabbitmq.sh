#!/bin/sh
# One RabbitMQ node in the foreground, on the loopback only. Its process is RabbitMQ's own: SIGTERM ends it in order,
# SIGKILL is a crash. Erlang's port mapper (epmd) is started with it and ends with it, however it ends.
#
#   LAYERWRIGHT_RABBITMQ_DIR              folder of all it keeps and writes; the same folder again is the same node
#   LAYERWRIGHT_RABBITMQ_PORT             AMQP
#   LAYERWRIGHT_RABBITMQ_DIST_PORT        between nodes, and to the command line tools
#   LAYERWRIGHT_RABBITMQ_EPMD_PORT        of epmd; one that runs there already is used, and left running
#   LAYERWRIGHT_RABBITMQ_MANAGEMENT_PORT  HTTP; without it there is no management plugin
#   LAYERWRIGHT_RABBITMQ_NODENAME         default layerwright@localhost
#   LAYERWRIGHT_RABBITMQ_CONF             file of further lines for rabbitmq.conf, which win
#   LAYERWRIGHT_RABBITMQ_ADVANCED         file of Erlang terms, for what rabbitmq.conf does not know
#   LAYERWRIGHT_RABBITMQ_PLUGINS          further plugins, separated by spaces, as rabbitmq_auth_mechanism_ssl
#   LAYERWRIGHT_RABBITMQ_COOKIE           default: one of this folder's own; nodes of a cluster share one
#
# It writes its log to its output. User guest, password guest, has all rights. It is up when AMQP answers.
# With arguments it runs these with the node's environment instead, as: PROGRAM rabbitmqctl list_queues
#
# RABBITMQ_HOME and EPMD say where the programs are; rabbitmq-program.mjs writes a program that sets them.
set -eu
dir=$LAYERWRIGHT_RABBITMQ_DIR
port=$LAYERWRIGHT_RABBITMQ_PORT
management=${LAYERWRIGHT_RABBITMQ_MANAGEMENT_PORT:-}
umask 077
mkdir -p "$dir/home" "$dir/data"

cookie=$dir/home/.erlang.cookie
if [ -n "${LAYERWRIGHT_RABBITMQ_COOKIE:-}" ]; then
  rm -f "$cookie" && printf %s "$LAYERWRIGHT_RABBITMQ_COOKIE" >"$cookie"
elif [ ! -f "$cookie" ]; then
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$cookie"
fi
chmod 400 "$cookie"

plugins=
for plugin in ${management:+rabbitmq_management} ${LAYERWRIGHT_RABBITMQ_PLUGINS:-}; do
  plugins=${plugins:+$plugins,}$plugin
done
echo "[$plugins]." >"$dir/enabled_plugins"
{
  echo "listeners.tcp.1 = 127.0.0.1:$port"
  echo 'loopback_users = none'
  # A machine with little free space must not block publishers.
  echo 'disk_free_limit.absolute = 50MB'
  if [ -n "$management" ]; then
    echo 'management.tcp.ip = 127.0.0.1'
    echo "management.tcp.port = $management"
  fi
  if [ -n "${LAYERWRIGHT_RABBITMQ_CONF:-}" ]; then cat "$LAYERWRIGHT_RABBITMQ_CONF"; fi
} >"$dir/rabbitmq.conf"
: >"$dir/environment.conf"

export HOME="$dir/home"
export RABBITMQ_NODENAME="${LAYERWRIGHT_RABBITMQ_NODENAME:-layerwright@localhost}"
export RABBITMQ_DIST_PORT="$LAYERWRIGHT_RABBITMQ_DIST_PORT"
export ERL_EPMD_PORT="$LAYERWRIGHT_RABBITMQ_EPMD_PORT"
export ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_BASE="$dir/data" RABBITMQ_MNESIA_BASE="$dir/data" RABBITMQ_LOG_BASE="$dir/data"
export RABBITMQ_LOGS=-
export RABBITMQ_PID_FILE="$dir/node.pidfile"
export RABBITMQ_CONF_ENV_FILE="$dir/environment.conf"
export RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf"
export RABBITMQ_ADVANCED_CONFIG_FILE="${LAYERWRIGHT_RABBITMQ_ADVANCED:-$dir/advanced.config}"
export RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
export RABBITMQ_PLUGINS_DIR="$RABBITMQ_HOME/plugins"
# Schedulers that wait without spinning, as other work runs here too. And a retry that is due while its queue is not back
# yet, after a crash, is tried again in 10 s: by default in three minutes.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1} -rabbit dead_letter_worker_publisher_confirm_timeout 10000'
# The script then becomes the server, instead of waiting for it; that is all that this changes.
export RUNNING_UNDER_SYSTEMD=true
unset NOTIFY_SOCKET

if [ $# -gt 0 ]; then
  PATH="$RABBITMQ_HOME/sbin:$PATH" exec "$@"
fi
if ! "$EPMD" -names >/dev/null 2>&1; then
  # The server holds this pipe open as long as it lives, so its end of file is the server's end.
  rm -f "$dir/alive" && mkfifo "$dir/alive"
  (
    trap '' TERM INT HUP
    "$EPMD" </dev/null >/dev/null 2>&1 &
    cat "$dir/alive"
    kill -9 $!
  ) &
  exec 9>"$dir/alive"
  tries=0
  until "$EPMD" -names >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ]; then echo "epmd does not answer on port $ERL_EPMD_PORT" && exit 1; fi
    sleep 0.05
  done
fi
exec "$RABBITMQ_HOME/sbin/rabbitmq-server"
