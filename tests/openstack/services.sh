#!/usr/bin/env bash
# Starts what does not run of the cloud's services, within its namespaces (tests/openstack/up): the first time it also
# makes databases, users, a catalog, a network and flavors.
#   services.sh FOLDER
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck disable=SC2034  # read by what is sourced
state=$1 password=test keystone=http://127.0.0.1:5000/v3
cloud=/run/cloud etc=/run/cloud/etc log=/run/cloud/log
# shellcheck source=configuration.sh
. "$here/configuration.sh"
# shellcheck source=api.sh
. "$here/api.sh"

begun=$SECONDS
say() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }

# await <what> <command...>: for as long as a very busy machine may take.
await() {
  local what=$1 until=$((SECONDS + 300))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || { echo "in vain waited for: $what" >&2; return 1; }
    sleep 0.2
  done
}

# start <name> <command...>: unless it runs. What others store in ends after them (cloud.sh).
start() {
  local name=$1 file=$cloud/pids/services/$1
  shift
  case $name in database | broker) file=$cloud/pids/stores/$name ;; esac
  if [[ -s $file ]] && kill -0 "$(<"$file")" 2>/dev/null; then return; fi
  setsid nice -n 5 "$@" </dev/null >>"$log/$name.out" 2>&1 &
  echo $! >"$file"
}

# start_wsgi <name> <port> <program> <setting of its configuration>
start_wsgi() {
  start "$1" env "$4" uwsgi_python3 --plugins python3 --http-socket "127.0.0.1:$2" --wsgi-file "$3" --master --lazy-apps \
    --processes 1 --threads 8 --enable-threads --buffer-size 65535 --add-header "Connection: close" --die-on-term \
    --need-app --disable-logging
}

answers() { curl --silent --output /dev/null --max-time 20 "$1"; }

# once <step>: unless it was done in this folder before.
once() {
  [[ -e $cloud/done/$1 ]] || { "$1" >>"$log/setup-$1.out" 2>&1 && touch "$cloud/done/$1"; }
}

start_stores() {
  mkdir -p /run/mysqld /run/rabbitmq
  chown mysql: /run/mysqld
  chown rabbitmq: /run/rabbitmq
  start libvirt-log virtlogd
  start libvirt libvirtd
  start broker setpriv --reuid rabbitmq --regid rabbitmq --clear-groups env \
    HOME=$cloud/broker RABBITMQ_MNESIA_BASE=$cloud/broker RABBITMQ_LOG_BASE=$cloud/broker RABBITMQ_PID_FILE=/run/rabbitmq/pid \
    RABBITMQ_NODENAME=cloud@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_ENABLED_PLUGINS_FILE=$cloud/broker/plugins RABBITMQ_CONFIG_FILE=$cloud/broker/none \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none" \
    /usr/lib/rabbitmq/bin/rabbitmq-server
  once make_database
  start database mariadbd --defaults-file=$etc/mariadb.conf
  await "the database" mariadb --no-defaults --socket=/run/mysqld/mysqld.sock --execute "select 1"
  once make_schemas
  await "the message broker" bash -c 'exec 3<>/dev/tcp/127.0.0.1/5672'
}

make_database() {
  mariadb-install-db --no-defaults --user=mysql --datadir=$cloud/database --skip-test-db --auth-root-authentication-method=socket
}

make_schemas() {
  {
    for name in keystone glance placement nova_api nova nova_cell0 neutron heat; do
      echo "create database if not exists $name character set utf8mb3;"
    done
    echo "create user if not exists cloud@localhost identified by '$password'; grant all on *.* to cloud@localhost;"
  } | mariadb --no-defaults --socket=/run/mysqld/mysqld.sock
}

prepare_keystone() {
  local manage=(keystone-manage --config-file "$etc/keystone.conf") url=$keystone
  mkdir -p $cloud/keystone/{tokens,credentials}
  "${manage[@]}" db_sync && "${manage[@]}" fernet_setup --keystone-user root --keystone-group root &&
    "${manage[@]}" credential_setup --keystone-user root --keystone-group root &&
    "${manage[@]}" bootstrap --bootstrap-password "$password" --bootstrap-region-id test --bootstrap-public-url "$url" \
      --bootstrap-internal-url "$url" --bootstrap-admin-url "$url"
}
prepare_glance() { glance-manage --config-file $etc/glance.conf db_sync; }
prepare_placement() { placement-manage --config-file $etc/placement/placement.conf db sync; }
prepare_heat() { heat-manage --config-file $etc/heat.conf db_sync; }
prepare_nova() {
  local manage=(nova-manage --config-file "$etc/nova.conf") cell0
  cell0=$(database nova_cell0)
  "${manage[@]}" api_db sync && "${manage[@]}" cell_v2 map_cell0 --database_connection "${cell0#connection = }" &&
    "${manage[@]}" db sync && "${manage[@]}" cell_v2 create_cell --name cell
}
prepare_neutron() { neutron-db-manage --config-file $etc/neutron.conf upgrade head; }

# Two at a time.
prepare_all() {
  local one
  { once prepare_keystone && once prepare_glance && once prepare_placement && once prepare_heat; } &
  one=$!
  once prepare_nova && once prepare_neutron
  wait $one
}

make_certificate() {
  mkdir -p $cloud/tls
  cd $cloud/tls
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=authority of a test" -keyout ca.key -out ca.pem
  openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out server.crt \
    -extfile <(echo "subjectAltName = IP:127.0.0.1, DNS:localhost")
  cat server.crt server.key >server.pem
}

