# shellcheck shell=bash disable=SC2154
# What the cloud's programs are configured with: sourced by services.sh. Everything is in /run/cloud, which is the cloud's
# folder; services listen on the loopback of a network of their own, at their usual ports.

database() { echo "connection = mysql+pymysql://cloud:$password@localhost/$1?unix_socket=/run/mysqld/mysqld.sock"; }

# account <section>: who a service is to Keystone.
account() {
  cat <<END
[$1]
auth_url = $keystone
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = service
password = $password
region_name = test
END
}

tokens() {
  account keystone_authtoken
  echo "www_authenticate_uri = $keystone"
  echo "service_token_roles_required = false"
}

# What those that talk by messages have in common. [oslo_concurrency] comes last: its key follows.
messages() {
  cat <<END
[oslo_messaging_notifications]
driver = noop
[oslo_messaging_rabbit]
heartbeat_in_pthread = false
[oslo_concurrency]
lock_path = /run/cloud/locks
END
}
broker='transport_url = rabbit://guest:guest@127.0.0.1:5672/'

configure_mariadb() {
  cat <<END
[mysqld]
user = mysql
datadir = /run/cloud/database
socket = /run/mysqld/mysqld.sock
pid-file = /run/mysqld/mysqld.pid
skip-networking
skip-log-bin
max_connections = 400
innodb_buffer_pool_size = 128M
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = 0
performance_schema = 0
END
}

configure_keystone() {
  cat <<END
[DEFAULT]
log_file = /run/cloud/log/keystone.log
[database]
$(database keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = /run/cloud/keystone/tokens
[credential]
key_repository = /run/cloud/keystone/credentials
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
END
}

configure_glance() {
  cat <<END
[DEFAULT]
bind_host = 127.0.0.1
workers = 1
log_file = /run/cloud/log/glance.log
[database]
$(database glance)
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = /run/cloud/glance
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
$(tokens)
[oslo_concurrency]
lock_path = /run/cloud/locks
END
}

configure_placement() {
  cat <<END
[DEFAULT]
log_file = /run/cloud/log/placement.log
[placement_database]
$(database placement)
[api]
auth_strategy = keystone
$(tokens)
END
}

# nova-compute refuses to start when it is told of a database: configure_nova compute
configure_nova() {
  cat <<END
[DEFAULT]
$broker
log_dir = /run/cloud/log
state_path = /run/cloud/nova
my_ip = 127.0.0.1
host = node
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_workers = 1
compute_driver = libvirt.LibvirtDriver
periodic_fuzzy_delay = 0
reserved_host_memory_mb = 512
reserved_host_disk_mb = 0
cpu_allocation_ratio = 32.0
ram_allocation_ratio = 4.0
[wsgi]
api_paste_config = /etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 5
[libvirt]
virt_type = qemu
cpu_mode = none
num_pcie_ports = 0
[vnc]
enabled = false
[glance]
api_servers = http://127.0.0.1:9292
$(account placement)
$(account neutron)
$(account service_user)
send_service_user_token = false
$(tokens)
$(messages)
END
  [[ ${1-} == compute ]] || printf '[api_database]\n%s\n[database]\n%s\n' "$(database nova_api)" "$(database nova)"
}

configure_neutron() {
  cat <<END
[DEFAULT]
$broker
log_dir = /run/cloud/log
state_path = /run/cloud/neutron
bind_host = 127.0.0.1
host = node
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
core_plugin = ml2
service_plugins =
api_paste_config = /etc/neutron/api-paste.ini
interface_driver = linuxbridge
dhcp_driver = neutron.agent.linux.dhcp.Dnsmasq
enable_isolated_metadata = false
[experimental]
linuxbridge = true
[agent]
root_helper = sudo
report_interval = 10
[database]
$(database neutron)
[ml2]
type_drivers = flat
tenant_network_types =
mechanism_drivers = linuxbridge
extension_drivers = port_security
[ml2_type_flat]
flat_networks = guests
[securitygroup]
enable_security_group = true
firewall_driver = noop
[linux_bridge]
physical_interface_mappings = guests:guests-bridge
[vxlan]
enable_vxlan = false
$(account nova)
$(account placement)
$(tokens)
$(messages)
END
}

# A trustee has no project: its scope is the trust.
configure_heat() {
  cat <<END
[DEFAULT]
$broker
log_dir = /run/cloud/log
num_engine_workers = 1
stack_user_domain_name = heat
stack_domain_admin = heat
stack_domain_admin_password = $password
auth_encryption_key = 0123456789abcdef0123456789abcdef
region_name_for_services = test
plugin_dirs =
[heat_api]
bind_host = 127.0.0.1
workers = 1
[database]
$(database heat)
[clients_keystone]
auth_uri = ${keystone%/v3}
$(account trustee | grep -v '^project_')
[paste_deploy]
api_paste_config = /etc/heat/api-paste.ini
$(tokens)
$(messages)
END
}

# The same Keystone and Glance by TLS, with a certificate of an authority that nobody knows.
configure_haproxy() {
  cat <<END
defaults
  mode http
  timeout connect 5s
  timeout client 10m
  timeout server 10m
frontend keystone
  bind 127.0.0.1:5443 ssl crt /run/cloud/tls/server.pem
  default_backend keystone
frontend glance
  bind 127.0.0.1:9443 ssl crt /run/cloud/tls/server.pem
  default_backend glance
backend keystone
  server one 127.0.0.1:5000
backend glance
  server one 127.0.0.1:9292
END
}

# cloud <name> <auth url> <region> <further lines...>
cloud() {
  printf '  %s:\n    region_name: %s\n    auth:\n      auth_url: %s\n' "$1" "$3" "$2"
  printf '      username: admin\n      password: %s\n      project_name: admin\n' "$password"
  printf '      user_domain_name: Default\n      project_domain_name: Default\n'
  shift 3
  printf '    %s\n' "$@"
}

configure_clients() {
  echo "clouds:"
  cloud test "$keystone" test "interface: public"
  cloud test-tls https://127.0.0.1:5443/v3 tls "cacert: $state/tls/ca.pem"
  cloud test-untrusted https://127.0.0.1:5443/v3 tls "interface: public"
}

configure_all() {
  local name
  mkdir -p "$etc"
  configure_mariadb >"$etc/mariadb.conf"
  for name in keystone glance placement nova neutron heat; do "configure_$name" >"$etc/$name.conf"; done
  configure_nova compute >"$etc/nova-compute.conf"
  configure_haproxy >"$etc/haproxy.conf"
  configure_clients >"$state/clouds.yaml"
}
