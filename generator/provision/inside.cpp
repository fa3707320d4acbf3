#include "provision/inside.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>

#include "provision/jail.hpp"
#include "provision/plan.hpp"
#include "provision/step.hpp"
#include "provision/terminal.hpp"
#include "provision/tree.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::provision {

using support::failure;
using support::throw_errno;
namespace fs = std::filesystem;

namespace {

int open_or_fail(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (file < 0)
    throw_errno("open '" + path.string() + "'");
  return file;
}

/// Everything of the host that is used inside, opened while its paths can be reached.
struct Open {
  explicit Open(const Plan& plan) {
    for (const auto& layer : plan.layers)
      layers.push_back(open_or_fail(layer.tar, O_RDONLY));
    for (const auto& step : plan.steps) {
      auto& files = steps.emplace_back();
      for (const auto& file : step.files)
        files.push_back(open_or_fail(file.source, O_RDONLY));
    }
    result = open_or_fail(plan.result, O_WRONLY | O_CREAT | O_TRUNC);
    resolv_conf = ::open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
  }
  std::vector<int> layers;
  std::vector<std::vector<int>> steps;
  int result = -1;
  int resolv_conf = -1;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw_errno("make a pipe");
    in = ends[0];
    out = ends[1];
  }
  ~Pipe() {
    for (const int end : {in, out})
      if (end >= 0)
        ::close(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_out() {
    ::close(out);
    out = -1;
  }
  void close_in() {
    ::close(in);
    in = -1;
  }
  void write(const std::string& text) const {
    for (std::size_t done = 0; done < text.size();) {
      const auto put = ::write(out, text.data() + done, text.size() - done);
      if (put <= 0)
        return;
      done += static_cast<std::size_t>(put);
    }
  }
  std::string read_all() const {
    std::string text;
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::read(in, buffer.data(), buffer.size())) > 0)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
  }
  int in = -1;
  int out = -1;
};

// What a child answers: 'o' and its result, or 'f' and what went wrong.
std::string answer_of(const std::function<std::string()>& work) {
  try {
    return "o" + work();
  } catch (const support::Error& error) {
    return fmt::format("f{}\n{}", error.what(), error.hint());
  } catch (const std::exception& error) {
    return fmt::format("f{}\n", error.what());
  }
}

/// Runs `work` in a child and gives its result back; what it throws is thrown here. `meanwhile` runs here.
std::string in_child(const std::function<std::string()>& work,
                     const std::function<void(pid_t)>& meanwhile = {}) {
  Pipe answer;
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0)
    throw_errno("start a process");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The first process of a namespace does not see its parent: getppid(2) gives 0.
    if (::getpid() != 1 && ::getppid() != parent)
      ::_exit(1);
    answer.close_in();
    answer.write(answer_of(work));
    ::_exit(0);
  }
  answer.close_out();
  if (meanwhile)
    meanwhile(child);
  const std::string text = answer.read_all();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.empty())
    throw failure(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                      ? "the root file system's process was killed: is there too little memory?"
                      : "the root file system's process ended early");
  if (text[0] == 'o')
    return text.substr(1);
  const auto end = text.find('\n');
  throw failure(text.substr(1, end - 1), text.substr(end + 1));
}

void change_root(const fs::path& root) {
  if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0)
    throw_errno("enter the root file system");
}

void unpack_layers(const Plan& plan, const Open& open, const fs::path& root) {
  in_child([&]() -> std::string {
    change_root(root);
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
      for (const auto& path : plan.layers[i].removed)
        fs::remove_all(path);
      unpack(open.layers[i], plan.layers[i].tar.string());
    }
    return {};
  });
}

/// One step, in namespaces of its own. A process in between makes them: a new process namespace is for the
/// children only, and the jail's root must not become ours.
Outcome run_step(const Step& step, const std::vector<int>& files, const Open& open, const Plan& plan,
                 const fs::path& root, const ShellTerminal* terminal) {
  const std::string answer = in_child([&]() -> std::string {
    unshare_for_step(step.network);
    return in_child([&]() -> std::string {
      enter_root(root, step.network);
      const StepFiles prepared{files, step.network == Network::Host ? open.resolv_conf : -1};
      return to_json(perform(step, prepared, plan.time, terminal));
    });
  });
  return parse_outcome(answer);
}

Outcome run_steps(const Plan& plan, const Open& open, const fs::path& root, const ShellTerminal* terminal) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    Outcome outcome = run_step(plan.steps[i], open.steps[i], open, plan, root, terminal);
    if (outcome.exit_status == 0 && outcome.signal == 0 && !outcome.timed_out)
      continue;
    outcome.step = i;
    return outcome;
  }
  return {};
}

void write_result(const Plan& plan, const Open& open, const fs::path& root, const Stamps& before,
                  Outcome& outcome) {
  const Stamps after = stamps_of(root);
  std::vector<std::string> changed;
  for (const auto& [path, stamp] : after)
    if (const auto old = before.find(path); old == before.end() || old->second != stamp)
      changed.push_back(path);
  // What is of another kind now goes first, too: a folder cannot be unpacked over a link.
  for (const auto& [path, stamp] : before)
    if (const auto now = after.find(path); now == after.end() || now->second.type != stamp.type)
      outcome.removed.push_back(path);
  in_child([&]() -> std::string {
    change_root(root);
    pack(changed, plan.time, open.result);
    return {};
  });
}

/// As root of the user namespace.
Outcome work(const Plan& plan, const Open& open, const ShellTerminal* terminal) {
  ::umask(0);
  const fs::path root = mount_memory();
  unpack_layers(plan, open, root);
  ::usleep(20'000);  // the clock of file systems ticks every few milliseconds
  const Stamps before = stamps_of(root);
  Outcome outcome = run_steps(plan, open, root, terminal);
  if (!outcome.step)
    write_result(plan, open, root, before, outcome);
  return outcome;
}

}  // namespace

void carry_out(const std::string& text) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGXFSZ})
    ::signal(signal, SIG_DFL);  // we end at once, and so does all that we started
  const Plan plan = parse_plan(text);
  const Open open(plan);
  std::optional<ShellTerminal> terminal;
  if (plan.on_failure == OnFailure::Shell)
    terminal.emplace();
  Pipe entered, mapped;
  const std::string outcome = in_child(
      [&]() -> std::string {
        enter_user_namespace();
        entered.write("e");
        entered.close_out();
        mapped.close_out();
        if (mapped.read_all().empty())
          throw failure("failed to make a user namespace");
        become_root();
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user clears it
        return to_json(work(plan, open, terminal ? &*terminal : nullptr));
      },
      [&](pid_t child) {
        entered.close_out();
        if (!entered.read_all().empty()) {
          map_ids(child);
          mapped.write("m");
        }
        mapped.close_out();
        if (terminal)
          terminal->relay_until_end(child);
      });
  fmt::print("{}\n", outcome);
}

}  // namespace vmimage::provision
