#pragma once
// Namespaces (namespaces(7)): a user namespace in which somebody without privileges is root, and the jail in
// which a step runs. Every function changes the process that calls it.

#include <sys/types.h>

#include <filesystem>

#include "provision/plan.hpp"

namespace vmimage::provision {

/// For the parent of a process that has called unshare(CLONE_NEWUSER): gives its namespace 65536 users and
/// groups that are nobody outside. With root's rights they come from the range that systemd uses for
/// containers, else from /etc/subuid and /etc/subgid by newuidmap(1). Throws Error{Failure} with what to set
/// up.
void map_ids(pid_t process);

/// Throws Error{Failure} with what stands in the way when no user namespace can be made here.
void enter_user_namespace();
/// Becomes root of the user namespace, once it is mapped.
void become_root();

/// Own mounts, and an empty folder in memory for the root file system; returns it.
std::filesystem::path mount_memory();

/// Own processes (for children), mounts, host name, System V IPC and, unless the host's is asked for,
/// network.
void unshare_for_step(Network network);
/// For the first process in there: makes `root` its "/", with /proc, /sys (read-only), and /dev, /run and
/// /tmp in memory; nothing of the host is left to see.
void enter_root(const std::filesystem::path& root, Network network);
/// Lets go of what a program needs no more to set up a root file system: mounting, tracing, devices, …
void drop_capabilities();

}  // namespace vmimage::provision