# Who there is, and where the services are. Heat has users of its own in a domain of its own.
make_catalog() {
  local admin project domain user role kind url region
  authenticate
  project=$(api POST identity /projects '{"project": {"name": "service", "domain_id": "default"}}' | jq -r .project.id)
  user=$(api POST identity /users "{\"user\": {\"name\": \"service\", \"domain_id\": \"default\", \"password\": \"$password\"}}" |
    jq -r .user.id)
  for role in service heat_stack_user; do
    api POST identity /roles "{\"role\": {\"name\": \"$role\"}}"
  done
  for role in admin service; do
    role=$(api GET identity "/roles?name=$role" | jq -r '.roles[0].id')
    api PUT identity "/projects/$project/users/$user/roles/$role"
  done
  admin=$(api GET identity '/roles?name=admin' | jq -r '.roles[0].id')
  domain=$(api POST identity /domains '{"domain": {"name": "heat"}}' | jq -r .domain.id)
  user=$(api POST identity /users "{\"user\": {\"name\": \"heat\", \"domain_id\": \"$domain\", \"password\": \"$password\"}}" |
    jq -r .user.id)
  api PUT identity "/domains/$domain/users/$user/roles/$admin"
  api POST identity /regions '{"region": {"id": "tls"}}'
  while read -r region kind url; do
    add_endpoint "$region" "$kind" "$url"
  done <<'END'
test image http://127.0.0.1:9292
tls image https://127.0.0.1:9443
test placement http://127.0.0.1:8778
test compute http://127.0.0.1:8774/v2.1
test network http://127.0.0.1:9696
test orchestration http://127.0.0.1:8004/v1/%(tenant_id)s
END
}

# add_endpoint <region> <kind of service> <url>
add_endpoint() {
  local service interface
  service=$(api GET identity "/services?type=$2" | jq -r '.services[0].id // empty')
  [[ -n $service ]] ||
    service=$(api POST identity /services "{\"service\": {\"name\": \"$2\", \"type\": \"$2\"}}" | jq -r .service.id)
  for interface in public internal admin; do
    api POST identity /endpoints "{\"endpoint\": {\"service_id\": \"$service\", \"interface\": \"$interface\",
      \"region_id\": \"$1\", \"url\": \"$3\"}}"
  done
}

# A network of which the tests are part, and sizes of servers.
make_resources() {
  local network
  network=$(api POST network /v2.0/networks '{"network": {"name": "guests", "provider:network_type": "flat", "shared": true,
    "provider:physical_network": "guests"}}' | jq -r .network.id)
  api POST network /v2.0/subnets "{\"subnet\": {\"network_id\": \"$network\", \"name\": \"guests\", \"ip_version\": 4,
    \"cidr\": \"10.77.0.0/24\", \"gateway_ip\": null, \"allocation_pools\": [{\"start\": \"10.77.0.10\",
    \"end\": \"10.77.0.250\"}]}}"
  api POST compute /flavors '{"flavor": {"name": "small", "ram": 256, "vcpus": 1, "disk": 1}}'
  api POST compute /flavors '{"flavor": {"name": "large", "ram": 512, "vcpus": 1, "disk": 3}}'
}

start_apis() {
  start glance glance-api --config-file $etc/glance.conf
  start_wsgi placement 8778 /usr/bin/placement-api OS_PLACEMENT_CONFIG_DIR=$etc/placement
  start nova-api nova-api --config-file $etc/nova.conf
  start neutron neutron-server --config-file $etc/neutron.conf
  start heat-api heat-api --config-file $etc/heat.conf
  start tls haproxy -db -f $etc/haproxy.conf
}

start_agents() {
  start nova-conductor nova-conductor --config-file $etc/nova.conf
  start nova-scheduler nova-scheduler --config-file $etc/nova.conf
  start nova-compute nova-compute --config-file $etc/nova-compute.conf
  start neutron-bridges neutron-linuxbridge-agent --config-file $etc/neutron.conf
  start neutron-dhcp neutron-dhcp-agent --config-file $etc/neutron.conf
  start heat-engine python3 "$here/heat_engine.py" --config-file $etc/heat.conf
}

# Started is not ready: hosts have to be known, agents to have reported.
all_ready() {
  api GET compute /os-services | jq --exit-status '[.services[] | select(.state == "up") | .binary] | sort | unique ==
    ["nova-compute", "nova-conductor", "nova-scheduler"]' &&
    api GET compute /os-hypervisors | jq --exit-status '.hypervisors | length == 1' &&
    api GET placement /resource_providers | jq --exit-status '.resource_providers | length == 1' &&
    api GET network /v2.0/agents | jq --exit-status '[.agents[] | select(.alive)] | length == 2' &&
    api GET orchestration /services | jq --exit-status '[.services[] | select(.status == "up")] | length >= 1'
}

cd /
mkdir -p "$etc" "$log" $cloud/pids/{services,stores} $cloud/{done,locks,glance,neutron,nova/instances,broker,etc/placement}
chmod 755 $cloud
chown rabbitmq: $cloud/broker
configure_all
mv $etc/placement.conf $etc/placement/placement.conf
printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'namespaces = []' 'cgroup_controllers = []' \
  >/etc/libvirt/qemu.conf
printf '%s\n' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
once make_certificate
start_stores
say "database, message broker and libvirt run"
prepare_all
say "the databases are made"
start_wsgi keystone 5000 /usr/bin/keystone-wsgi-public OS_KEYSTONE_CONFIG_FILES=$etc/keystone.conf
await Keystone answers $keystone
once make_catalog
start_apis
start_agents
for port in 9292 8778 8774 9696 8004; do await "port $port" answers http://127.0.0.1:$port/; done
say "the services answer"
authenticate
await "all services and agents" all_ready
once make_resources
say "ready"
