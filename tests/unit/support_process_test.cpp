// Running other programs: every way that a child can end, and what it is given.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "expect.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::support {
namespace {

using std::chrono::milliseconds;

Result shell(const std::string& script) {
  return run({.argv = {"sh", "-c", script}});
}

/// Gone, or dead and not yet reaped by whoever inherited it.
bool is_running(pid_t pid) {
  std::error_code problem;
  if (!fs::exists("/proc/" + std::to_string(pid), problem))
    return false;
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/stat");
  return status.find(") Z ") == std::string::npos;
}

bool ends_soon(pid_t pid) {
  for (int i = 0; i < 500 && is_running(pid); ++i)
    ::usleep(20'000);
  return !is_running(pid);
}

TEST(Process, GivesBothStreamsAndTheStatus) {
  const Result result = shell("printf out; printf err >&2; exit 3");
  EXPECT_EQ("out", result.out);
  EXPECT_EQ("err", result.err);
  EXPECT_EQ(3, result.exit_status);
  EXPECT_EQ(0, result.signal);
  EXPECT_FALSE(result.timed_out);
  EXPECT_FALSE(result.ok());
}

TEST(Process, NoShellReadsTheArguments) {
  const std::vector<std::string> odd{"a b", "", "$HOME", "`id`", "*", "'\"", "x\ny", ";", "\\", "--", "ä"};
  std::vector<std::string> argv{"printf", "%s\\0"};
  argv.insert(argv.end(), odd.begin(), odd.end());
  std::string expected;
  for (const auto& word : odd)
    expected += word + '\0';
  EXPECT_EQ(expected, run_checked({.argv = argv}));
}

TEST(Process, AQuotedCommandLineMeansTheSameInAShell) {
  const std::vector<std::string> argv{"printf", "%s|",  "a b", "",  "$HOME", "it's",
                                      "''",     "x\ny", "\\",  "~", "#c",    "a=b"};
  EXPECT_EQ(run_checked({.argv = argv}), shell(quote(argv)).out);
  EXPECT_EQ("qemu-img info --a=b /x,y", quote({"qemu-img", "info", "--a=b", "/x,y"}))
      << "plain words stay plain";
}

TEST(Process, StandardInputIsEmptyUnlessGiven) {
  EXPECT_EQ("", run_checked({.argv = {"cat"}}));
  EXPECT_EQ("hello", run_checked({.argv = {"cat"}, .input = "hello"}));
}

TEST(Process, InputAndOutputOfMegabytesDoNotBlockEachOther) {
  std::string input(5 << 20, 'x');
  for (std::size_t i = 0; i < input.size(); i += 4093)
    input[i] = static_cast<char>('a' + i % 26);
  EXPECT_TRUE(input == run_checked({.argv = {"cat"}, .input = input}));
}

TEST(Process, AChildMayLeaveItsInputUnread) {
  ::signal(SIGPIPE, SIG_IGN);  // as install_interrupt_handler() does
  EXPECT_TRUE(run({.argv = {"true"}, .input = std::string(1 << 20, 'x')}).ok());
}

TEST(Process, TheEnvironmentIsOursWithAdditionsInTheCLocale) {
  ::setenv("VMIMAGE_TEST_OURS", "kept", 1);
  ::setenv("LC_ALL", "de_DE.UTF-8", 1);
  const std::string out = run_checked({.argv = {"env"}, .environment = {{"VMIMAGE_TEST_NEW", "a b"}}});
  EXPECT_TRUE(contains(out, "VMIMAGE_TEST_OURS=kept\n"));
  EXPECT_TRUE(contains(out, "VMIMAGE_TEST_NEW=a b\n"));
  EXPECT_TRUE(contains(out, "LC_ALL=C.UTF-8\n"));
}

TEST(Process, TheWorkingDirectoryIsTheOneGiven) {
  const TempDir folder;
  EXPECT_EQ(fs::canonical(folder.path()).string() + "\n",
            run_checked({.argv = {"pwd", "-P"}, .directory = folder.path()}));
}

TEST(Process, AChildInheritsOnlyItsThreeStreams) {
  const int leak = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(leak, 3);
  // ls itself opens the folder that it lists, as the lowest free number.
  EXPECT_EQ("0\n1\n2\n3\n", run_checked({.argv = {"ls", "/proc/self/fd"}}));
  ::close(leak);
}

TEST(Process, AMissingProgramIsNamedWithAHint) {
  const auto error = error_of([] { run({.argv = {"vmimage-no-such-program"}}); });
  EXPECT_EQ(ErrorKind::Failure, error.kind());
  EXPECT_STREQ("failed to run 'vmimage-no-such-program': program not found on PATH", error.what());
  EXPECT_TRUE(contains(error.hint(), "install it"));
}

TEST(Process, WhatCannotBeStartedIsAnErrorToo) {
  const TempDir folder;
  const fs::path program = folder.path() / "program";
  write_file_atomic(program,
                    "\x7f"
                    "ELF, but no more",
                    0755);
  EXPECT_TRUE(
      contains(error_of([&] { run({.argv = {program}}); }).what(), "failed to run '" + program.string()));
  const auto error = error_of([&] { run({.argv = {"true"}, .directory = folder.path() / "absent"}); });
  EXPECT_TRUE(contains(error.what(), "failed to run 'true'")) << error.what();
}

TEST(Process, AFailureTellsTheLastLineAndTheCommand) {
  const auto error = error_of([] {
    run_checked({.argv = {"sh", "-c", "echo one >&2; echo two >&2; exit 7"}});
  });
  EXPECT_STREQ("sh failed with exit status 7: two", error.what());
  EXPECT_TRUE(contains(error.hint(), "one\ntwo\n"));
  EXPECT_TRUE(contains(error.hint(), "sh -c 'echo one >&2; echo two >&2; exit 7'"));
}

TEST(Process, AFailureOnStandardOutputIsToldWhenTheOtherIsEmpty) {
  const auto error = error_of([] { run_checked({.argv = {"sh", "-c", "echo reason; exit 1"}}); });
  EXPECT_STREQ("sh failed with exit status 1: reason", error.what());
}

TEST(Process, AKilledChildIsNoSuccess) {
  const Result result = shell("kill -KILL $$");
  EXPECT_EQ(SIGKILL, result.signal);
  EXPECT_EQ(-1, result.exit_status);
  EXPECT_FALSE(result.ok());
  const auto error = error_of([] { run_checked({.argv = {"sh", "-c", "kill -KILL $$"}}); });
  EXPECT_STREQ("sh was ended by signal 9 (Killed)", error.what());
}

TEST(Process, ATimeoutEndsTheWholeGroup) {
  const TempDir folder;
  const fs::path pid = folder.path() / "pid";
  const Result result = run({.argv = {"sh", "-c", "sleep 1000 & echo $! >" + pid.string() + "; wait"},
                             .timeout = milliseconds(500)});
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(ends_soon(std::stoi(read_file(pid)))) << "the grandchild goes on";
}

TEST(Process, ATimeoutHoldsForAChildThatClosedItsStreams) {
  const Result result =
      run({.argv = {"sh", "-c", "exec sleep 1000 >/dev/null 2>&1"}, .timeout = milliseconds(300)});
  EXPECT_TRUE(result.timed_out);
}

TEST(Process, AChildThatIgnoresTheTermSignalIsKilled) {
  const auto error = error_of([] {
    // The loop outlives its sleep, which does not ignore the signal.
    run_checked({.argv = {"sh", "-c", "trap '' TERM; echo ready >&2; while :; do sleep 1; done"},
                 .timeout = milliseconds(300)});
  });
  EXPECT_STREQ("sh did not finish in time: ready", error.what());
}

TEST(Process, OnLineGetsWholeLines) {
  std::vector<std::string> lines;
  run({.argv = {"sh", "-c",
                "printf 'a\\nb' >&2; sleep 0.1; printf 'c\\n10%%\\r20%%\\r\\n\\nlast' >&2; echo out"},
       .on_line = [&](std::string_view line) { lines.emplace_back(line); }});
  EXPECT_EQ((std::vector<std::string>{"a", "bc", "10%", "20%", "last"}), lines);
}

TEST(Process, StandardErrorIsKeptAsItsLast64KiB) {
  const Result result = shell("i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done >&2");
  ASSERT_TRUE(result.ok());
  EXPECT_LE(result.err.size(), 65536u);
  EXPECT_GE(result.err.size(), 60000u);
  EXPECT_TRUE(result.err.ends_with("line 29999\n"));
}

TEST(Process, ADaemonOutlivesUsInASessionOfItsOwn) {
  const TempDir folder;
  const fs::path log = folder.path() / "log";
  const fs::path pid_file = folder.path() / "pid";
  const pid_t starter = ::fork();
  if (starter == 0) {
    const pid_t pid = start_detached({"sh", "-c", "echo started; echo oops >&2; exec sleep 1000"}, log);
    write_file_atomic(pid_file, std::to_string(pid));
    ::_exit(0);
  }
  ASSERT_EQ(starter, ::waitpid(starter, nullptr, 0));
  const pid_t pid = std::stoi(read_file(pid_file));
  for (int i = 0; i < 500 && read_file(log) != "started\noops\n"; ++i)
    ::usleep(20'000);
  EXPECT_EQ("started\noops\n", read_file(log));
  EXPECT_TRUE(is_running(pid));
  EXPECT_EQ(pid, ::getsid(pid));
  ::kill(pid, SIGKILL);
}

TEST(Process, ADaemonsLogIsAppendedTo) {
  const TempDir folder;
  const fs::path log = folder.path() / "log";
  write_file_atomic(log, "before\n");
  const pid_t pid = start_detached({"echo", "after"}, log);
  EXPECT_TRUE(ends_soon(pid));
  EXPECT_EQ("before\nafter\n", read_file(log));
}

/// In a process of its own, because the flag of an interrupt stays set.
template <typename Action>
int exit_status_after_signal(int signal, const fs::path& ready, Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      install_interrupt_handler();
      action();
    } catch (const Error& error) {
      status = error.exit_status();
    } catch (...) {
      status = 98;
    }
    ::_exit(status);
  }
  for (int i = 0; i < 500 && !fs::exists(ready); ++i)
    ::usleep(20'000);
  ::kill(child, signal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Process, AnInterruptEndsTheChildAndTheWait) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const TempDir folder;
    const fs::path pid = folder.path() / "pid";
    const std::string script = "echo $$ >" + pid.string() + ".new; mv " + pid.string() + ".new " +
                               pid.string() + "; exec sleep 1000";
    EXPECT_EQ(130, exit_status_after_signal(signal, pid, [&] { run({.argv = {"sh", "-c", script}}); }));
    EXPECT_TRUE(ends_soon(std::stoi(read_file(pid))));
  }
}

TEST(Process, AChildIsKilledWhenWeAreKilled) {
  const TempDir folder;
  const fs::path pid = folder.path() / "pid";
  const std::string script =
      "echo $$ >" + pid.string() + ".new; mv " + pid.string() + ".new " + pid.string() + "; exec sleep 1000";
  EXPECT_EQ(-SIGKILL, exit_status_after_signal(SIGKILL, pid, [&] { run({.argv = {"sh", "-c", script}}); }));
  EXPECT_TRUE(ends_soon(std::stoi(read_file(pid))));
}

TEST(Process, NothingIsStartedAfterAnInterrupt) {
  const TempDir folder;
  const fs::path ready = folder.path() / "ready";
  const fs::path trace = folder.path() / "trace";
  const int status = exit_status_after_signal(SIGINT, ready, [&] {
    write_file_atomic(ready, "");
    while (!interrupted())
      ::usleep(1000);
    run({.argv = {"touch", trace}});
  });
  EXPECT_EQ(130, status);
  EXPECT_FALSE(fs::exists(trace));
}

TEST(FindProgram, LooksOnThePathAndInTheSbinFolders) {
  const TempDir folder;
  const std::string path = std::getenv("PATH");
  write_file_atomic(folder.path() / "tool", "#!/bin/sh\n", 0755);
  write_file_atomic(folder.path() / "data", "", 0644);
  ::setenv("PATH", ("/nonexistent:" + folder.path().string()).c_str(), 1);
  EXPECT_EQ(folder.path() / "tool", find_program("tool"));
  EXPECT_EQ("", find_program("data")) << "not executable";
  EXPECT_EQ(folder.path() / "tool", find_program((folder.path() / "tool").string()));
  EXPECT_EQ("", find_program("/nonexistent/tool"));
  EXPECT_NE("", find_program("e2fsck")) << "in /usr/sbin, which is not on this PATH";
  ::setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace vmimage::support
